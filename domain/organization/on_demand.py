"""Environments on demand: what the worker's tiercel.toml says of them, and what they are called."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from tiercel.domain.base.text import fingerprint, slug
from tiercel.domain.base.values import Frozen
from tiercel.domain.organization.parts import ServiceName

EPHEMERAL = "ephemeral"
"""The word that stands in an environment's place; no environment of tiercel.toml has this name."""
EPHEMERAL_NAME_PATTERN = "^[a-z][a-z0-9]{1,19}$"
"""Without hyphens: `acme-ephemeral-a-b-c` would be of `a` as well as of `a-b`."""

_LONGEST_HOURS = 24 * 30
_MOST_ENVIRONMENTS = 50
_READABLE_PART = 12
_FINGERPRINT_PART = 6

EphemeralName = Annotated[str, StringConstraints(pattern=EPHEMERAL_NAME_PATTERN)]
LabelName = Annotated[str, StringConstraints(pattern=r"^[^\s,][^\x00-\x1f\x7f,]{0,49}$")]
"""GitHub's labels have at most 50 characters."""
_Hours = Annotated[int, Field(strict=True, ge=1, le=_LONGEST_HOURS)]
_Count = Annotated[int, Field(strict=True, ge=1, le=_MOST_ENVIRONMENTS)]


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError("names something twice")
    return names


class EphemeralSettings(Frozen):
    """What environments on demand may take and how long they live.

    `share` are services of the host whose own stacks lend their outputs, and what these stacks
    hold. Times are hours. A person is the owner of environments; those that nobody is known to
    own count as those of one person. A pull request with the `preview_label` has an environment.
    """

    share: Annotated[tuple[ServiceName, ...], AfterValidator(_each_once)] = ()
    default_hours: _Hours = 24
    longest_hours: _Hours = 168
    most_of_one: _Count = 3
    most_of_all: _Count = 10
    express: Annotated[bool, Field(strict=True)] = True
    preview_label: LabelName = "tiercel:preview"

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.default_hours > self.longest_hours:
            raise ValueError("default_hours: longer than longest_hours")
        if self.most_of_one > self.most_of_all:
            raise ValueError("most_of_one: more than most_of_all")
        return self


def name_for_branch(branch: str) -> str:
    """Return the name of a branch's environment; two branches never share one by chance."""
    readable = slug(branch, _READABLE_PART).replace("-", "").lstrip("0123456789") or "branch"
    return readable + fingerprint(branch)[:_FINGERPRINT_PART]


def name_for_pull_request(repository: str, number: int) -> str:
    """Return the name of a pull request's environment: of its number, and of its repository."""
    return f"pr{number}x{fingerprint(repository.lower())[:_FINGERPRINT_PART]}"


def name_for_commit(commit: str) -> str:
    """Return the name of a commit's environment."""
    return f"commit{commit[:_READABLE_PART]}"
