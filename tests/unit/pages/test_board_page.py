"""The board puts what runs in the environments of one Prefect server side by side."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.support.releases import NOON, outcome, release
from tiercel.domain.base.errors import TiercelError
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.topology import Environment
from tiercel.domain.pages.board_page import (
    BoardLine,
    BoardPart,
    board_page,
    board_part,
    board_part_in,
)
from tiercel.domain.pages.links import Links
from tiercel.domain.release.entries import UnreadableEntry
from tiercel.domain.release.ledger import Release, ReleaseStatus
from tiercel.domain.release.live import live_of

LINKS = Links(server="https://github.com")
HOSTILE = "<img src=x onerror=alert(1)> | [x](https://evil.example) `y`\n# z \u202egnp"


def names(environment: str) -> Names:
    return Names(
        "acme",
        Environment(
            name=environment,
            branch="develop",
            region="eu-central-1",
            infrastructure_account="111111111111",
            runtime_account="222222222222",
            external_id="external-id",
        ),
    )


def part(environment: str, *releases: Release, production: bool = False) -> BoardPart:
    live = [live_of(one.intent.stack, [one]) for one in releases]
    found = board_part(names(environment), live, NOON)
    return found.model_copy(update={"production": production})


def shown(*parts: BoardPart) -> str:
    return board_page(parts, LINKS, lambda name: f"http://prefect/live-{name}")


def row(page: str, service: str) -> list[str]:
    (line,) = [one for one in page.splitlines() if one.startswith(f"| {service} |")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_both_environments_stand_side_by_side_production_last() -> None:
    live = part("prod", release(outcome(), number=3, stack="acme-prod-orders"), production=True)
    before = part("preprod", release(outcome(), number=7))

    page = shown(live, before)

    heads = (
        "| service | [preprod](http://prefect/live-preprod) | [prod](http://prefect/live-prod) |"
    )
    assert heads in page
    service, in_preprod, in_prod, same = row(page, "orders")
    assert (service, same) == ("orders", "yes")
    assert in_preprod.startswith("7: [shop@1111111](https://github.com/acme/shop/commit/")
    assert in_preprod.endswith("), 2026-03-01 12:00")
    assert in_prod.startswith("3: ")


def test_what_only_one_environment_runs_or_runs_otherwise_is_seen() -> None:
    before = part(
        "preprod",
        release(outcome(), artifact_digest="e" * 64),
        release(outcome(), service="mail", stack="acme-preprod-mail"),
    )
    page = shown(before, part("prod", release(outcome()), production=True))
    assert row(page, "orders")[3] == "no"
    assert row(page, "mail")[2:] == ["", ""]


@pytest.mark.parametrize(
    ("newest_first", "words"),
    [
        ([release(outcome(status=ReleaseStatus.FAILED))], "7: .*\\*\\*its smoke test failed\\*\\*"),
        ([release(number=9), release(outcome())], "7: .*\\*\\*release 9 open since .*\\*\\*"),
        ([release(number=9)], "9: .*\\*\\*release 9 open since .*\\*\\*"),
    ],
)
def test_what_is_not_as_it_should_be_is_marked(newest_first: list[Release], words: str) -> None:
    live = live_of("acme-preprod-orders", newest_first)
    (line,) = board_part(names("preprod"), [live], NOON).lines
    page = shown(part("preprod").model_copy(update={"lines": (line,)}))
    assert re.search(words, "|".join(row(page, "orders")))


def test_a_stack_of_which_nothing_can_be_read_is_named() -> None:
    damaged = TiercelError("ledger.entry_damaged", "entry 9 cannot be read").failure
    stack = "acme-preprod-orders"
    live = live_of(stack, [UnreadableEntry(stack, 9, damaged)])
    page = shown(board_part(names("preprod"), [live], NOON))
    assert row(page, "orders")[1] == "**release 9 cannot be read**"


def test_one_environment_alone_is_compared_with_nothing() -> None:
    assert "| same |" not in shown(part("preprod", release(outcome())))
    assert "Nothing is deployed yet." in shown(part("preprod"))


def test_a_part_comes_back_from_its_document_and_nothing_else_is_one() -> None:
    told = part("preprod", release(outcome()))
    assert board_part_in(json.dumps(told.model_dump(mode="json"))) == told
    nowhere = told.model_dump(mode="json") | {"at": "0001-01-01T00:00:00+10:00"}
    others: list[Any] = [
        None, "", "[]", '{"environment": "preprod"}', "{", {"lines": []}, json.dumps(nowhere),
    ]  # fmt: skip
    assert [board_part_in(one) for one in others] == [None] * len(others)


def test_what_somebody_wrote_into_prefect_is_text_on_the_board() -> None:
    line = BoardLine(
        service=HOSTILE, number=1, repository=HOSTILE, commit=HOSTILE, digest=HOSTILE, doubt=HOSTILE
    )
    written = BoardPart(environment=HOSTILE, production=False, at=NOON, lines=(line,))
    page = board_page([written], LINKS, lambda _: "")
    assert not re.search(r"(?<!\\)[<`]|(?<!\\)\]\(https?:..evil", page)
    assert "\n# z" not in page
