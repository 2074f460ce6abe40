from __future__ import annotations

import json
from pathlib import Path

import pytest

from domain.errors import ExitCode
from tests.support.commands import ROOT, run

CONFIG = (ROOT / "tiercel.toml").read_text()
NOWHERE = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/nonexistent",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
}


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ("region =", "regoin =", "environments.preprod.regoin: unknown key"),
        ('"111111111111"', '"1111"', "environments.preprod.infrastructure_account"),
        ('"222222222222"', '"111111111111"', "environments.preprod.runtime_account"),
        ('branch = "main"', 'branch = "develop"', "environments.prod.branch"),
        ("[environments.prod]", "[environments.qa]", "environments.prod: missing"),
        ('path = "services/storage"', 'path = "x"\ndepends_on = ["orders"]', "in a circle"),
    ],
)
def test_a_wrong_configuration_is_refused_and_the_key_is_named(
    tmp_path: Path, before: str, after: str, named: str
) -> None:
    path = tmp_path / "tiercel.toml"
    path.write_text(CONFIG.replace(before, after, 1))
    assert path.read_text() != CONFIG

    code, output, errors = run("config", "check", str(path), "--json")

    assert code == ExitCode.CONFIGURATION
    assert named in json.loads(output)["error"]["why"]
    assert errors == ""


def test_a_right_configuration_is_shown() -> None:
    code, output, _ = run("config", "check", "--json")

    assert code == ExitCode.OK
    assert json.loads(output)["environments"]["preprod"]["branch"] == "develop"


@pytest.mark.parametrize(
    "arguments",
    [
        ("publish", "acme/shop", "main"),
        ("deploy", "acme/shop", "main"),
        ("status",),
        ("releases",),
    ],
)
def test_a_command_for_the_sandbox_never_goes_to_aws_when_no_sandbox_runs(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    code, _, errors = run(*arguments, "--sandbox", "--state", str(tmp_path))

    assert code == ExitCode.UNREACHABLE
    assert "the sandbox is not running" in errors
    assert "Traceback" not in errors


def test_without_credentials_status_says_what_to_do() -> None:
    code, output, errors = run("status", "--json", **NOWHERE)

    assert code == ExitCode.UNREACHABLE
    assert "no AWS credentials" in output
    assert "AWS_PROFILE" in output
    assert "Traceback" not in errors


def test_a_folder_that_is_no_repository_is_refused_before_anything_starts(tmp_path: Path) -> None:
    code, _, errors = run("demo", "--repository", str(tmp_path), "--state", str(tmp_path / "state"))

    assert code == ExitCode.REFUSED
    assert "no git repository with a commit" in errors
    assert not (tmp_path / "state").exists()


def test_an_unknown_option_is_a_usage_error() -> None:
    code, _, errors = run("deploy", "--nonsense")

    assert code == ExitCode.USAGE
    assert "Traceback" not in errors
