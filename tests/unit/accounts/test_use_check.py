from __future__ import annotations

import pytest

from tiercel.domain.accounts.by_hand import StackByHand
from tiercel.domain.accounts.findings import Aspect, Thing, Verdict
from tiercel.domain.accounts.observations import Quota, Unread
from tiercel.domain.accounts.use_check import (
    accepts_github,
    are_protected,
    builds_are_held,
    clock_is_right,
    external_id_is_taken,
    quotas_have_room,
    worked,
)
from tiercel.domain.base.errors import TransientError, UnreachableError
from tiercel.domain.organization.topology import BuildPlace

THING = Thing("222222222222", "account")
DENIED = Unread("AccessDenied: no")
BUSY = Unread("SlowDown", passing=True)


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [(None, Verdict.GREEN), (True, Verdict.GREEN), (DENIED, Verdict.RED), (BUSY, Verdict.UNKNOWN)],
)
def test_what_was_tried_worked_was_refused_or_says_nothing(seen: object, verdict: Verdict) -> None:
    found = worked(THING, "change set", seen, "provision it")
    assert (found.verdict, found.aspect) == (verdict, Aspect.USE)


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        (BuildPlace.ISOLATED, Verdict.GREEN),
        (BuildPlace.HERE, Verdict.UNKNOWN),
        (DENIED, Verdict.RED),
    ],
)
def test_builds_are_held_or_it_is_said(seen: BuildPlace | Unread, verdict: Verdict) -> None:
    found = builds_are_held(THING, seen)
    assert (found.verdict, found.aspect) == (verdict, Aspect.SETTINGS)
    assert bool(found.why) is (verdict is not Verdict.GREEN)


@pytest.mark.parametrize(
    ("seen", "verdict", "said"),
    [
        (0.4, Verdict.GREEN, ""),
        (60.0, Verdict.GREEN, ""),
        (-60.0, Verdict.GREEN, ""),
        (61.0, Verdict.RED, "61 seconds ahead of"),
        (-400.0, Verdict.RED, "400 seconds behind"),
        (Unread("SignatureDoesNotMatch: Signature expired: 2026"), Verdict.RED, "refuses the time"),
        (Unread("RequestTimeTooSkewed: too large"), Verdict.RED, "refuses the time"),
        (DENIED, Verdict.UNKNOWN, ""),
    ],
)
def test_the_clock_may_be_a_minute_off(seen: float | Unread, verdict: Verdict, said: str) -> None:
    found = clock_is_right(THING, seen)
    assert found.verdict is verdict
    assert said in found.what


@pytest.mark.parametrize(
    ("seen", "count"), [((DENIED, DENIED), 2), ((DENIED, None), 0), ((DENIED, BUSY), 0)]
)
def test_the_external_id_is_suspected_when_every_role_refuses(
    seen: tuple[object, object], count: int
) -> None:
    found = external_id_is_taken([THING, THING], "acme-1", seen, "provision it")
    assert len(found) == count
    assert all("acme-1" in one.what for one in found)


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        (("sts.amazonaws.com",), Verdict.GREEN),
        (("sts.amazonaws.com", "another"), Verdict.GREEN),
        (("another",), Verdict.RED),
        (None, Verdict.RED),
        (DENIED, Verdict.RED),
        (BUSY, Verdict.UNKNOWN),
    ],
)
def test_the_provider_of_githubs_tokens_is_there(
    seen: tuple[str, ...] | Unread | None, verdict: Verdict
) -> None:
    found = accepts_github(THING, "provision it", seen)
    assert (found.verdict, found.aspect) == (verdict, Aspect.SETTINGS)


@pytest.mark.parametrize(
    ("used", "verdict"), [(0, Verdict.GREEN), (899, Verdict.GREEN), (900, Verdict.RED)]
)
def test_a_quota_near_its_limit_is_red(used: int, verdict: Verdict) -> None:
    (found,) = quotas_have_room(THING, "roles", (Quota("roles", used, 1000),))
    assert found.verdict is verdict


def test_a_quota_that_cannot_be_read_is_not_checked() -> None:
    (found,) = quotas_have_room(THING, "roles", DENIED)
    assert (found.verdict, found.why) == (Verdict.UNKNOWN, DENIED.why)


def test_a_failure_keeps_its_words_and_whether_it_passes() -> None:
    refused = UnreachableError("test.reason", "not allowed to sign", why="AccessDenied: no")
    assert Unread.of(refused) == Unread("not allowed to sign: AccessDenied: no")
    assert Unread.of(TransientError("test.reason", "AWS is busy")) == Unread(
        "AWS is busy", passing=True
    )


def test_a_stack_without_termination_protection_is_named_with_the_command_that_turns_it_on() -> (
    None
):
    arn = "arn:aws:cloudformation:eu-central-1:444444444444:stack/acme-prod-orders/1"
    stack = StackByHand(arn, "444444444444", "eu-central-1", protected=False)
    found = are_protected(THING, (stack,))
    assert (found.verdict, found.aspect) == (Verdict.RED, Aspect.SETTINGS)
    assert "acme-prod-orders" in found.what
    assert f"--enable-termination-protection --stack-name {arn}" in found.remedy
    assert are_protected(THING, ()).verdict is Verdict.GREEN
    assert are_protected(THING, DENIED).verdict is Verdict.RED
    assert are_protected(THING, BUSY).verdict is Verdict.UNKNOWN
