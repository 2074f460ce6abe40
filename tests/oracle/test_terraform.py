"""Terraform's own AWS provider makes the accounts, and has to make what the sandbox seeds.

The sandbox seeds the accounts of one configuration; `tiercel provision` makes those of another,
which differs in nothing but the ids of the accounts.
"""

from __future__ import annotations

import configparser
import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.support import Caller, caller
from tests.support.commands import ROOT, data_in, error_in, fork, fork_json, run_fork
from tests.support.inventory import inventory
from tests.support.prefect_api import PrefectApi
from tests.support.repositories import RepositoryMaker
from tests.support.templates import queue, services
from tests.support.terraform import why_not, write_cli_config
from tiercel.domain.accounts.provisioning import terraform_variables
from tiercel.domain.accounts.terraform_plan import TerraformPlan
from tiercel.domain.configuration.parsing import parse_topology
from tiercel.domain.drill.foundation import TARGETS, foundation_of
from tiercel.domain.organization.names import Names
from tiercel.sandbox.lifecycle import Sandbox, down, up
from tiercel.sandbox.machine.layout import Layout
from tiercel.tasks.accounts.administrators import (
    INFRASTRUCTURE_PROFILE,
    RUNTIME_PROFILE,
    Administrators,
)
from tiercel.tasks.accounts.terraform import (
    Backend,
    init_terraform,
    plan_destruction,
    prepare_root,
)
from tiercel.tasks.accounts.terraform_process import run_terraform

pytestmark = [
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "it can run"),
    pytest.mark.timeout(900),
]

TEXT = (ROOT / "tiercel.toml").read_text()
# Accounts 1 to 4 are seeded by the sandbox, 5 to 8 are empty.
OTHER_TEXT = TEXT
for digit in range(1, 5):
    OTHER_TEXT = OTHER_TEXT.replace(str(digit) * 12, str(digit + 4) * 12)
SEEDED = Names.of(parse_topology(TEXT), "preprod")
OTHER = parse_topology(OTHER_TEXT)
NAMES = Names.of(OTHER, "preprod")
ADMINISTRATORS = Administrators("infrastructure", "runtime")
TAGS = {
    "tiercel:organization": "acme",
    "tiercel:environment": "preprod",
    "tiercel:managed-by": "terraform",
}


@dataclass(frozen=True)
class Provisioned:
    """Preprod's accounts once they are provisioned, and what the commands said on the way."""

    box: Sandbox
    root: Path
    said: dict[str, Any]
    infrastructure: Caller
    runtime: Caller


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    state = Path(tempfile.mkdtemp(prefix="sandbox-"))
    try:
        yield up(state, parse_topology(TEXT), github=False)
    finally:
        down(state)
        shutil.rmtree(state)


@pytest.fixture(scope="module")
def provisioned(box: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provisioned]:
    folder = tmp_path_factory.mktemp("terraform")
    secret = Layout(box.state).secret.read_text()
    environment = NAMES.environment
    accounts = (environment.infrastructure_account, environment.runtime_account)
    callers = [Caller(box.aws_endpoint, environment.region, one, secret) for one in accounts]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables_of(box, folder, secret).items():
            patch.setenv(name, value)
        said = play(folder)
        variables = terraform_variables(OTHER, "preprod") | ADMINISTRATORS.variables()
        root = prepare_root.fn(folder, "preprod", variables)
        backend = Backend(
            NAMES.state_bucket, "preprod.tfstate", environment.region, "infrastructure"
        )
        init_terraform.fn(root, backend)
        yield Provisioned(box, root, said, callers[0], callers[1])


def variables_of(box: Sandbox, folder: Path, secret: str) -> dict[str, str]:
    """Each account's administrator is its root, by a profile; nothing else leads anywhere."""
    preprod, prod = NAMES.environment, OTHER.environments["prod"]
    accounts = {
        ADMINISTRATORS.infrastructure: preprod.infrastructure_account,
        ADMINISTRATORS.runtime: preprod.runtime_account,
        "prod-infrastructure": prod.infrastructure_account,
        "prod-runtime": prod.runtime_account,
    }
    file = configparser.RawConfigParser()
    for profile, account in accounts.items():
        file[profile] = {"aws_access_key_id": account, "aws_secret_access_key": secret}
    with (folder / "credentials").open("w") as output:
        file.write(output)
    (folder / "config").touch()
    (folder / "tiercel.toml").write_text(OTHER_TEXT)
    return {
        "AWS_ENDPOINT_URL": box.aws_endpoint,
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
        "AWS_CONFIG_FILE": str(folder / "config"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ACCESS_KEY_ID": "000000000000",
        "PREFECT_API_URL": box.prefect_api_url or "",
        "TF_CLI_CONFIG_FILE": str(write_cli_config(folder / "terraformrc")),
        "TF_VAR_build_image": "not/this:one",
        "TIERCEL_CONFIG": str(folder / "tiercel.toml"),
        INFRASTRUCTURE_PROFILE: ADMINISTRATORS.infrastructure,
        RUNTIME_PROFILE: ADMINISTRATORS.runtime,
    }


def play(folder: Path) -> dict[str, Any]:
    """What an administrator does, mistakes included; TMPDIR shows what is left behind."""
    temporary = folder / "tmp"
    temporary.mkdir()
    where = {"TMPDIR": str(temporary)}
    said: dict[str, Any] = {"without a bucket": run_fork("provision", "preprod", "--json", **where)}
    said["not approved"] = run_fork("provision", "preprod", "--bootstrap", "--json", **where)
    digest = error_in(said["not approved"][1])["remedy"].rpartition("--approve ")[2].strip("`")
    said["applied"] = fork_json("provision", "preprod", "--approve", digest, **where)
    prod = {INFRASTRUCTURE_PROFILE: "prod-infrastructure", RUNTIME_PROFILE: "prod-runtime"}
    said["prod"] = fork_json("provision", "prod", "--bootstrap", "--plan-only", **where, **prod)
    said["left behind"] = [path.name for path in temporary.glob("tiercel-terraform-*")]
    return said


def test_without_the_bucket_of_the_state_nothing_is_planned(provisioned: Provisioned) -> None:
    code, output, _ = provisioned.said["without a bucket"]
    error = error_in(output)
    assert code == 1
    assert error["what"] == "there is no bucket for Terraform's state"
    assert "--bootstrap" in error["remedy"]


def test_a_plan_that_nobody_approved_is_not_applied(provisioned: Provisioned) -> None:
    code, output, _ = provisioned.said["not approved"]
    assert code == 4
    assert provisioned.said["applied"]["plan"]["digest"] in error_in(output)["remedy"]
    assert provisioned.said["prod"]["applied"] is False


def test_exactly_the_approved_plan_is_applied(provisioned: Provisioned) -> None:
    applied = provisioned.said["applied"]
    assert applied["applied"] is True
    assert len(applied["plan"]["changes"]) == 52
    outputs = applied["outputs"]
    assert outputs["infrastructure_account"]["artifact_bucket"] == NAMES.artifact_bucket
    assert outputs["runtime_account"]["role_arns"]["deployer"].endswith("acme-preprod-deployer")


def test_prods_root_plans_the_same_resources_but_for_the_role_that_deletes(
    provisioned: Provisioned,
) -> None:
    plans = [provisioned.said[name]["plan"] for name in ("applied", "prod")]
    addresses = [[one["address"] for one in plan["changes"]] for plan in plans]
    on_demand = [one for one in addresses[0] if one.startswith("module.ephemeral_environments[0]")]
    assert len(on_demand) == 7
    permanent = [one for one in addresses[0] if one not in on_demand]
    assert [one for one in permanent if "destroyer" not in one] == addresses[1]
    assert len(permanent) == len(addresses[1]) + 2
    assert plans[0]["digest"] != plans[1]["digest"]


def test_no_plan_and_no_copy_is_left_on_the_machine(provisioned: Provisioned) -> None:
    assert provisioned.said["left behind"] == []


def test_the_accounts_hold_what_the_sandbox_seeds_by_itself(provisioned: Provisioned) -> None:
    box = provisioned.box
    seeded = inventory(
        caller(box, "preprod-infrastructure-root"), caller(box, "preprod-runtime-root"), SEEDED
    )
    made = inventory(provisioned.infrastructure, provisioned.runtime, NAMES)
    # Prod's accounts differ as well; only the policies that let Prod pull name them.
    text = json.dumps(made, sort_keys=True).replace("7" * 12, "3" * 12)
    assert json.loads(text) == seeded
    assert len(seeded["infrastructure"]["roles"]) == 6
    assert len(seeded["runtime"]["roles"]) == 7


def test_builds_and_logs_are_there_with_their_limits(provisioned: Provisioned) -> None:
    codebuild = provisioned.infrastructure.client("codebuild")
    names = [f"{NAMES.prefix}builder", f"{NAMES.prefix}verifier"]
    assert codebuild.list_projects()["projects"] == names
    for project in codebuild.batch_get_projects(names=names)["projects"]:
        assert project["serviceRole"].endswith(f"role/{project['name']}")
        assert project["timeoutInMinutes"] == 15
        assert project["environment"]["privilegedMode"] is False
        assert project["environment"]["image"] != "not/this:one"
        group = project["logsConfig"]["cloudWatchLogs"]["groupName"]
        assert group == f"/aws/codebuild/{project['name']}"
    groups = provisioned.infrastructure.client("logs").describe_log_groups()["logGroups"]
    assert {group["logGroupName"]: group["retentionInDays"] for group in groups} == {
        "/aws/codebuild/acme-preprod-builder": 90,
        "/aws/codebuild/acme-preprod-verifier": 90,
        "/tiercel/preprod": 90,
    }


def test_everything_that_can_be_tagged_is(provisioned: Provisioned) -> None:
    s3 = provisioned.infrastructure.client("s3")
    stored = s3.get_object(Bucket=NAMES.state_bucket, Key="preprod.tfstate")
    state = json.load(stored["Body"])
    found = [one["attributes"] for each in state["resources"] for one in each["instances"]]
    tagged = [one for one in found if "tags_all" in one]
    assert len(tagged) >= 16
    assert [one["tags_all"] for one in tagged] == [TAGS] * len(tagged)
    iam = provisioned.infrastructure.client("iam")
    role = f"{NAMES.prefix}orchestrator"
    tags = iam.list_role_tags(RoleName=role)["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == TAGS


def test_the_state_lies_in_a_guarded_bucket_and_its_lock_is_released(
    provisioned: Provisioned,
) -> None:
    s3 = provisioned.infrastructure.client("s3")
    bucket = {"Bucket": NAMES.state_bucket}
    assert [one["Key"] for one in s3.list_objects_v2(**bucket)["Contents"]] == ["preprod.tfstate"]
    assert s3.get_bucket_versioning(**bucket)["Status"] == "Enabled"
    assert all(s3.get_public_access_block(**bucket)["PublicAccessBlockConfiguration"].values())
    policy = json.loads(s3.get_bucket_policy(**bucket)["Policy"])
    assert {one["Sid"]: one["Effect"] for one in policy["Statement"]} == {
        "NeverWithoutTls": "Deny",
        "NeverFromAnotherAccount": "Deny",
    }


def test_a_worker_that_is_given_administrators_provisions_from_the_form_and_a_second_plan_is_empty(
    provisioned: Provisioned,
) -> None:
    """It needs no approval, as nothing is to do."""
    fork_json("up")
    api = PrefectApi(str(provisioned.box.prefect_api_url))
    assert api.form("provision-accounts/provision-accounts-preprod", environment="preprod")["valid"]
    assert not api.form("provision-accounts/provision-accounts-preprod", environment="../prod")[
        "valid"
    ]
    worker = subprocess.Popen([sys.executable, "-P", "-m", "tiercel", "worker", "preprod"])
    try:
        found = api.start("provision-accounts/provision-accounts-preprod", environment="preprod")
        api.await_state(found, ("Completed",))
    finally:
        worker.terminate()
        worker.wait(60)
    api.await_task(found, "terraform output")
    api.await_log(found, "preprod: 0 to create, 0 to update, 0 to replace, 0 to delete")


def test_a_drill_would_destroy_the_runtime_accounts_own_resources_and_nothing_else(
    provisioned: Provisioned,
) -> None:
    nothing = TerraformPlan(environment="preprod", digest="", changes=(), changes_outputs=False)

    foundation = foundation_of(nothing, plan_destruction.fn(provisioned.root, TARGETS).plan)

    kinds = Counter(one.partition(".aws_")[2].partition(".")[0] for one in foundation.addresses)
    runtime = inventory(provisioned.infrastructure, provisioned.runtime, NAMES)["runtime"]
    assert kinds["iam_role"] == len(runtime["roles"])
    assert kinds["iam_policy"] == len(runtime["policies"])
    assert set(kinds) == {"iam_role", "iam_role_policy", "iam_policy"}


@pytest.mark.timeout(1800)
def test_a_drill_destroys_the_runtime_accounts_own_resources_and_makes_them_again(
    provisioned: Provisioned,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The command itself, with a stack that needs them."""
    if not request.config.getoption("--foundation"):
        pytest.skip("`make foundation` does this")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", provisioned.infrastructure.key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", provisioned.infrastructure.secret)
    monkeypatch.setenv("GITHUB_SERVER_URL", (provisioned.box.state / "repositories").as_uri())
    monkeypatch.setenv("TIERCEL_CACHE_DIR", str(tmp_path / "cache"))
    repository = RepositoryMaker(provisioned.box.state, tmp_path).make("founded")
    commit = repository.commit({"tiercel.toml": services(inbox=""), "inbox/template.json": queue()})
    for verb in ("publish", "deploy"):
        patient_json(verb, repository.name, commit, "--local")
    before = inventory(provisioned.infrastructure, provisioned.runtime, NAMES)
    made = [made_when(who) for who in (provisioned.infrastructure, provisioned.runtime)]
    drill = ("rebuild", "preprod", "--foundation")

    plan = patient_json(*drill, "--plan-only")
    approved = ("--approve", plan["digest"], "--account", plan["plan"]["alias"])
    report = patient_json(*drill, *approved)

    assert not report["failures"]
    assert report["stacks"] == 1
    assert set(report["phases"]) > {"begin-foundation", "destroy-foundation", "apply-foundation"}
    assert inventory(provisioned.infrastructure, provisioned.runtime, NAMES) == before
    assert made_when(provisioned.infrastructure) == made[0]
    now = made_when(provisioned.runtime)
    anew = {one for one, when in now.items() if when != made[1][one]}
    assert anew == {*before["runtime"]["roles"], *before["runtime"]["policies"]}
    empty(provisioned.infrastructure, NAMES.artifact_bucket)
    empty(provisioned.runtime, NAMES.staging_bucket)


def patient_json(*arguments: str) -> Any:
    command = fork(*arguments, "--json")
    output, errors = command.communicate(timeout=1500)
    assert command.wait() == 0, output + errors
    return data_in(output)


def made_when(who: Caller) -> dict[str, datetime]:
    """When an account's roles, policies and buckets were made, by their names."""
    iam = who.client("iam")
    roles, policies = iam.list_roles()["Roles"], iam.list_policies(Scope="Local")["Policies"]
    buckets = who.client("s3").list_buckets()["Buckets"]
    return (
        {one["RoleName"]: one["CreateDate"] for one in roles}
        | {one["PolicyName"]: one["CreateDate"] for one in policies}
        | {one["Name"]: one["CreationDate"] for one in buckets}
    )


def empty(who: Caller, bucket: str) -> None:
    """So that the bucket can go: the release and the drill have left their records."""
    s3 = who.client("s3")
    s3.delete_bucket_policy(Bucket=bucket)
    for one in s3.list_object_versions(Bucket=bucket).get("Versions", ()):
        s3.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])


def test_destroying_leaves_nothing_but_the_state_and_keys_that_wait(
    provisioned: Provisioned,
) -> None:
    """The last one of this file: the others look at what it destroys."""
    run_terraform(provisioned.root, ["destroy", "-auto-approve", "-input=false"], 600)
    left = inventory(provisioned.infrastructure, provisioned.runtime, NAMES)
    nothing: dict[str, Any] = {"roles": {}, "policies": {}, "providers": {}, "buckets": {}}
    assert left == {"infrastructure": nothing | {"keys": {}}, "runtime": nothing}
    s3 = provisioned.infrastructure.client("s3")
    assert [one["Name"] for one in s3.list_buckets()["Buckets"]] == [NAMES.state_bucket]
    assert provisioned.infrastructure.client("codebuild").list_projects()["projects"] == []
    assert provisioned.infrastructure.client("logs").describe_log_groups()["logGroups"] == []
    kms = provisioned.infrastructure.client("kms")
    states = {
        kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"]
        for key in kms.list_keys()["Keys"]
    }
    assert states == {"PendingDeletion"}
