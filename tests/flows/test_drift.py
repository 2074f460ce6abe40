"""What was changed past Tiercel is found by the auditor, told with its remedy, and shuts a gate."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.flows.conftest import Become
from tests.flows.test_check import latest_artifact
from tests.support.aws import root_client
from tests.support.codes import because
from tests.support.commands import ROOT, data_in, invoke, invoke_json
from tests.support.flow_runs import release
from tests.support.prefect_server import server_of_commands
from tests.support.repositories import RepositoryMaker
from tests.support.templates import queue, services
from tiercel.domain.base.errors import ExitCode, RefusedInputError
from tiercel.domain.drift.report import DriftKind, DriftReport
from tiercel.flows.promote import promote_to_prod
from tiercel.flows.rollback import roll_back
from tiercel.sandbox.aws.journal import journal_size, read_journal
from tiercel.sandbox.lifecycle import Sandbox

pytestmark = pytest.mark.usefixtures("operator")

STACK = "acme-prod-watched"
ROLE = "acme-prod-deployer"


def look() -> DriftReport:
    """What the command finds in Prod, which fails if that is anything."""
    code, said, errors = invoke("drift", "prod", "--local", "--json", **server_of_commands())
    assert said, errors
    report = DriftReport.model_validate(data_in(said))
    assert code == (ExitCode.OK if report.is_clean else ExitCode.CHECK_FAILED)
    return report


@pytest.mark.walks("changed-by-hand")
def test_drift_is_found_told_and_shuts_the_gate_until_it_is_mended(
    sandbox: Sandbox,
    become: Become,
    repositories: RepositoryMaker,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    repository = repositories.make("watched")
    files = {"tiercel.toml": services(watched=""), "watched/template.json": queue(DelaySeconds=5)}
    release(repository, repository.commit(files))
    repository.merge_into_main()
    become("prod")
    asyncio.run(promote_to_prod(repository.name, "main"))
    sqs = root_client(sandbox, "prod-runtime-root", "sqs")
    iam = root_client(sandbox, "prod-runtime-root", "iam")
    formation = root_client(sandbox, "prod-runtime-root", "cloudformation")
    address = formation.describe_stack_resource(StackName=STACK, LogicalResourceId="Queue")[
        "StackResourceDetail"
    ]["PhysicalResourceId"]
    before = journal_size(sandbox.journal)
    assert [one for one in look().findings if one.where == STACK] == []

    sqs.set_queue_attributes(QueueUrl=address, Attributes={"DelaySeconds": "77"})
    policy = iam.get_role_policy(RoleName=ROLE, PolicyName="permissions")["PolicyDocument"]
    wider = {"Effect": "Allow", "Action": "iam:*", "Resource": "*"}
    put_policy(iam, {**policy, "Statement": [*policy["Statement"], wider]})
    try:
        report = look()
    finally:
        put_policy(iam, policy)

    (changed,) = [one for one in report.findings if one.where == STACK]
    assert (changed.kind, changed.what) == (DriftKind.MODIFIED, "Queue (AWS::SQS::Queue)")
    assert changed.why == "/DelaySeconds"
    assert f"tiercel rollback {STACK} --to 1 --revert-drift" in changed.remedy
    assert [one.kind for one in report.findings if "deployer" in one.what] == [DriftKind.POLICY]
    assert who_looked(sandbox, before) == {"acme-prod-auditor"}
    page = latest_artifact("drift-prod")
    assert "/DelaySeconds" in page
    assert not re.search(r"\b77\b", page)
    place = ("--sandbox", "--state", str(sandbox.state))
    assert invoke_json("status", *place)["drift"]["prod"]["flow_run"] == report.flow_run
    become("prod")

    require_none(tmp_path, monkeypatch)
    with pytest.raises(RefusedInputError, check=because("promotion.gate_closed")) as refused:
        asyncio.run(promote_to_prod(repository.name, "main"))
    assert STACK in refused.value.why

    restored = asyncio.run(roll_back("prod", STACK, 1, revert_drift=True))
    assert restored.changed
    # The emulator makes no drift-aware change sets, and nobody is left to believe that it did.
    assert "a drift\\-aware one was asked for" in latest_artifact(f"plan-{STACK}")

    formation.update_stack(
        StackName=STACK, UsePreviousTemplate=True, Tags=[{"Key": "a", "Value": "b"}]
    )
    formation.get_waiter("stack_update_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})
    past = look()
    assert [one.kind for one in past.findings if one.where == STACK] == [DriftKind.PAST_TIERCEL]
    assert past.tells_more_than(report)


def put_policy(iam: Any, policy: Any) -> None:
    iam.put_role_policy(RoleName=ROLE, PolicyName="permissions", PolicyDocument=json.dumps(policy))


def who_looked(sandbox: Sandbox, since: int) -> set[str]:
    looks = {"DetectStackDrift", "DescribeStackResourceDrifts"}
    entries = [one for one in read_journal(sandbox.journal, since) if one.operation in looks]
    return {one.principal.partition("/")[2].partition("/")[0] for one in entries}


def require_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = (ROOT / "tiercel.toml").read_text()
    gate = config.replace('\ndrift = ""\n', '\ndrift = "none"\n')
    assert gate != config
    (folder / "tiercel.toml").write_text(gate)
    monkeypatch.setenv("TIERCEL_CONFIG", str(folder / "tiercel.toml"))
