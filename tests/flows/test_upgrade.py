"""What 0.1.0 left, upgraded in the order of docs/operate/releases: accounts, then workers.

`tests/upgrade/0.1.0.json` was recorded from 0.1.0 itself: commit ab29871, the first that its
changelog calls so, released one service in its own sandbox. It has the policies, the objects of
both buckets, the stack and the entrypoints of the deployments: a clone may lack history and tags.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import pytest

import tiercel
from tests.support.aws import root_client
from tests.support.commands import invoke_json
from tests.support.flow_runs import release
from tests.support.repositories import RepositoryMaker
from tests.support.templates import queue, services
from tiercel.deployments.own_code import require_own_flows
from tiercel.domain.accounts.provisioning import policy_values
from tiercel.domain.base.errors import ConfigurationError, UnreachableError, UntrustedArtifactError
from tiercel.domain.organization.access import Target
from tiercel.domain.organization.names import Names, Role
from tiercel.domain.organization.topology import Topology
from tiercel.flows.rollback import roll_back
from tiercel.sandbox.accounts.credentials import read_user_keys
from tiercel.sandbox.accounts.filling import seed_accounts
from tiercel.sandbox.aws.launch import root_secret
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.sandbox.machine.layout import Layout
from tiercel.tasks.aws.clients import forget_clients
from tiercel.tasks.aws.codebuild import newest_builds

RECORDED = json.loads((Path(__file__).parents[1] / "upgrade" / "0.1.0.json").read_text())
ROLES = (Role.ORCHESTRATOR, Role.DEPLOYER, Role.AUDITOR, Role.CLOUDFORMATION)

pytestmark = pytest.mark.usefixtures("operator")


@dataclass(frozen=True)
class Accounts:
    """Preprod's two accounts, as their administrator."""

    sandbox: Sandbox
    names: Names
    topology: Topology

    def client(self, account: str, service: str) -> Any:
        return root_client(self.sandbox, f"preprod-{account}-root", service)

    def install_0_1_0(self) -> None:
        """Bring roles, buckets and stack to what 0.1.0 has left."""
        prod = Names.of(self.topology, "prod")
        values = policy_values(self.topology, "preprod") | {
            "puller_account": prod.environment.infrastructure_account,
            "puller_role_arn": prod.role_arn(Role.ORCHESTRATOR),
        }
        kms = self.client("infrastructure", "kms")
        for name in ("artifact", "signing"):
            alias = getattr(self.names, f"{name}_key_alias")
            values[f"{name}_key_arn"] = kms.describe_key(KeyId=alias)["KeyMetadata"]["Arn"]

        def policy(name: str) -> str:
            return Template(json.dumps(RECORDED["policies"][name])).substitute(values)

        for role in ROLES:
            account = "infrastructure" if role is Role.ORCHESTRATOR else "runtime"
            iam = self.client(account, "iam")
            iam.update_assume_role_policy(
                RoleName=self.names.role(role), PolicyDocument=policy(f"{role}-trust")
            )
            iam.put_role_policy(
                RoleName=self.names.role(role),
                PolicyName="permissions",
                PolicyDocument=policy(f"{role}-permissions"),
            )
        for account, bucket, name in (
            ("infrastructure", self.names.artifact_bucket, "artifact"),
            ("runtime", self.names.staging_bucket, "staging"),
        ):
            s3 = self.client(account, "s3")
            s3.put_bucket_policy(Bucket=bucket, Policy=policy(f"{name}-bucket"))
            for key, body in RECORDED["artifacts" if name == "artifact" else name].items():
                s3.put_object(Bucket=bucket, Key=key, Body=base64.b64decode(body))
        self._create_stack()

    def upgrade(self) -> None:
        """What `tiercel provision` does: tests/oracle/test_terraform.py compares the two."""
        layout = Layout(self.sandbox.state)
        known = read_user_keys(layout, self.topology)
        endpoint, secret = self.sandbox.aws_endpoint, root_secret(layout)
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("AWS_PROFILE")  # the administrator has keys, and no profile
            seed_accounts(self.topology, endpoint, secret, known)
        forget_clients()

    def _create_stack(self) -> None:
        cloudformation = self.client("runtime", "cloudformation")
        staged = RECORDED["staging"]
        (template,) = [body for key, body in staged.items() if key.endswith(".template")]
        cloudformation.create_stack(
            **RECORDED["stack"],
            TemplateBody=base64.b64decode(template).decode(),
            RoleARN=self.names.role_arn(Role.CLOUDFORMATION),
        )


@pytest.fixture
def accounts(sandbox: Sandbox, preprod: Names, topology: Topology) -> Iterator[Accounts]:
    made = Accounts(sandbox, preprod, topology)
    try:
        made.install_0_1_0()
        yield made
    finally:
        made.upgrade()


def files(delay: int) -> dict[str, str]:
    return {"tiercel.toml": services(kept=""), "kept/template.json": queue(DelaySeconds=delay)}


def test_what_0_1_0_left_is_upgraded_released_over_and_rolled_back(
    accounts: Accounts, repositories: RepositoryMaker, sandbox: Sandbox
) -> None:
    repository, stack = repositories.make("repo"), accounts.names.stack("kept")
    place = ("--sandbox", "--state", str(sandbox.state))

    # Accounts first: their roles lack what is new, and AWS says so before anything is done.
    project = Target(accounts.names, "upgrade").builder
    with pytest.raises(UnreachableError) as refused:
        newest_builds(project)
    assert "codebuild:ListBuildsForProject" in refused.value.why
    accounts.upgrade()
    assert newest_builds(project) is not None

    # Deployments of 0.1.0 keep a worker from starting, until `tiercel up` has replaced them.
    old = {name.rpartition(".")[2]: name for name in RECORDED["entrypoints"]}
    with pytest.raises(ConfigurationError) as foreign:
        require_own_flows(old, Path(tiercel.__file__).parent)
    assert foreign.value.code == "worker.foreign_flows"

    def numbers() -> list[int]:
        history = invoke_json("releases", "preprod", *place)
        return [one["release"] for one in history if one["stack"] == stack]

    assert numbers() == [1]

    for number, delay in ((2, 2), (3, 3)):
        released = release(repository, repository.commit(files(delay)))["kept"].release
        assert released.intent.number == number
    back = asyncio.run(roll_back("preprod", stack, 2))
    assert (back.release.intent.number, back.release.intent.restores) == (4, 2)

    # 0.1.0 signed nothing, so what it built is not believed, and nothing is changed.
    with pytest.raises(UntrustedArtifactError) as unsigned:
        asyncio.run(roll_back("preprod", stack, 1))
    assert unsigned.value.code == "provenance.missing"
    assert numbers() == [4, 3, 2, 1]
