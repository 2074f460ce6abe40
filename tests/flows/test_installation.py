"""What was installed, compared with what a server says of a run: decided on values alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from prefect.flows import Flow, load_flow_from_entrypoint

from tiercel.deployments.installation import (
    AskedRun,
    Installation,
    flow_name,
    process_template,
    require_installed,
)
from tiercel.deployments.prefect_file import installed_prefect_file, read_prefect_file
from tiercel.domain.base.errors import ConfigurationError, RefusedInputError

FILE = read_prefect_file(installed_prefect_file())
INSTALLED = Installation.of(FILE, "prod", process_template())
PROMOTE = "tiercel.flows.promote.promote_to_prod"
VARIABLES = {"env": {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}}
NAME = "promote-to-prod"
ASKED = AskedRun(NAME, NAME, PROMOTE, (), VARIABLES, {}, process_template())


def test_what_was_installed_may_run_also_if_it_waited_under_the_former_name() -> None:
    assert require_installed(ASKED, INSTALLED).entrypoint == PROMOTE
    assert require_installed(replace(ASKED, deployment="prod"), INSTALLED).entrypoint == PROMOTE


@pytest.mark.parametrize(
    "variables",
    [
        {"cpu": 4096, "memory": "8Gi"},
        {"name": "promote-7", "labels": {"cost-center": "7"}},
        {"cpu": None},
    ],
)
def test_a_run_may_choose_its_size_its_labels_and_its_name(variables: dict[str, Any]) -> None:
    asked = replace(ASKED, run_variables=variables)
    assert require_installed(asked, INSTALLED).entrypoint == PROMOTE


@pytest.mark.parametrize(
    ("changes", "code", "why"),
    [
        ({"flow": ""}, "worker.foreign_deployment", "installed are "),
        ({"deployment": ""}, "worker.foreign_deployment", "installed are "),
        ({"deployment": "preprod"}, "worker.foreign_deployment", "installed are "),
        ({"flow": "publish-artifact"}, "worker.foreign_deployment", "installed are "),
        ({"entrypoint": ""}, "worker.changed_deployment", "entrypoint: "),
        ({"entrypoint": PROMOTE + "\n"}, "worker.changed_deployment", "entrypoint: "),
        ({"pull_steps": ({},)}, "worker.changed_deployment", "pull steps: 1"),
        ({"deployment_variables": {}}, "worker.changed_deployment", "job_variables.env"),
        (
            {"deployment_variables": {"env": {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": 30}}},
            "worker.changed_deployment",
            "job_variables.env.PREFECT_FLOWS_HEARTBEAT_FREQUENCY",
        ),
        (
            {"deployment_variables": VARIABLES | {"image": "evil"}},
            "worker.changed_deployment",
            "job_variables.image",
        ),
        ({"run_variables": {"env": {}}}, "worker.run_chooses_variables", "env"),
        ({"run_variables": {"image": "evil"}}, "worker.run_chooses_variables", "image"),
        ({"run_variables": {"cpu": {"a": []}}}, "worker.run_chooses_variables", "cpu"),
        ({"run_variables": {"labels": {"a": {}}}}, "worker.run_chooses_variables", "labels"),
        ({"run_variables": {"labels.a": "b"}}, "worker.run_chooses_variables", "labels.a"),
        ({"template": {}}, "worker.changed_work_pool", "job_configuration\nvariables"),
    ],
)
def test_anything_else_is_refused_by_a_code_that_says_what_differs(
    changes: dict[str, Any], code: str, why: str
) -> None:
    with pytest.raises(RefusedInputError) as refused:
        require_installed(replace(ASKED, **changes), INSTALLED)
    assert refused.value.code == code
    assert refused.value.why.startswith(why)


@pytest.mark.parametrize(
    ("template", "alike"),
    [
        ({"image": "r/i@sha256:0", "roles": ["arn:aws:x", 1, True]}, True),
        ({"image": "evil@sha256:0", "roles": ["arn:aws:x", 1, True]}, False),
        ({"image": "r/", "roles": ["arn:aws:x", 1, True]}, False),
        ({"image": "r/i", "roles": ["arn:aws:x", 1]}, False),
        ({"image": "r/i", "roles": ["arn:aws:x", 1, 1]}, False),
        ({"image": "r/i", "roles": ["arn:aws:y", 1, True]}, False),
        ({"image": "r/i", "roles": {"0": "arn:aws:x"}}, False),
        ({"image": "r/i", "roles": ["arn:aws:x", 1, True], "command": "evil"}, False),
    ],
)
def test_a_template_may_have_its_placeholders_filled_in_and_nothing_else(
    template: Mapping[str, Any], alike: bool
) -> None:
    shipped = {"image": "r/${image}", "roles": ["arn:${partition}:x", 1, True]}
    installed = replace(INSTALLED, template=shipped)
    asked = replace(ASKED, template=template)
    if alike:
        assert require_installed(asked, installed).entrypoint == PROMOTE
        return
    with pytest.raises(RefusedInputError) as refused:
        require_installed(asked, installed)
    assert refused.value.code == "worker.changed_work_pool"


def test_what_somebody_wrote_there_is_not_repeated() -> None:
    asked = replace(ASKED, run_variables={"env": {"A": "token-of-somebody"}})
    with pytest.raises(RefusedInputError) as refused:
        require_installed(asked, INSTALLED)
    assert "token-of-somebody" not in str(refused.value)


def test_a_work_pool_for_which_nothing_is_installed_has_no_worker() -> None:
    with pytest.raises(ConfigurationError) as refused:
        Installation.of(FILE, "nosuch", process_template())
    assert refused.value.code == "deployments.none_of_environment"


@pytest.mark.parametrize("entrypoint", sorted({one["entrypoint"] for one in FILE.deployments}))
def test_a_flow_has_the_name_of_its_function(entrypoint: str) -> None:
    """Else a worker would have to import a flow to know what its deployments are called."""
    flow: Flow[..., Any] = load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)
    assert flow.name == flow_name(entrypoint)
