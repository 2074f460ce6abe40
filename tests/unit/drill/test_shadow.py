"""The shadow drill: what is rebuilt beside, with which parameters, and what is left out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support.codes import because
from tests.support.drills import ACCOUNT, NOON, begun, step
from tests.support.releases import SHA
from tests.support.topology import topology_of
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.failure import Failure
from tiercel.domain.drill.plan import DrillPlan
from tiercel.domain.drill.record import OpenDrill, Phase
from tiercel.domain.drill.report import report_of
from tiercel.domain.drill.shadow import (
    SHADOW_OWNER,
    LiveService,
    as_shadow,
    compared_shadow,
    parted,
    plan_shadow,
    rebuild_command,
    require_one_subject,
    require_production,
    require_there,
    shadow_title,
    wish_of,
)
from tiercel.domain.ephemeral.environments import EphemeralState, OriginKind
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.services import EnvironmentOverrides, Service
from tiercel.domain.pages.environment.drill_html import drill_html
from tiercel.domain.pages.environment.drill_page import drill_plan_page, drill_report_page
from tiercel.domain.release.live_export import LiveArtifact

TOPOLOGY = topology_of(more="[ephemeral]\n")
NAMES = Names.ephemeral(TOPOLOGY, "shadow")


def live(name: str, *needs: str, fixed: str = "", described: bool = True) -> LiveService:
    artifact = LiveArtifact(
        service=name,
        number=7,
        repository="acme/shop",
        commit="1" * 40,
        artifact_id=SHA,
        artifact_digest=SHA,
        at=NOON,
    )
    service = Service(name=name, path=name, depends_on=needs) if described else None
    return LiveService(artifact, service, fixed)


def plan(*found: LiveService) -> DrillPlan:
    parts, left_out = parted(found, ())
    return plan_shadow(NAMES, "acme-try", "prod", parts, left_out)


def test_whoever_needs_what_is_left_out_is_left_out_with_it() -> None:
    parts, left_out = parted(
        [
            live("store"),
            live("desk", "store"),
            live("pinned", fixed="it fixes a name"),
            live("after", "pinned"),
            live("last", "after", "store"),
            live("gone", described=False),
            live("alone", "nothing"),
        ],
        (),
    )
    assert list(parts) == ["desk", "store"]
    reasons = {one.service: one.why for one in left_out}
    assert reasons.keys() == {"after", "alone", "gone", "last", "pinned"}
    assert reasons["pinned"] == "it fixes a name"
    assert reasons["after"] == "it needs pinned, which is left out"
    assert reasons["last"] == "it needs after, which is left out"
    assert "not live" in reasons["alone"]


def test_of_what_is_shared_the_stack_that_is_there_lends_its_outputs() -> None:
    parts, left_out = parted([live("store", fixed="a name"), live("desk", "store")], ["store"])
    assert list(parts) == ["desk"]
    assert [one.service for one in left_out] == ["store"]


PARAMETERS: dict[str, Any] = {
    "parameters": {"Size": "1", "Level": "info", "Pay": "none"},
    "environments": {
        "preprod": EnvironmentOverrides(parameters={"Size": "2", "Level": "debug"}),
        "ephemeral": EnvironmentOverrides(parameters={"Size": "3"}),
        "prod": EnvironmentOverrides(parameters={"Size": "9", "Pay": "https://bank", "Key": "k"}),
    },
}


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ([], {"Size": "3", "Level": "debug", "Pay": "none"}),
        (["orders.Size"], {"Size": "9", "Level": "debug", "Pay": "none"}),
        (["orders.Level"], {"Size": "3", "Level": "info", "Pay": "none"}),
        (["other.Size", "orders.Nothing"], {"Size": "3", "Level": "debug", "Pay": "none"}),
        (["orders.Key"], {"Size": "3", "Level": "debug", "Pay": "none", "Key": "k"}),
    ],
)
def test_prods_parameters_are_taken_only_where_they_are_named(
    named: list[str], expected: dict[str, str]
) -> None:
    service = Service(name="orders", path="orders", **PARAMETERS)
    found = as_shadow(service, "prod", "preprod", named)
    assert found.parameters_in("ephemeral") == expected


def test_the_plan_has_what_prod_runs_in_waves_and_nothing_that_is_deleted() -> None:
    planned = plan(live("store"), live("desk", "store"), live("pinned", fixed="a name"))
    stacks = NAMES.stack("store"), NAMES.stack("desk")
    assert planned.rebuild == ((stacks[0],), (stacks[1],))
    assert planned.account == ACCOUNT
    assert planned.data == ()
    assert (
        planned.digest
        == plan(live("pinned", fixed="a name"), live("desk", "store"), live("store")).digest
    )
    page = drill_plan_page(planned, None, [])
    assert "pinned: a name" in page
    assert "Deleted, in this order" not in page


def test_where_nothing_can_be_rebuilt_every_reason_is_told() -> None:
    with pytest.raises(RefusedInputError, check=because("drill.nothing_to_shadow")) as refused:
        plan(live("pinned", fixed="a name"), live("after", "pinned"))
    assert "pinned: a name" in refused.value.why
    assert "after: " in refused.value.why


def test_services_that_need_each_other_are_refused() -> None:
    with pytest.raises(RefusedInputError, check=because("drill.circle")):
        plan(live("one", "other"), live("other", "one"))


def test_the_environment_is_the_drills_and_knows_what_waits_for_what() -> None:
    wish = wish_of(plan(live("store"), live("desk", "store")), "shadow", "run-1")
    assert (wish.owner, wish.origin, wish.origin_of) == (SHADOW_OWNER, OriginKind.DRILL, "prod")
    assert dict(wish.services) == {"store": (), "desk": ("store",)}


@pytest.mark.parametrize("state", list(EphemeralState))
def test_a_drill_builds_nothing_more_in_an_environment_that_went_down(
    state: EphemeralState,
) -> None:
    if state in {EphemeralState.COMING_UP, EphemeralState.UP}:
        require_there(state, "shadow")
        return
    with pytest.raises(RefusedInputError, check=because("drill.shadow_gone")):
        require_there(state, "shadow")


def test_a_stack_that_is_gone_or_changed_since_is_told() -> None:
    [planned] = plan(live("store")).stacks
    assert compared_shadow(planned, 3, "release-3-attempt-1") == ()
    for token in (None, "", "release-4-attempt-1", "release-30-attempt-1"):
        assert compared_shadow(planned, 3, token)


def test_an_open_shadow_drill_keeps_no_stack_of_others_waiting() -> None:
    opened = begun(plan(live("store"))).marker(NAMES.stack_prefix)
    assert isinstance(opened, OpenDrill)
    assert opened.stops(NAMES.stack_prefix)
    assert not opened.stops(Names.of(TOPOLOGY, "preprod").stack_prefix)
    assert not opened.stops(Names.ephemeral(TOPOLOGY, "other").stack_prefix)
    assert not opened.stops(NAMES.prefix)


def test_recovery_ends_with_the_last_verification_and_the_waterfall_with_the_end() -> None:
    of = begun(plan(live("store"), live("desk", "store"), live("pinned", fixed="<a name>")))
    store, desk = NAMES.stack("store"), NAMES.stack("desk")
    steps = [
        step(Phase.REBUILD, store, 0, 10),
        step(Phase.REBUILD, desk, 10, 5),
        step(Phase.VERIFY, store, 15, 2),
        step(Phase.VERIFY, desk, 15, 1),
        step(Phase.DELETE, desk, 17, 100),
        step(Phase.PROVE_EMPTY, "", 117, 3),
    ]
    report = report_of(of, steps, 20)
    assert report.seconds == 17
    assert report.critical_seconds == 17
    assert report.critical_path == (f"rebuild {store}", f"rebuild {desk}")
    assert report.objective_met
    assert report.ended - report.at == timedelta(seconds=120)
    assert report.span == 120
    assert list(report.phases) == ["rebuild", "verify", "delete", "prove-empty"]
    assert [one.phase for one in report.bars][-1] == "prove-empty"
    html = drill_html(report)
    assert "pinned: &lt;a name&gt;" in html
    assert "width:100.00%" not in html
    assert "left out" in drill_report_page(report).lower()


def test_what_could_not_be_rebuilt_fails_the_drill() -> None:
    of = begun(plan(live("store")))
    failure = Failure(code="release.failed", what="it failed")
    failed = step(Phase.REBUILD, NAMES.stack("store"), 0, 1, failure=failure)
    assert not report_of(of, [failed], 0).passed


def test_only_production_has_a_shadow() -> None:
    require_production(Names.of(TOPOLOGY, "prod"))
    with pytest.raises(RefusedInputError, check=because("drill.no_production")):
        require_production(Names.of(TOPOLOGY, "preprod"))


@pytest.mark.parametrize(("environment", "shadowed"), [("", ""), ("preprod", "prod")])
def test_a_drill_is_of_one_thing(environment: str, shadowed: str) -> None:
    with pytest.raises(RefusedInputError, check=because("drill.no_one_subject")):
        require_one_subject(environment, shadowed)


def test_whatever_drill_is_open_the_command_that_goes_on_with_it_is_told() -> None:
    assert rebuild_command("preprod") == "tiercel rebuild preprod"
    assert rebuild_command(shadow_title("prod")) == "tiercel rebuild --shadow prod"
