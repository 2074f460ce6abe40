"""Whoever opens a pull request chooses many texts: wherever they are shown they mean nothing."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import product

import pytest

from tests.unit.pages.pull_request.test_comment import HARMLESS, HEAD, LISTS, tokens
from tests.unit.review.test_situations import pull
from tiercel.domain.ephemeral.environments import EphemeralRecord, EphemeralState, OriginKind
from tiercel.domain.pages.links import Links
from tiercel.domain.pages.pull_request.comment import COMMENT_MARKER, LONGEST_COMMENT, comment
from tiercel.domain.pages.pull_request.review_page import verification_page
from tiercel.domain.review.comparison import Comparison, SettingChange
from tiercel.domain.review.extras import Packages
from tiercel.domain.review.stack_plans import StackPlan
from tiercel.domain.review.statuses import StatusState, conflict_status, placed, status_of
from tiercel.domain.review.verdicts import Reviewed, ServiceVerdict
from tiercel.domain.stack.plan import Change

HOSTILE = {
    "html": "<img src=x onerror=alert(1)><script>alert(1)</script>",
    "a comment": f"<!-- hidden --> {COMMENT_MARKER}",
    "the end of a section": "</details></table><h1>approved</h1>",
    "a link": "[click](https://evil.example/) https://evil.example www.evil.example",
    "an image": "![x](https://evil.example/x.png)",
    "a mention": "@acme/everyone @ada a@b.example",
    "a reference": "#1 GH-1 acme/shop#2 fixes #3",
    "back-ticks": "`a` ``b`` ```` c",
    "a table": "a | b || c |\n| --- |",
    "a heading": "# approved\n## yes\n> quoted\n- list\n1. first",
    "emphasis": "**bold** _it_ ~~gone~~ $x$",
    "both directions": "\u202egnp.exe\u2066\u2069\u200f\u061c",
    "invisible": "a\u200bb\ufeffc\u00add\u2060e",
    "controls": "\x1b[2J\x00\x07\r\n\x85\u2028\u2029",
    "255 bytes": "\U0001f980" * 63 + "abc",
    "accents": "e" + "\u0301" * 250,
    "half a letter": "\ud800",
    "a workflow's command": "::error file=a::b\n::set-output name=x::y",
    "an expression": "${{ secrets.GITHUB_TOKEN }} $(touch x)",
    "entities": "&lt;b&gt; &#64;acme &commat;acme",
}
PLACES = (
    "service", "resource", "type", "property", "reason", "details", "setting", "value",
    "environment", "address", "branch", "title", "author",
)  # fmt: skip
OURS = ("shop@aaaaaaa", "#7")
"""Texts of links on the page of the run."""
PINGS = re.compile(r"@[A-Za-z0-9]|#[0-9]|\bGH-[0-9]")
PRINTED = re.compile(r"[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c\x00-\x09\x0b-\x1f\x7f-\x9f]")


def written(place: str, text: str) -> list[str]:
    """The comment and the page of a pull request, with a text of its author's at one place."""

    def at(name: str, other: str) -> str:
        return text if name == place else other

    change = Change(
        action="Modify",
        logical_id=at("resource", "Queue"),
        resource_type=at("type", "AWS::SQS::Queue"),
        properties=(at("property", "Tags"),),
        replacement="True",
    )
    status = status_of(
        at("service", "orders"), StatusState.FAILURE, at("reason", "failed"), at("details", "why")
    )
    verdict = ServiceVerdict(
        service=at("service", "orders"),
        status=status,
        changes=(change,),
        packages=Packages(after=1),
    )
    planned = verdict.model_copy(update={"plan": StackPlan(changes=(change,), unseen=True)})
    offline = verdict.model_copy(update={"plan": StackPlan(reason=at("reason", "no"))})
    setting = SettingChange(
        service="a", key=at("setting", "test"), before=at("value", "1"), after=at("value", "2")
    )
    when = datetime(2026, 1, 1, tzinfo=UTC)
    record = EphemeralRecord(
        name="mine", owner="ada", purpose="", origin=OriginKind.PULL_REQUEST, origin_of="7",
        repository="acme/shop", commit=HEAD, services=(), created=when, expires=when,
        state=EphemeralState.UP, address=at("address", "https://a.example/x"),
    )  # fmt: skip
    review = Reviewed(
        [planned, offline],
        comparison=Comparison(settings=(setting,)),
        environment=at("environment", "preprod"),
        later=("prod",),
        on_demand=[record],
    )
    one = pull(at("branch", "feature/x"), at("branch", "develop"))
    one = one.model_copy(update={"title": at("title", "T"), "author": at("author", "ada")})
    whole = conflict_status(one) if place == "branch" else status
    checks = placed("preprod", [whole])
    page = verification_page(one, HEAD, checks, Links(server="https://github.com"))
    assert all(check.short.isprintable() and len(check.short) <= 140 for check in checks)
    return [comment(whole, review, HEAD, at("address", "https://prefect.example/run")), page]


@pytest.mark.parametrize(
    ("place", "text"),
    [pytest.param(p, t, id=f"{name} as {p}") for (name, t), p in product(HOSTILE.items(), PLACES)],
)
def test_a_text_of_the_author_means_nothing_and_pings_nobody(place: str, text: str) -> None:
    for shown, plain in zip(written(place, text), written(place, "plain"), strict=True):
        found, expected = tokens(shown), tokens(plain)
        ours = {"link_open", "link_close", "strong_open", "strong_close"}
        assert {one.type for one in found} <= HARMLESS | LISTS | ours
        strong = [sum(one.type == "strong_open" for one in some) for some in (found, expected)]
        assert strong[0] == strong[1]
        for one in found:
            if one.type == "link_open":
                href = str(one.attrs["href"])
                assert re.match(r"https://(github\.com|a\.example|prefect\.example)/", href)
            if one.type == "text" and one.content not in OURS:
                assert not PINGS.search(one.content), one.content
        assert not PRINTED.search(shown), "a control is shown"
        assert not shown.startswith(COMMENT_MARKER)
        assert len(shown) <= LONGEST_COMMENT
