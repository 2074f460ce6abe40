"""Terraform's process, played by a script: what it is given, how it fails, how it is ended.

That real plans are made and applied is proven in tests/oracle/test_terraform.py.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from tests.support.codes import because
from tiercel.domain.base.errors import (
    ConfigurationError,
    DeployFailedError,
    RefusedInputError,
    TiercelError,
)
from tiercel.domain.organization.names import Names
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.tasks.accounts.administrators import (
    INFRASTRUCTURE_PROFILE,
    RUNTIME_PROFILE,
    Administrators,
    administrators_of,
    require_administrators,
)
from tiercel.tasks.accounts.state_bucket import ensure_state_bucket, find_state_bucket
from tiercel.tasks.accounts.terraform import (
    PLAN_FILE,
    Backend,
    apply_terraform,
    init_terraform,
    plan_terraform,
    prepare_root,
    private_folder,
    read_outputs,
)
from tiercel.tasks.accounts.terraform_process import run_terraform

RECORD = 'printf "%s\\n" "$*" >> calls\n'
SHOWS = """
case "$1" in
  plan) echo planned > plan ;;
  show) echo '{"format_version": "1.2", "resource_changes": []}' ;;
  output) echo '{"bucket": {"value": "b", "sensitive": false}}' ;;
esac
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "preprod"
    folder.mkdir()
    return folder


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    return Play(tmp_path / "bin", monkeypatch)


class Play:
    """Puts a shell script in the place of terraform."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._command = folder / "terraform"
        folder.mkdir()
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def __call__(self, script: str) -> None:
        self._command.write_text(f"#!/bin/sh\n{script}")
        self._command.chmod(0o755)


def test_each_step_has_its_arguments_and_asks_nothing(root: Path, play: Play) -> None:
    play(RECORD + SHOWS)
    init_terraform.fn(root, Backend("state", "preprod.tfstate", "eu-central-1", "admin"))
    file = plan_terraform.fn(root)
    apply_terraform.fn(root, file)
    assert read_outputs.fn(root) == {"bucket": "b"}
    assert (root / "calls").read_text().splitlines() == [
        (
            "init -input=false -backend-config=bucket=state -backend-config=key=preprod.tfstate "
            "-backend-config=profile=admin -backend-config=region=eu-central-1"
        ),
        "plan -input=false -lock-timeout=60s -out=plan",
        "show -json plan",
        "apply -input=false -lock-timeout=60s plan",
        "output -json",
    ]
    assert file.plan.is_empty
    assert stat.S_IMODE((root / PLAN_FILE).stat().st_mode) == 0o600


def test_a_plan_file_that_somebody_exchanged_is_not_applied(root: Path, play: Play) -> None:
    play(RECORD + SHOWS)
    file = plan_terraform.fn(root)
    (root / PLAN_FILE).write_text("another\n")
    with pytest.raises(RefusedInputError, check=because("terraform.plan_file_changed")):
        apply_terraform.fn(root, file)
    assert "apply" not in (root / "calls").read_text()


def test_a_failure_has_terraforms_own_last_words(root: Path, play: Play) -> None:
    play("echo fine\nprintf '\\033[31mError:\\033[0m no such bucket\\n' >&2\nexit 1\n")
    with pytest.raises(DeployFailedError) as failed:
        run_terraform(root, ["init"], 10)
    assert failed.value.what == "terraform init failed"
    assert failed.value.why == "Error: no such bucket"
    assert failed.value.where == "preprod"
    assert not failed.value.transient


def test_one_that_takes_too_long_is_interrupted_and_may_write_its_state(
    root: Path, play: Play
) -> None:
    play("trap 'echo saved > state; exit 1' INT\nwhile true; do sleep 0.05; done\n")
    with pytest.raises(DeployFailedError) as failed:
        run_terraform(root, ["apply"], 3)
    assert "it did not end within 3 seconds" in failed.value.why
    assert (root / "state").read_text() == "saved\n"
    assert "stays" in failed.value.state


@pytest.mark.parametrize(("command", "is_locked"), [("plan", False), ("apply", True)])
def test_one_that_somebody_killed_did_not_take_too_long_and_wrote_nothing_down(
    root: Path, play: Play, command: str, is_locked: bool
) -> None:
    play("echo making a bucket\nkill -KILL $$\n")
    with pytest.raises(DeployFailedError) as failed:
        run_terraform(root, [command], 60)
    first, *said = failed.value.why.splitlines()
    assert "SIGKILL" in first
    assert "within" not in failed.value.why
    assert said == ["making a bucket"]
    assert ("the state is locked" in failed.value.state) is is_locked
    assert (".tflock" in failed.value.remedy) is is_locked


def test_nobodys_keys_or_variables_reach_terraform(
    root: Path, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", "AWS_PROFILE", "TF_VAR_boundary"):
        monkeypatch.setenv(name, "someone's")
    monkeypatch.setenv("TF_CLI_ARGS_apply", "-destroy")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/its/config")
    play("env\n")
    found = dict(line.split("=", 1) for line in run_terraform(root, ["version"], 10).splitlines())
    assert "someone's" not in found.values()
    assert "TF_CLI_ARGS_apply" not in found
    assert found["AWS_CONFIG_FILE"] == "/its/config"
    assert found["TF_INPUT"] == "0"


def test_a_machine_without_terraform_is_told_so(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(root))
    with pytest.raises(TiercelError, check=because("terraform.not_installed")):
        run_terraform(root, ["version"], 10)


def test_a_root_is_a_private_copy_with_its_variables_and_a_teams_own_services() -> None:
    variables = {"policy_values": {"own_services": json.dumps({"batch": "{}"})}}
    with private_folder() as folder:
        root = prepare_root.fn(folder, "prod", variables)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert json.loads((root / "tiercel.auto.tfvars.json").read_text()) == variables
        assert (folder / "policies" / "services" / "batch.json").read_text() == "{}"
        assert (root / "main.tf").is_file()
        assert (folder / "policies" / "artifact-key.json").is_file()
    assert not folder.exists()


def test_an_environment_without_a_root_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no Terraform root for qa"):
        prepare_root.fn(tmp_path, "qa", {})


def test_a_state_that_could_not_be_saved_is_kept() -> None:
    with private_folder() as folder:
        (folder / "errored.tfstate").write_text("{}")
    assert (folder / "errored.tfstate").read_text() == "{}"
    (folder / "errored.tfstate").unlink()
    folder.rmdir()


def test_the_roots_differ_in_nothing_but_what_an_environment_decides() -> None:
    with private_folder() as folder:
        none = {"policy_values": {"own_services": "{}"}}
        preprod = prepare_root.fn(folder / "a", "preprod", none)
        prod = prepare_root.fn(folder / "b", "prod", none)
        for path in preprod.glob("*.tf"):
            pairs = zip(
                path.read_text().splitlines(),
                (prod / path.name).read_text().splitlines(),
                strict=True,
            )
            different = [one.strip().partition(" = ")[0] for one, other in pairs if one != other]
            assert all(one.startswith("#") or one == "log_retention_days" for one in different)


def test_administrators_are_two_profiles_and_each_missing_one_is_named(
    preprod: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(INFRASTRUCTURE_PROFILE, "a")
    monkeypatch.delenv(RUNTIME_PROFILE, raising=False)
    with pytest.raises(ConfigurationError) as missing:
        administrators_of(preprod)
    assert missing.value.why == f"{RUNTIME_PROFILE} is not set"
    assert preprod.environment.runtime_account in missing.value.remedy
    monkeypatch.setenv(RUNTIME_PROFILE, "b")
    assert administrators_of(preprod).variables() == {
        "infrastructure_profile": "a",
        "runtime_profile": "b",
    }


@pytest.mark.usefixtures("operator")
def test_each_administrator_has_to_be_of_its_own_account(preprod: Names) -> None:
    infrastructure, runtime = "preprod-infrastructure-root", "preprod-runtime-root"
    require_administrators.fn(preprod, Administrators(infrastructure, runtime))

    environment = preprod.environment
    wrong = [
        (Administrators(runtime, runtime), INFRASTRUCTURE_PROFILE, environment.runtime_account),
        (Administrators(infrastructure, "prod-runtime-root"), RUNTIME_PROFILE, "4" * 12),
    ]
    for administrators, variable, account in wrong:
        with pytest.raises(
            RefusedInputError, check=because("administrator.other_account")
        ) as refused:
            require_administrators.fn(preprod, administrators)
        assert account in refused.value.why
        assert variable in refused.value.remedy


@pytest.mark.usefixtures("operator")
def test_a_profile_that_is_not_there_is_told_with_the_variable_that_names_it(
    preprod: Names,
) -> None:
    infrastructure, runtime = "preprod-infrastructure-root", "preprod-runtime-root"
    wrong = [
        (Administrators("nobody", runtime), INFRASTRUCTURE_PROFILE),
        (Administrators(infrastructure, "nobody"), RUNTIME_PROFILE),
    ]
    for administrators, variable in wrong:
        with pytest.raises(ConfigurationError, match="cannot be used") as missing:
            require_administrators.fn(preprod, administrators)
        assert "nobody" in missing.value.where
        assert variable in missing.value.remedy
        assert "AWS_PROFILE" not in missing.value.remedy


@pytest.mark.usefixtures("operator")
def test_the_bucket_of_the_state_is_made_once_in_its_own_account(
    sandbox: Sandbox, preprod: Names
) -> None:
    administrator = "preprod-infrastructure-root"
    assert administrator in sandbox.regions
    with pytest.raises(TiercelError, check=because("terraform.no_state_bucket")):
        find_state_bucket.fn(preprod, administrator)
    for _ in range(2):
        ensure_state_bucket.fn(preprod, administrator)
        find_state_bucket.fn(preprod, administrator)
    with pytest.raises(TiercelError, check=because("aws.no_credentials")):
        find_state_bucket.fn(preprod, "nobody")
