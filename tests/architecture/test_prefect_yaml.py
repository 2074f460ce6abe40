from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml
from prefect.flows import Flow, load_flow_from_entrypoint

from tests.architecture.facts import flows_in
from tiercel.deployments.prefect_file import PrefectFile, installed_prefect_file, read_prefect_file
from tiercel.deployments.up.automations import DEAD_AFTER, HEARTBEAT_SECONDS, TAG, automations
from tiercel.deployments.worker.warm_runs import IMPORTED
from tiercel.domain.base.errors import ConfigurationError
from tiercel.domain.base.notices import NoticeKind
from tiercel.domain.configuration.parsing import parse_topology
from tiercel.domain.organization.names import deployment_of
from tiercel.flows.engine.parameters import form_of
from tiercel.flows.promotion.handover import DEPLOY_TO_PREPROD

ROOT = Path(__file__).parent.parent.parent
FILE = read_prefect_file(ROOT / "prefect.yaml")
DEPLOYMENTS = FILE.deployments
ENVIRONMENTS = parse_topology((ROOT / "tiercel.toml").read_text()).environments
REAPER = "tiercel.flows.reap.reap"
FLOWS: dict[str, Flow[..., Any]] = {
    one["entrypoint"]: load_flow_from_entrypoint(one["entrypoint"], use_placeholder_flow=False)
    for one in DEPLOYMENTS
}


def label(deployment: dict[str, Any]) -> str:
    return str(deployment["entrypoint"])


def rewritten(folder: Path, **changes: Any) -> Path:
    """The file with other values in its last deployment; None removes a key."""
    data = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    last = data["deployments"][-1]
    for key, value in changes.items():
        if value is None:
            del last[key]
        else:
            last[key] = value
    path = folder / "prefect.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


def test_what_is_imported_before_a_run_is_forked_are_the_modules_of_all_flows() -> None:
    named = {str(one["entrypoint"]).rpartition(".")[0] for one in DEPLOYMENTS}
    assert {name for name in IMPORTED if name.startswith("tiercel.flows.")} == named


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"concurency_limit": 1}, "deployments[LAST].concurency_limit: unknown key"),
        ({"concurrency_limit": {"limits": 1}}, "deployments[LAST].concurrency_limit.limits"),
        ({"work_pool": {"name": "prod", "job_variable": {}}}, "work_pool.job_variable: unknown"),
        ({"work_pool": {}}, "deployments[LAST].work_pool.name: missing"),
        ({"work_pool": None}, "deployments[LAST].work_pool.name: missing"),
        ({"description": None}, "deployments[LAST].description: missing"),
        ({"schedules": [{"slug": "a", "crown": "* * * * *"}]}, "schedules[0].crown: unknown"),
        ({"schedules": [{"cron": "* * * * *"}]}, "schedules[0].slug: missing"),
    ],
)
def test_what_prefect_would_ignore_is_refused_and_named(
    tmp_path: Path, changes: dict[str, Any], named: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_prefect_file(rewritten(tmp_path, **changes))
    assert named.replace("LAST", str(len(DEPLOYMENTS) - 1)) in refused.value.why


def test_a_file_that_pulls_code_or_has_an_unknown_part_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "prefect.yaml"
    path.write_text("deployment: []\n")
    with pytest.raises(ConfigurationError) as refused:
        read_prefect_file(path)
    assert refused.value.why.splitlines() == [
        "deployment: unknown key",
        "pull: has to be [], because workers have the code installed",
    ]


@pytest.mark.parametrize("text", ["[", "just text", "\x00"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "prefect.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError):
        read_prefect_file(path)


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=label)
def test_every_entrypoint_is_a_flow_that_loads(deployment: dict[str, Any]) -> None:
    assert isinstance(FLOWS[deployment["entrypoint"]], Flow)


def test_every_flow_has_a_deployment() -> None:
    written = {name for path in (ROOT / "flows").glob("*.py") for name, _ in flows_in(path)}
    # It takes administrators of both accounts, which no worker has.
    assert {flow.name for flow in FLOWS.values()} == written - {
        "plan-release",
        "rebuild-foundation",
    }


def test_the_deployment_that_a_publication_starts_is_there() -> None:
    names = {f"{FLOWS[one['entrypoint']].name}/{one['name']}" for one in DEPLOYMENTS}
    assert DEPLOY_TO_PREPROD in names


def test_prefects_list_names_no_two_deployments_alike() -> None:
    names = [one["name"] for one in DEPLOYMENTS]
    assert len({*names}) == len(names)


def test_the_deployments_that_the_commands_name_are_there() -> None:
    texts = [path.read_text() for path in (ROOT / "cli").rglob("*.py")]
    named = {one for text in texts for one in re.findall(r'"(([a-z-]+)/\2[a-z-]*)"', text)}
    there = {f"{FLOWS[one['entrypoint']].name}/{one['name']}" for one in DEPLOYMENTS}
    assert named
    assert {name for name, _ in named} <= there


def test_there_is_a_work_pool_for_each_environment_and_no_other() -> None:
    assert set(FILE.pools) == set(ENVIRONMENTS)


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=label)
def test_a_deployment_has_name_pool_and_tags_of_its_environment(deployment: dict[str, Any]) -> None:
    environment, flow = deployment["work_pool"]["name"], FLOWS[deployment["entrypoint"]]
    assert f"{flow.name}/{deployment['name']}" == deployment_of(flow.name, environment)
    assert deployment["tags"] == [TAG, environment]


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=label)
def test_every_run_gives_signs_of_life_as_often_as_the_automation_counts_on(
    deployment: dict[str, Any],
) -> None:
    env = deployment["work_pool"]["job_variables"]["env"]
    assert env == {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_SECONDS)}
    assert DEAD_AFTER.total_seconds() == 3 * HEARTBEAT_SECONDS < 100


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_what_releases_a_commit_or_looks_for_drift_runs_once_at_a_time_and_the_others_wait(
    environment: str,
) -> None:
    limits = {
        label(one).rpartition(".")[2]: one["concurrency_limit"]
        for one in FILE.only(environment).deployments
        if "concurrency_limit" in one
    }
    once = {"limit": 1, "collision_strategy": "ENQUEUE"}
    flows = {
        "preprod": ["deploy_to_preprod", "verify_candidate", "detect_drift", "reap"],
        "prod": ["promote_to_prod", "detect_drift"],
    }
    assert limits == dict.fromkeys(flows[environment], once)


def test_every_schedule_is_off_but_that_of_the_reaper() -> None:
    active = {
        (entry["entrypoint"], one["slug"]): one["active"]
        for entry in DEPLOYMENTS
        for one in entry.get("schedules", ())
    }
    assert len(active) > 1
    assert [place for place, on in active.items() if on] == [(REAPER, "reaper")]


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=label)
def test_a_form_names_explains_and_limits_every_field(deployment: dict[str, Any]) -> None:
    form = form_of(FLOWS[deployment["entrypoint"]])
    assert form["additionalProperties"] is False
    for name, field in form["properties"].items():
        assert field["title"] != name, "the form shows the parameter's name"
        assert field["description"]
        if field["type"] == "string":
            assert {"pattern", "maxLength", "examples"} <= set(field)
        if field["type"] == "integer":
            assert {"minimum", "maximum"} <= set(field)


def test_the_part_of_one_environment_has_its_deployments_only() -> None:
    part = FILE.only("prod")
    assert part.pools == ["prod"]
    assert len(part.deployments) < len(DEPLOYMENTS)
    with pytest.raises(ConfigurationError, match="no deployment belongs to 'qa'"):
        FILE.only("qa")


def test_the_installed_file_is_the_one_of_the_repository() -> None:
    assert installed_prefect_file().samefile(ROOT / "prefect.yaml")
    assert PrefectFile(installed_prefect_file(), {}).deployments == []


def test_automations_see_runs_of_deployments_only_and_wait_for_whoever_rests() -> None:
    dead, never_started = automations(None)
    for automation in (dead, never_started):
        trigger: Any = automation.trigger
        assert trigger.match_related.model_dump() == {
            "prefect.resource.role": "tag",
            "prefect.resource.id": f"prefect.tag.{TAG}",
        }
        resting = {"Cancelling", "Paused", "Suspended"}
        assert {f"prefect.flow-run.{name}" for name in resting} <= trigger.expect


def test_each_kind_of_notice_is_passed_on_by_one_automation_with_link_and_remedy() -> None:
    rules = automations(UUID(int=1))
    for kind in NoticeKind:
        (one,) = [rule for rule in rules if kind.event in rule.trigger.model_dump()["expect"]]
        (sent,) = one.actions
        for part in ("text", "remedy", "link"):
            assert "{{ event.payload." + part + " }}" in sent.model_dump()["body"]
    assert len({rule.name for rule in rules}) == len(rules)
