"""Names of change sets and client tokens: a release and an attempt, written and read back."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from tiercel.domain.base.text import legal_text

_TOKEN_LIMIT = 128
_OUTSIDE = "-outside"
_PROMOTION = "promotion"
_OF_HEAD, _OF_CONTENTS = 12, 16
_AT_WORK_FOR = timedelta(hours=1)
"""A run deletes within minutes what it makes to be shown."""
_PULL_REQUEST_PLAN = rf"pull-[0-9]+-[0-9a-f]{{{_OF_HEAD}}}-[0-9a-f]{{{_OF_CONTENTS}}}"


def client_token(*parts: str | int) -> str:
    """Return the parts, joined by hyphens, as a CloudFormation client (request) token.

    A legal text of 1 to 128 characters stays as it is; any other is cleaned and ends in
    a fingerprint, so that two texts never share a token:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ExecuteChangeSet.html
    """
    return legal_text(parts, r"^-|[^A-Za-z0-9-]", 1, _TOKEN_LIMIT)


def change_set_name(release: int, attempt: int) -> str:
    """Return the name of the change set of one attempt at one release of the ledger."""
    return f"release-{release}-attempt-{attempt}"


def release_of(token: str) -> tuple[int, int] | None:
    """Return release and attempt of a token that `change_set_name` made, else None."""
    match = re.fullmatch(r"release-([0-9]+)-attempt-([0-9]+)", token)
    return (int(match[1]), int(match[2])) if match else None


def attempted_release(name: str) -> int | None:
    """Return the release that a change set was made for, None if Tiercel made it for none.

    That of a plan which does not look into nested stacks has a longer name.
    """
    made = release_of(_whole(name))
    return made[0] if made else None


def _whole(name: str) -> str:
    return name.removesuffix(_OUTSIDE)


def outside_name(name: str) -> str:
    """Return the name of the same change set, if nested stacks are not looked into."""
    return name + _OUTSIDE


def pull_request_plans(number: int) -> str:
    """Return what the names of change sets begin with that show what a pull request would change.

    A hyphen follows.
    """
    return f"pull-{number}"


def pull_request_plan(number: int, head: str, contents: str) -> str:
    """Return the name of the change set of a head, made from what a digest is of.

    The run is part of that: another of the same head has a change set of its own.
    """
    return f"{pull_request_plans(number)}-{head[:_OF_HEAD]}-{contents[:_OF_CONTENTS]}"


def discardable_plans(
    made: Iterable[tuple[str, datetime]], number: int, own: Collection[str], now: datetime
) -> list[str]:
    """Return which change sets of a pull request a run deletes, given names and when each was made.

    Those that are its `own`, and those that no run can be at work with any more: their run was
    killed. Another run of the same pull request may still look at a younger one.
    """
    return [
        name
        for name, at in made
        if name.startswith(f"{pull_request_plans(number)}-")
        and (name in own or now - at > _AT_WORK_FOR)
    ]


def promotion_plan(contents: str) -> str:
    """Return the name of the change set that shows what a promotion would do, made of a digest."""
    return f"{_PROMOTION}-{contents[:_OF_CONTENTS]}"


def is_shown_only(name: str) -> bool:
    """Tell whether a change set was made to be shown: for a pull request, or to be approved.

    Nobody executes one, and whoever made it deletes it within minutes.
    """
    of_promotion = rf"{_PROMOTION}-[0-9a-f]{{{_OF_CONTENTS}}}"
    return re.fullmatch(rf"{_PULL_REQUEST_PLAN}|{of_promotion}", _whole(name)) is not None


def attempt_in(token: str, release: int) -> int:
    """Return which attempt at a release a token belongs to, 0 if it is not of this release.

    Tokens of repairs have the change set's name inside.
    """
    match = re.search(r"release-([0-9]+)-attempt-([0-9]+)", token)
    return int(match[2]) if match and int(match[1]) == release else 0
