"""What provision_accounts says before Terraform; the rest is in tests/oracle/test_terraform.py."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from prefect.client.orchestration import get_client

from tiercel.cli.commands.set_up.provision import show_provisioned
from tiercel.cli.terminal.output import Output
from tiercel.domain.accounts.terraform_plan import ResourceChange, TerraformPlan
from tiercel.domain.base.errors import ConfigurationError, RefusedInputError, TiercelError
from tiercel.flows.provision import Provisioned, provision_accounts
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.tasks.accounts.administrators import INFRASTRUCTURE_PROFILE, RUNTIME_PROFILE

ROLE = ResourceChange(
    address="module.runtime_account.aws_iam_role.this",
    resource_type="aws_iam_role",
    action="update",
)


def plan(*changes: ResourceChange) -> TerraformPlan:
    return TerraformPlan(
        environment="preprod", digest="0f" * 32, changes=changes, changes_outputs=False
    )


def run(**parameters: Any) -> Any:
    flow: Any = provision_accounts
    return asyncio.run(flow(**parameters))


@pytest.mark.usefixtures("operator")
def test_a_run_without_administrators_calls_nobody_and_is_named_after_its_environment(
    monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox
) -> None:
    for name in (INFRASTRUCTURE_PROFILE, RUNTIME_PROFILE):
        monkeypatch.delenv(name, raising=False)
    before = sandbox.journal.read_bytes()
    state = run(environment="preprod", return_state=True)

    async def outcome() -> tuple[Any, Any]:
        async with get_client() as client:
            found = await client.read_flow_run(state.state_details.flow_run_id)
        return await state.aresult(raise_on_failure=False), found

    error, found = asyncio.run(outcome())
    assert isinstance(error, ConfigurationError)
    assert error.code == "administrator.not_named"
    assert found.name == "provision preprod"
    assert "preprod" in found.tags
    assert sandbox.journal.read_bytes() == before


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize("bootstrap", [False, True])
@pytest.mark.parametrize(
    ("infrastructure", "runtime", "variable", "what"),
    [
        ("prod-infrastructure-root", None, INFRASTRUCTURE_PROFILE, "leads to another account"),
        (None, "prod-runtime-root", RUNTIME_PROFILE, "leads to another account"),
        (None, "nobody", RUNTIME_PROFILE, "cannot be used"),
    ],
)
def test_wrong_administrators_are_found_before_anything_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
    infrastructure: str | None,
    runtime: str | None,
    variable: str,
    what: str,
    bootstrap: bool,
) -> None:
    profile = infrastructure or "preprod-infrastructure-root"
    monkeypatch.setenv(INFRASTRUCTURE_PROFILE, profile)
    monkeypatch.setenv(RUNTIME_PROFILE, runtime or "preprod-runtime-root")
    with pytest.raises(TiercelError, match=what) as refused:
        run(environment="preprod", bootstrap=bootstrap)
    assert variable in refused.value.remedy


@pytest.mark.usefixtures("operator")
def test_an_environment_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigurationError, match="there is no environment 'qa'"):
        run(environment="qa")


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize("wrong", [{"environment": "../prod"}, {"approve": "0f"}])
def test_a_parameter_that_cannot_be_is_refused_before_anything(wrong: dict[str, str]) -> None:
    with pytest.raises(RefusedInputError, match="is not"):
        run(**{"environment": "preprod"} | wrong)


def test_the_command_says_how_to_apply_what_it_shows(capsys: pytest.CaptureFixture[str]) -> None:
    show_provisioned(Output(), Provisioned(plan(ROLE), applied=False))
    printed = capsys.readouterr().out
    assert ROLE.address in printed
    assert f"tiercel provision preprod --approve {'0f' * 32}" in printed


def test_the_command_says_that_it_applied_or_that_there_was_nothing_to_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_provisioned(Output(), Provisioned(plan(ROLE), applied=True))
    printed = capsys.readouterr().out
    assert "applied" in printed
    assert "--approve" not in printed
    show_provisioned(Output(), Provisioned(plan(), applied=False))
    assert "nothing to do" in capsys.readouterr().out
