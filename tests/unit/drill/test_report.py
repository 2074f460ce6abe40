from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support.codes import because
from tests.support.drills import NOON, begun, plan, resource, seen, step
from tests.support.releases import intent
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.record import read_stored
from tiercel.domain.drill.comparison import compared_stack, ids_before, ids_now, without_ids
from tiercel.domain.drill.failures import (
    DrillFailedError,
    not_rebuilt,
    require_approved_plan,
    require_passed,
)
from tiercel.domain.drill.inventory import SeenStack
from tiercel.domain.drill.record import (
    Begun,
    DrillStep,
    OpenDrill,
    Phase,
    numbers_of,
    plan_key,
    report_key,
    step_key,
)
from tiercel.domain.drill.report import DrillReport, expected_seconds, report_of
from tiercel.domain.pages.environment.drill_html import drill_html
from tiercel.domain.pages.environment.drill_page import drill_plan_page, drill_report_page, duration

STORAGE = seen("storage", outputs={"Table": "t-1"}, resources=(resource("Table"),))
ORDERS, CATALOG = seen("orders"), seen("catalog")
PLAN = plan(STORAGE, ORDERS, CATALOG, orders={"Table": "t-1"})
STEPS = [
    step(Phase.DELETE, ORDERS.name, 0, 4),
    step(Phase.DELETE, CATALOG.name, 0, 5),
    step(Phase.DELETE, STORAGE.name, 4, 2),
    step(Phase.PROVE_EMPTY, "", 6, 1),
    step(Phase.REBUILD, STORAGE.name, 7, 10),
    step(Phase.REBUILD, CATALOG.name, 7, 3),
    step(Phase.REBUILD, ORDERS.name, 17, 8),
    step(Phase.VERIFY, STORAGE.name, 26, 1),
]


def report(*more: DrillStep, objective: float = 0, **changes: Any) -> DrillReport:
    return report_of(begun(PLAN, **changes), [*STEPS, *more], objective)


def test_a_report_says_how_long_it_took_what_held_it_up_and_how_far_it_was_from_that() -> None:
    found = report()
    assert found.seconds == 27
    assert found.phases == {"delete": 6, "prove-empty": 1, "rebuild": 18, "verify": 1}
    assert found.critical_path == (
        f"delete {ORDERS.name}",
        f"delete {STORAGE.name}",
        f"rebuild {STORAGE.name}",
        f"rebuild {ORDERS.name}",
    )
    assert found.critical_seconds == 6 + 1 + 18 + 1
    assert found.distance == pytest.approx(27 / 26)
    assert [one.start for one in found.bars if one.stack == ORDERS.name] == [0, 17]
    assert sum(one.critical for one in found.bars) == 4


def test_times_are_those_of_the_steps_however_often_the_run_was_killed() -> None:
    later = report(at=NOON + timedelta(hours=3), flow_run="run-2")
    assert (later.seconds, later.phases) == (report().seconds, report().phases)


FAILED = step(Phase.DELETE, "acme-preprod-other", 0, 1).model_copy(
    update={"failure": RefusedInputError("drill.newer_than_plan", "it stays").failure}
)
NOT_REBUILT = step(
    Phase.REBUILD, ORDERS.name, failure=not_rebuilt(PLAN.stack(ORDERS.name), ["b", "a"]).failure
)
DIFFERENT = step(Phase.VERIFY, ORDERS.name, 26, 1, differences=("its template is another one",))


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (report(), ""),
        (report(objective=27), ""),
        (report(objective=26), "drill.too_slow"),
        (report(FAILED), "drill.not_as_before"),
        (report(NOT_REBUILT), "drill.not_as_before"),
        (report(DIFFERENT, objective=1), "drill.not_as_before"),
    ],
)
def test_a_drill_passes_if_everything_is_as_it_was_and_in_time(
    found: DrillReport, code: str
) -> None:
    if not code:
        require_passed(found)
        return
    with pytest.raises(DrillFailedError, check=because(code)):
        require_passed(found)


def test_a_stack_that_was_not_rebuilt_names_those_that_it_needs() -> None:
    told = f"rebuild {ORDERS.name}: {ORDERS.name} was not rebuilt, because a, b was not"
    assert report(NOT_REBUILT).failures == (told,)


def test_what_a_drill_should_take_is_told_by_earlier_ones_of_as_many_stacks() -> None:
    earlier = [report().model_copy(update={"seconds": float(one)}) for one in (10, 30, 20)]
    assert expected_seconds(PLAN, earlier) == 20
    assert expected_seconds(plan(STORAGE), earlier) == pytest.approx(20 / 3)
    assert expected_seconds(PLAN, [report(FAILED)]) is None
    assert expected_seconds(PLAN, []) is None


def test_records_are_read_as_they_were_written() -> None:
    for record in (
        begun(PLAN),
        STEPS[0],
        FAILED,
        report(),
        OpenDrill(number=1, prefix="acme-preprod-", environment="preprod", at=NOON),
    ):
        assert read_stored(type(record), record.model_dump_json().encode(), "") == record
    assert read_stored(Begun, begun(PLAN).model_dump_json().encode(), "").plan.digest == PLAN.digest


def test_a_drill_is_known_by_its_plan() -> None:
    keys = [plan_key(3), plan_key(12), report_key(12), step_key(3, Phase.DELETE, "a"), "drills/x"]
    assert numbers_of(keys) == (3, 12)


def test_an_open_drill_stops_whoever_has_its_prefix_and_is_no_part_of_it() -> None:
    drill = OpenDrill(number=4, prefix="acme-preprod-", environment="preprod", at=NOON)
    assert drill.stops("acme-preprod-")
    assert drill.stops("acme-preprod-", 3)
    assert not drill.stops("acme-preprod-", 4)
    assert not drill.stops("acme-ephemeral-")
    assert not drill.model_copy(update={"closed": True}).stops("acme-preprod-")


@pytest.mark.parametrize(
    ("old", "new", "apart"),
    [
        ("https://sqs/1/acme-preprod-table", "https://sqs/1/acme-preprod-other", True),
        ("arn:aws:sqs:::acme-preprod-table", "arn:aws:sqs:::acme-preprod-other", True),
        ("https://sqs/1/acme-preprod-table", "https://sqs/2/acme-preprod-other", False),
        ("round", "square", False),
        (STORAGE.stack_id, STORAGE.stack_id[:-1] + "2", True),
    ],
)
def test_outputs_that_differ_in_ids_of_aws_alone_are_set_apart(
    old: str, new: str, apart: bool
) -> None:
    before = plan(STORAGE.model_copy(update={"outputs": {"It": old}}))
    now = STORAGE.model_copy(
        update={
            "outputs": {"It": new},
            "stack_id": STORAGE.stack_id[:-1] + "2",
            "resources": (resource("Table", physical_id="acme-preprod-other"),),
        }
    )
    same = intent(parameters={})
    wrong, anew = compared_stack(before.stacks[0], now, same, ids_before(before), ids_now([now]))
    assert (bool(anew), bool(wrong)) == (apart, not apart)


@pytest.mark.parametrize(
    ("kind", "apart"), [("AWS::SecretsManager::Secret", True), ("AWS::SQS::Queue", False)]
)
def test_an_id_that_aws_makes_beside_a_name_is_set_apart_and_a_name_is_not(
    kind: str, apart: bool
) -> None:
    def there(physical_id: str) -> SeenStack:
        named = resource("It", kind, physical_id=physical_id, named=True)
        return STORAGE.model_copy(update={"outputs": {"It": physical_id}, "resources": (named,)})

    before, now = plan(there("arn:aws:::acme-it-a1b2c3")), there("arn:aws:::acme-it-d4e5f6")
    same = intent(parameters={})
    wrong, anew = compared_stack(before.stacks[0], now, same, ids_before(before), ids_now([now]))
    assert (bool(anew), bool(wrong)) == (apart, not apart)


@pytest.mark.parametrize(
    ("found", "rebuilt"),
    [
        (STORAGE.model_copy(update={"template_sha256": "d" * 64}), intent(parameters={})),
        (STORAGE, intent(parameters={}, artifact_digest="e" * 64)),
        (STORAGE, intent(parameters={"New": "x"})),
        (STORAGE.model_copy(update={"outputs": {}}), intent(parameters={})),
    ],
)
def test_another_template_artifact_parameter_or_output_is_a_difference(
    found: Any, rebuilt: Any
) -> None:
    before = plan(STORAGE)
    wrong, _ = compared_stack(before.stacks[0], found, rebuilt, {}, {})
    assert len(wrong) == 1
    assert compared_stack(before.stacks[0], STORAGE, intent(parameters={}), {}, {}) == ((), ())


def test_the_longest_id_is_replaced_first() -> None:
    assert without_ids("abcdef-1 abcdef", {"abcdef": "a", "abcdef-1": "b"}) == "<b> <a>"


def test_the_page_of_a_drill_runs_nothing_loads_nothing_and_escapes_what_stacks_say() -> None:
    hostile = "<script>alert(1)</script>"
    page = drill_html(report(objective=60).model_copy(update={"lost": (hostile,), "earlier": ()}))
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert not any(one in page for one in ("http://", "https://", "src=", "url("))
    assert "prefers-color-scheme" in page
    assert 'name="viewport"' in page


def test_the_pages_of_plan_and_report_say_what_matters() -> None:
    page = drill_plan_page(PLAN, 20, [report()])
    assert PLAN.digest in page
    assert all(one.name in page for one in PLAN.stacks)
    assert ORDERS.name in drill_report_page(report())


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (59.9, "59.9 s"), (65, "1 min 5 s"), (3725, "1 h 2 min")]
)
def test_times_are_said_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize("changes", [{"account": "4" * 12}, {"stacks": PLAN.stacks[:1]}])
def test_a_plan_that_was_changed_after_its_approval_is_refused(changes: dict[str, Any]) -> None:
    require_approved_plan(begun(PLAN))
    changed = begun(PLAN).model_copy(update={"plan": PLAN.model_copy(update=changes)})
    with pytest.raises(RefusedInputError, check=because("drill.plan_tampered")):
        require_approved_plan(changed)
