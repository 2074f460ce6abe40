"""check_environment as a run, and what the command shows; tests/sandbox breaks everything."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.objects import Artifact

from tests.flows.conftest import Become
from tests.support.aws import root_client
from tests.support.commands import ROOT, data_in, error_in, invoke, invoke_json
from tests.support.prefect_server import server_of_commands
from tiercel.cli.commands.look.check import show_report
from tiercel.cli.terminal.output import Output
from tiercel.domain.accounts.findings import Aspect, CheckFailedError, CheckReport, Verdict
from tiercel.domain.base.errors import ConfigurationError, ExitCode, RefusedInputError
from tiercel.domain.organization.names import Names
from tiercel.flows.check import check_environment
from tiercel.sandbox.lifecycle import Sandbox


def run(environment: str) -> CheckReport:
    flow: Any = check_environment
    report: CheckReport = asyncio.run(flow(environment=environment))
    return report


def latest_artifact(key: str) -> str:
    async def read() -> list[Artifact]:
        wanted = ArtifactFilter(key=ArtifactFilterKey(any_=[key]))
        async with get_client() as client:
            return await client.read_artifacts(artifact_filter=wanted)

    return str(max(asyncio.run(read()), key=lambda one: str(one.created)).data)


def test_both_environments_are_green_and_what_was_not_checked_says_why(
    operator: Sandbox,
) -> None:
    place = ("--sandbox", "--state", str(operator.state))
    checked = invoke_json("check", "--quiet", *place, **server_of_commands())
    assert list(checked) == ["preprod", "prod"]
    for document in checked.values():
        report = CheckReport.model_validate(document)
        assert report.of(Verdict.RED) == []
        assert len(report.of(Verdict.GREEN)) > 60
        assert all(one.why for one in report.of(Verdict.UNKNOWN))
    pulled = [one for one in report.findings if one.thing == "artifacts of preprod"]
    assert [one.verdict for one in pulled] == [Verdict.GREEN]
    assert "| staging bucket | green | green |" in latest_artifact("check-prod")


def test_a_red_check_ends_the_command_with_its_exit_code_and_leaves_artifacts(
    operator: Sandbox, preprod: Names
) -> None:
    s3 = root_client(operator, "preprod-infrastructure-root", "s3")
    place = {"Bucket": preprod.artifact_bucket}
    s3.put_bucket_versioning(**place, VersioningConfiguration={"Status": "Suspended"})
    try:
        code, said, _ = invoke("check", "preprod", "--json", **server_of_commands())
    finally:
        s3.put_bucket_versioning(**place, VersioningConfiguration={"Status": "Enabled"})
    assert code == ExitCode.CHECK_FAILED
    report = CheckReport.model_validate(data_in(said)["preprod"])
    (red,) = report.of(Verdict.RED)
    assert (red.thing, red.aspect) == ("artifact bucket", Aspect.SETTINGS)
    assert "versioning is Suspended" in latest_artifact("check-preprod")
    assert "versioning is Suspended" in latest_artifact("failure-check-environment")


@pytest.mark.walks("credential-of-role")
def test_without_the_orchestrator_everything_else_is_not_checked(
    operator: Sandbox, become: Become
) -> None:
    assert operator.aws_endpoint
    become("preprod")
    with pytest.raises(CheckFailedError) as failed:
        run("prod")
    assert failed.value.exit_code is ExitCode.CHECK_FAILED
    report = failed.value.report
    assert report
    assert [one.thing for one in report.of(Verdict.RED)] == ["role orchestrator"]
    assert "the orchestrator cannot be assumed" in {one.why for one in report.findings}
    # What was looked at without any account: the clock, and this machine.
    assert {one.thing for one in report.of(Verdict.GREEN)} - {"worker"} == {"account"}


@pytest.mark.usefixtures("operator")
def test_an_environment_that_is_not_there_or_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="there is no environment 'qa'"):
        run("qa")
    with pytest.raises(RefusedInputError, match="is not"):
        run("../prod")


@pytest.mark.usefixtures("operator")
def test_the_command_names_the_environments_that_there_are() -> None:
    code, said, _ = invoke("check", "qa", "--json")
    assert code == ExitCode.CONFIGURATION
    assert error_in(said)["code"] == "configuration.no_environment"
    assert error_in(said)["remedy"] == "choose one of preprod, prod"


def test_an_environment_that_the_sandbox_was_not_filled_with_is_told(
    operator: Sandbox, tmp_path: Path
) -> None:
    text = (ROOT / "tiercel.toml").read_text()
    own = text[text.index("[environments.preprod]") :].split("\n\n", 1)[0]
    for known, other in (("preprod", "staging"), ("develop", "staging"), ("1" * 12, "5" * 12)):
        own = own.replace(known, other)
    config = tmp_path / "tiercel.toml"
    config.write_text(f"{text}\n{own.replace('2' * 12, '6' * 12)}\n")
    place = ("--sandbox", "--state", str(operator.state), "--config", str(config))
    code, said, _ = invoke("check", "staging", "--json", *place)
    assert (code, error_in(said)["code"]) == (ExitCode.UNREACHABLE, "sandbox.no_accounts")


def test_what_is_red_is_shown_with_its_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    report = CheckReport.model_validate(
        {
            "environment": "preprod",
            "accounts": {"111111111111": "InfrastructureAccount"},
            "findings": [
                {
                    "account": "111111111111",
                    "thing": "signing key",
                    "aspect": "settings",
                    "rule": "enabled",
                    "verdict": "red",
                    "what": "the key is [bold]Disabled",
                    "why": "nothing can be signed",
                    "remedy": "enable the key",
                }
            ],
        }
    )
    show_report(Output(), report)
    printed = capsys.readouterr().out
    for words in ("preprod, InfrastructureAccount 111111111111", "RED", "enable the key"):
        assert words in printed
    assert "the key is [bold]Disabled" in printed
    assert "preprod: 0 green, 1 red, 0 not checked" in printed
