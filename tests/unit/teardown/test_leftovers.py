from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.codes import because
from tests.support.topology import topology_of
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.organization.names import Names
from tiercel.domain.stack.states import StackStatus
from tiercel.domain.stack.tokens import pull_request_plan
from tiercel.domain.teardown.leftovers import (
    Fate,
    Judgement,
    LeftoverKind,
    Why,
    judge_leftovers,
    kind_of,
    next_memory,
)
from tiercel.domain.teardown.leftovers_seen import (
    ChangeSetThere,
    LeftoversSeen,
    LogGroupThere,
    ReapScope,
    StackThere,
    StagedObject,
    TaggedResource,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NAMES = Names.of(topology_of(), "preprod")
SCOPE = ReapScope.of(NAMES, on_demand=True)
ACCOUNT, REGION = SCOPE.account, SCOPE.region
REVIEW = StackStatus.REVIEW_IN_PROGRESS
THINGS = 500
PLANNED = pull_request_plan(17, "a" * 40, "b" * 64)


def stack(name: str, **changes: Any) -> StackThere:
    tags = {"tiercel:organization": "acme", "tiercel:environment": "preprod"}
    there = StackThere(name, stack_id(name), StackStatus.CREATE_COMPLETE, NOW - 9 * DAY, tags)
    return replace(there, **changes)


def stack_id(name: str, number: int = 1) -> str:
    return f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{name}/{number}"


def change_set(stack: str, name: str, age: timedelta, **changes: Any) -> ChangeSetThere:
    return replace(ChangeSetThere(stack, name, f"arn:{stack}/{name}", NOW - age), **changes)


def tags(name: str, environment: str = "ephemeral", **changes: str) -> dict[str, str]:
    return {
        "tiercel:organization": "acme",
        "tiercel:environment": environment,
        "aws:cloudformation:stack-name": name,
        "aws:cloudformation:stack-id": stack_id(name),
    } | {key.replace("_", ":", 1): value for key, value in changes.items()}


def judged(**seen: Any) -> list[tuple[Why, Fate]]:
    known = {"released": frozenset({"acme-preprod-shop"}), "needed": frozenset[str]()} | seen
    return [(one.reason, one.fate) for one in judge_leftovers(SCOPE, LeftoversSeen(**known), NOW)]


def test_nothing_of_production_is_in_any_scope() -> None:
    with pytest.raises(RefusedInputError, check=because("reap.production")):
        ReapScope.of(Names.of(topology_of(), "prod"))


SHOP = stack("acme-preprod-shop")
FRESH = stack("acme-preprod-shop", status=REVIEW, tags={})
OPEN = frozenset({("acme-preprod-shop", 7)})


@pytest.mark.parametrize(
    ("stack", "sets", "opened", "reason", "fate"),
    [
        (FRESH, [], (), Why.NEVER_MADE, Fate.DELETE),
        (replace(FRESH, created=NOW), [], (), Why.HARDLY_MADE, Fate.LATER),
        (FRESH, [("release-7-attempt-1", HOUR / 2, False)], (), Why.HARDLY_MADE, Fate.LATER),
        (FRESH, [("release-7-attempt-1", 2 * HOUR, False)], (), Why.NEVER_MADE, Fate.DELETE),
        (FRESH, [("release-7-attempt-1", 2 * HOUR, False)], OPEN,
         Why.RUN_MAY_GO_ON, Fate.LATER),
        (FRESH, [("release-7-attempt-1", 2 * DAY, False)], OPEN, Why.NEVER_MADE, Fate.DELETE),
        (FRESH, [("release-7-attempt-1", 2 * DAY, True)], (), Why.AT_WORK, Fate.LATER),
        (replace(FRESH, name="acme-preprod-mine"), [], (), Why.NO_RELEASE, Fate.BY_HAND),
        (replace(FRESH, name="acme-preprod-CHECK"), [], (), Why.NEVER_MADE, Fate.DELETE),
        (replace(FRESH, name="acme-prod-shop"), [], (), Why.NOT_OURS, Fate.KEEP),
        (replace(FRESH, tags={"tiercel:organization": "umbrella"}), [], (),
         Why.NOT_OURS, Fate.KEEP),
    ],
)  # fmt: skip
def test_a_stack_in_review_goes_when_no_run_can_want_it_any_more(
    stack: StackThere, sets: list[Any], opened: frozenset[Any], reason: Why, fate: Fate
) -> None:
    made = tuple(change_set(stack.name, name, age, is_at_work=busy) for name, age, busy in sets)
    found = judged(stacks=(stack,), change_sets=made, open_releases=frozenset(opened))
    assert found == [(reason, fate)]


@pytest.mark.parametrize(
    ("name", "age", "busy", "reason", "fate"),
    [
        ("release-6-attempt-1", 2 * HOUR, False, Why.RELEASE_ENDED, Fate.DELETE),
        ("release-6-attempt-2-outside", 2 * HOUR, False, Why.RELEASE_ENDED, Fate.DELETE),
        ("release-6-attempt-1", HOUR / 2, False, Why.HARDLY_MADE, Fate.LATER),
        ("release-6-attempt-1", 2 * HOUR, True, Why.AT_WORK, Fate.LATER),
        ("release-7-attempt-1", 23 * HOUR, False, Why.RUN_MAY_GO_ON, Fate.LATER),
        ("release-7-attempt-1", 25 * HOUR, False, Why.RUN_DIED, Fate.DELETE),
        (PLANNED, 2 * HOUR, False, Why.PLAN_SHOWN, Fate.DELETE),
        (f"{PLANNED}-outside", 2 * HOUR, False, Why.PLAN_SHOWN, Fate.DELETE),
        (PLANNED, HOUR / 2, False, Why.HARDLY_MADE, Fate.LATER),
        (PLANNED, 2 * HOUR, True, Why.AT_WORK, Fate.LATER),
        (f"my-{PLANNED}", 9 * DAY, False, Why.NOT_OURS, Fate.KEEP),
        ("pull-17-mine", 9 * DAY, False, Why.NOT_OURS, Fate.KEEP),
        ("by-hand", 9 * DAY, False, Why.NOT_OURS, Fate.KEEP),
        ("release-6-attempt-1x", 9 * DAY, False, Why.NOT_OURS, Fate.KEEP),
    ],
)
def test_a_change_set_goes_when_its_release_has_ended_or_nobody_takes_it_up(
    name: str, age: timedelta, busy: bool, reason: Why, fate: Fate
) -> None:
    one = change_set(SHOP.name, name, age, is_at_work=busy)
    assert judged(stacks=(SHOP,), change_sets=(one,), open_releases=OPEN) == [(reason, fate)]


@pytest.mark.parametrize(
    "other",
    [
        {"tags": {}},
        {"tags": {"tiercel:organization": "acme", "tiercel:environment": "prod"}},
        {"tags": {"tiercel:organization": "umbrella", "tiercel:environment": "preprod"}},
        {"name": "payroll"},
    ],
)
def test_change_sets_of_stacks_that_are_not_tiercels_stay(other: dict[str, Any]) -> None:
    theirs = replace(SHOP, **other)
    one = change_set(theirs.name, "release-1-attempt-1", 9 * DAY)
    assert judged(stacks=(theirs,), change_sets=(one,)) == [(Why.NOT_OURS, Fate.KEEP)]


@pytest.mark.parametrize(
    ("name", "exists", "owned", "since", "reason", "fate"),
    [
        ("/aws/lambda/acme-preprod-shop-F-1", False, False, None, Why.HARDLY_SEEN, Fate.LATER),
        ("/aws/lambda/acme-preprod-shop-F-1", False, False, 13, Why.HARDLY_SEEN, Fate.LATER),
        ("/aws/lambda/acme-preprod-shop-F-1", False, False, 15, Why.FUNCTION_GONE, Fate.DELETE),
        ("/aws/lambda/acme-ephemeral-a-shop-F-1", False, False, 0.01,
         Why.HARDLY_SEEN, Fate.LATER),
        ("/aws/lambda/acme-ephemeral-a-shop-F-1", False, False, 0.1,
         Why.FUNCTION_GONE, Fate.DELETE),
        ("/aws/lambda/acme-preprod-shop-F-1", True, False, 15, Why.FUNCTION_EXISTS, Fate.KEEP),
        ("/aws/lambda/acme-preprod-shop-F-1", None, False, 15, Why.UNKNOWN, Fate.KEEP),
        ("/aws/lambda/acme-preprod-shop-F-1", False, True, 15, Why.OWNED, Fate.KEEP),
        ("/aws/lambda/acme-prod-shop-F-1", False, False, 15, Why.NOT_OURS, Fate.KEEP),
        ("/aws/lambda/payroll", False, False, 15, Why.NOT_OURS, Fate.KEEP),
        ("/ecs/acme-preprod-shop", False, False, 15, Why.NOT_OURS, Fate.KEEP),
        ("acme-preprod-shop", False, False, 15, Why.NOT_OURS, Fate.KEEP),
    ],
)  # fmt: skip
def test_a_log_group_goes_when_its_function_was_seen_to_be_gone_for_long_enough(
    name: str,
    exists: bool | None,
    owned: bool,
    since: float | None,
    reason: Why,
    fate: Fate,
) -> None:
    seen = {} if since is None else {f"log group {name}": NOW - since * DAY}
    groups = (LogGroupThere(name, exists, is_owned=owned),)
    assert judged(log_groups=groups, first_seen=seen) == [(reason, fate)]


BUCKET = "arn:aws:s3:::acme-ephemeral-a-shop-uploads-1x"
GONE = tags("acme-ephemeral-a-shop")
LASTED = {
    f"{kind} {name}": NOW - 2 * HOUR
    for kind, name in (
        ("bucket", "acme-ephemeral-a-shop-uploads-1x"),
        ("table", "acme-ephemeral-a-shop-Orders-1X"),
        ("queue", "acme-ephemeral-a-shop-Queue-1X"),
        ("log group", "acme-ephemeral-a-shop-Log-1X"),
        ("bucket", "acme-preprod-shop-uploads-1x"),
        ("table", "orders"),
    )
}
HERE = f"{REGION}:{ACCOUNT}"


@pytest.mark.parametrize(
    ("arn", "tags", "reason", "fate"),
    [
        (BUCKET, GONE, Why.STACK_DESTROYED, Fate.DELETE),
        (f"arn:aws:dynamodb:{HERE}:table/acme-ephemeral-a-shop-Orders-1X", GONE,
         Why.STACK_DESTROYED, Fate.DELETE),
        (f"arn:aws:sqs:{HERE}:acme-ephemeral-a-shop-Queue-1X", GONE,
         Why.STACK_DESTROYED, Fate.DELETE),
        (f"arn:aws:logs:{HERE}:log-group:acme-ephemeral-a-shop-Log-1X", GONE,
         Why.STACK_DESTROYED, Fate.DELETE),
        (BUCKET + "2", GONE, Why.HARDLY_SEEN, Fate.LATER),
        (f"arn:aws:dynamodb:{HERE}:table/orders", GONE, Why.NO_RULE, Fate.BY_HAND),
        (f"arn:aws:cognito-idp:{HERE}:userpool/eu-1", GONE, Why.NO_RULE, Fate.BY_HAND),
        (f"arn:aws:kms:{HERE}:key/1", GONE, Why.NO_RULE, Fate.BY_HAND),
        (BUCKET, tags("acme-ephemeral-b-shop"), Why.OWNED, Fate.KEEP),
        (BUCKET, tags("acme-preprod-shop"), Why.NOT_OURS, Fate.KEEP),
        (BUCKET, tags("acme-ephemeral-a-shop", tiercel_organization="umbrella"),
         Why.NOT_OURS, Fate.KEEP),
        (BUCKET, {"tiercel:organization": "acme", "tiercel:environment": "ephemeral"},
         Why.NOT_OURS, Fate.KEEP),
        (BUCKET, tags("acme-ephemeral-a-shop", **{"aws_cloudformation:stack-id": "x"}),
         Why.NOT_OURS, Fate.KEEP),
        (BUCKET, tags("payroll"), Why.NOT_OURS, Fate.KEEP),
        ("arn:aws:s3:::acme-preprod-shop-uploads-1x", tags("acme-preprod-old", "preprod"),
         Why.OF_PERMANENT_STACK, Fate.BY_HAND),
        ("arn:aws:s3:::acme-prod-shop", tags("acme-prod-old", "prod"), Why.NOT_OURS, Fate.KEEP),
    ],
)  # fmt: skip
def test_what_a_destroyed_stack_left_goes_if_it_was_on_demand_and_can_be_deleted(
    arn: str, tags: dict[str, str], reason: Why, fate: Fate
) -> None:
    there = (stack("acme-ephemeral-b-shop"),)
    found = judged(stacks=there, resources=(TaggedResource(arn, tags),), first_seen=LASTED)
    assert found == [(reason, fate)]


def test_where_no_role_acts_on_demand_any_more_somebody_has_to_look() -> None:
    scope = replace(SCOPE, on_demand=False)
    look = LeftoversSeen(resources=(TaggedResource(BUCKET, GONE),), first_seen=LASTED)
    (found,) = judge_leftovers(scope, look, NOW)
    assert (found.reason, found.fate) == (Why.NO_ROLES, Fate.BY_HAND)


def test_what_a_stack_of_the_same_name_left_before_goes_as_well() -> None:
    again = stack("acme-ephemeral-a-shop", stack_id=stack_id("acme-ephemeral-a-shop", 2))
    found = judged(stacks=(again,), resources=(TaggedResource(BUCKET, GONE),), first_seen=LASTED)
    assert found == [(Why.STACK_DESTROYED, Fate.DELETE)]


def test_a_functions_log_group_is_judged_once_and_by_its_function() -> None:
    name = "/aws/lambda/acme-ephemeral-a-shop-F-1"
    found = judged(
        log_groups=(LogGroupThere(name, function_exists=True),),
        resources=(TaggedResource(f"arn:aws:logs:{HERE}:log-group:{name}:*", GONE),),
    )
    assert found == [(Why.FUNCTION_EXISTS, Fate.KEEP)]


PACKAGE = f"packages/{'a' * 64}.zip"


@pytest.mark.parametrize(
    ("key", "needed", "age", "reason", "fate"),
    [
        (PACKAGE, frozenset(), 25 * HOUR, Why.UNNEEDED, Fate.DELETE),
        (PACKAGE, frozenset(), 23 * HOUR, Why.HARDLY_MADE, Fate.LATER),
        (PACKAGE, frozenset({PACKAGE}), 999 * DAY, Why.NEEDED, Fate.KEEP),
        (PACKAGE, None, 999 * DAY, Why.NEEDS_UNKNOWN, Fate.KEEP),
        ("checks/run", frozenset(), 999 * DAY, Why.NOT_OURS, Fate.KEEP),
        ("packages/x.zip", frozenset(), 999 * DAY, Why.NOT_OURS, Fate.KEEP),
    ],
)
def test_a_staged_package_goes_when_it_is_known_that_no_release_needs_it(
    key: str, needed: frozenset[str] | None, age: timedelta, reason: Why, fate: Fate
) -> None:
    assert judged(staged=(StagedObject(key, NOW - age),), needed=needed) == [(reason, fate)]


def test_every_kind_of_thing_that_has_an_arn_is_told() -> None:
    assert kind_of("arn:aws:s3:::b") == (LeftoverKind.BUCKET, "b")
    assert kind_of("arn:aws:s3:::b/key")[0] is LeftoverKind.OTHER
    assert kind_of("arn:aws:dynamodb:r:1:table/t/index/i")[0] is LeftoverKind.OTHER
    assert kind_of("arn:aws:logs:r:1:log-group:/a/b:*") == (LeftoverKind.LOG_GROUP, "/a/b")
    assert kind_of("nonsense") == (LeftoverKind.OTHER, "nonsense")


def test_memory_begins_anew_when_a_thing_has_an_owner_again() -> None:
    name = "/aws/lambda/acme-preprod-shop-F-1"
    key, before = f"log group {name}", {f"log group {name}": NOW - DAY, "bucket gone": NOW - DAY}
    orphan, owned = LogGroupThere(name, False), LogGroupThere(name, True)
    look = LeftoversSeen(log_groups=(orphan,), first_seen=before)
    assert next_memory(judge_leftovers(SCOPE, look, NOW), before, NOW) == {key: NOW - DAY}
    look = LeftoversSeen(log_groups=(owned,), first_seen=before)
    assert next_memory(judge_leftovers(SCOPE, look, NOW), before, NOW) == {}


# A world of 500 things: some are Tiercel's, most look like it, some are nobody's.

_ORGANIZATIONS = ("acme", "acme", "acme", "umbrella", "ac")
_ENVIRONMENTS = ("preprod", "ephemeral", "ephemeral", "prod", "preprodx")


def a_world(seed: int) -> LeftoversSeen:
    dice = random.Random(seed)  # noqa: S311 - no secret

    def name() -> str:
        organization, environment = dice.choice(_ORGANIZATIONS), dice.choice(_ENVIRONMENTS)
        return f"{organization}-{environment}-{dice.choice('abc')}-{dice.choice(('shop', 'x'))}"

    def age() -> timedelta:
        return timedelta(hours=dice.choice((0, 0.5, 2, 23, 30, 24 * 13, 24 * 20)))

    def own_tags() -> dict[str, str]:
        owner = name()
        found = tags(owner, dice.choice(_ENVIRONMENTS))
        found["tiercel:organization"] = dice.choice(_ORGANIZATIONS)
        found["aws:cloudformation:stack-id"] = stack_id(owner, dice.randint(1, 2))
        for key in list(found):
            if dice.random() < 0.05:
                del found[key]
        return found

    def arn() -> str:
        kind = dice.choice(("s3:::", f"sqs:{HERE}:", f"dynamodb:{HERE}:table/", f"kms:{HERE}:key/",
                            f"logs:{HERE}:log-group:/aws/lambda/"))  # fmt: skip
        return f"arn:aws:{kind}{name()}-{dice.randint(1, 999)}"

    def a_stack() -> StackThere:
        """Nothing was ever made by a stack in review."""
        one = stack(name(), created=NOW - age(), tags=own_tags(), is_nested=dice.random() < 0.1)
        is_in_review = dice.random() < 0.5
        return replace(one, status=REVIEW, stack_id=one.stack_id + "0") if is_in_review else one

    stacks = tuple(a_stack() for _ in range(40))
    stacks = tuple({one.name: one for one in stacks}.values())
    change_sets = tuple(
        change_set(dice.choice(stacks).name,
                   dice.choice(("release-7-attempt-1", "release-6-attempt-2", "mine", PLANNED)),
                   age(), is_at_work=dice.random() < 0.2)
        for _ in range(80)
    )  # fmt: skip
    resources = tuple(TaggedResource(arn(), own_tags()) for _ in range(180))
    groups = tuple(
        LogGroupThere(dice.choice(("/aws/lambda/", "/aws/lambda/", "/ecs/", "")) + name(),
                      dice.choice((True, False, None)), is_owned=dice.random() < 0.2)
        for _ in range(100)
    )  # fmt: skip
    staged = tuple(
        StagedObject(f"packages/{dice.randint(0, 60):064x}.zip", NOW - age())
        for _ in range(THINGS - len(stacks) - 360)
    )
    look = LeftoversSeen(
        stacks=stacks,
        change_sets=change_sets,
        resources=resources,
        log_groups=groups,
        staged=staged,
        released=frozenset(one.name for one in stacks if dice.random() < 0.8),
        open_releases=frozenset((one.name, 7) for one in stacks if dice.random() < 0.5),
        needed=frozenset(f"packages/{number:064x}.zip" for number in range(30)),
    )
    keys = [one.key for one in judge_leftovers(SCOPE, look, NOW)]
    return replace(look, first_seen={key: NOW - age() for key in keys if dice.random() < 0.7})


def chosen(look: LeftoversSeen, now: datetime = NOW) -> dict[tuple[str, str], Judgement]:
    judgements = judge_leftovers(SCOPE, look, now)
    return {(one.kind, one.id): one for one in judgements if one.fate is Fate.DELETE}


def without(look: LeftoversSeen, gone: dict[tuple[str, str], Judgement]) -> LeftoversSeen:
    """The world after everything that was chosen is deleted."""
    ids = {one for _, one in gone}
    stacks = tuple(one for one in look.stacks if one.stack_id not in ids)
    return replace(
        look,
        stacks=stacks,
        change_sets=tuple(one for one in look.change_sets if one.change_set_id not in ids
                          and one.stack in {there.name for there in stacks}),
        resources=tuple(one for one in look.resources if one.arn not in ids
                        and kind_of(one.arn)[1] not in ids),
        log_groups=tuple(one for one in look.log_groups if one.name not in ids),
        staged=tuple(one for one in look.staged if one.key not in ids),
    )  # fmt: skip


WORLDS = settings(max_examples=20)


@WORLDS
@given(st.integers(0, 10_000))
def test_in_a_world_of_500_nothing_without_tiercels_tags_or_names_is_chosen(seed: int) -> None:
    look = a_world(seed)
    by_arn = {one.arn: one.tags for one in look.resources}
    by_name = {one.name: one for one in look.stacks}
    for one in chosen(look).values():
        if one.id in by_arn:
            assert by_arn[one.id]["tiercel:organization"] == "acme"
            assert by_arn[one.id]["tiercel:environment"] == "ephemeral"
            assert one.name.removeprefix("/aws/lambda/").startswith("acme-ephemeral-")
        elif one.kind is LeftoverKind.CHANGE_SET:
            assert by_name[one.name.partition("/")[0]].tags["tiercel:organization"] == "acme"
            assert one.name.startswith(("acme-preprod-", "acme-ephemeral-"))
        elif one.kind is LeftoverKind.STAGED_OBJECT:
            assert one.name not in (look.needed or ())
        else:
            bare = one.name.removeprefix("/aws/lambda/")
            assert bare.startswith(("acme-preprod-", "acme-ephemeral-"))


@WORLDS
@given(st.integers(0, 10_000))
def test_in_a_world_of_500_nothing_more_goes_when_it_is_looked_at_a_second_time(seed: int) -> None:
    look = a_world(seed)
    first = chosen(look)
    assert first
    assert chosen(without(look, first)) == {}


@WORLDS
@given(st.integers(0, 10_000), st.integers(0, 5_000))
def test_in_a_world_of_500_what_was_chosen_stays_chosen_as_time_goes_by(
    seed: int, hours: int
) -> None:
    look = a_world(seed)
    assert chosen(look).keys() <= chosen(look, NOW + timedelta(hours=hours)).keys()


def test_the_world_of_500_has_every_kind_and_every_reason() -> None:
    worlds = [a_world(seed) for seed in range(12)]
    found = [one for look in worlds for one in judge_leftovers(SCOPE, look, NOW)]
    sizes = {
        len(look.stacks) + len(look.change_sets) + len(look.resources) + len(look.log_groups)
        + len(look.staged) for look in worlds
    }  # fmt: skip
    assert sizes == {THINGS}
    assert {one.kind for one in found} == set(LeftoverKind)
    assert {one.reason for one in found} == set(Why) - {Why.NEEDS_UNKNOWN, Why.NO_ROLES}
