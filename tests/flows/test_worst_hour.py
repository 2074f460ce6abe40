"""The ways of docs/operate/worst-hour.md that cost little, walked one after the other."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import LogCreate
from prefect.settings import get_current_settings

from tests.chaos.wire import Wire, operation_of, saying
from tests.flows.conftest import Become
from tests.sandbox.support import eventually
from tests.support.aws import root_client
from tests.support.commands import data_in, invoke, invoke_json
from tests.support.flow_runs import release
from tests.support.releases import intent, outcome
from tests.support.repositories import Repository, RepositoryMaker
from tests.support.templates import function, queue, services
from tests.tasks.faults import Question, free_port, interceptor
from tiercel.domain.base.errors import ExitCode
from tiercel.domain.organization.access import Records, orchestrator
from tiercel.domain.organization.names import Names
from tiercel.domain.release.ledger import intent_key, outcome_key
from tiercel.flows.promote import promote_to_prod
from tiercel.flows.rollback import roll_back
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.tasks.aws.objects import create_object
from tiercel.tasks.records.ledger import record_intent

pytestmark = pytest.mark.usefixtures("operator")

SERVICE, PREPROD, PROD = "hour", "acme-preprod-hour", "acme-prod-hour"
DAMAGED = "acme-preprod-hourless"
RAISES = "def handler(event, context):\n    raise ValueError('an order is lost')\n"


WELL = {"tiercel.toml": services(**{SERVICE: ""}), f"{SERVICE}/template.json": queue()}
WRONG = {f"{SERVICE}/template.json": function(), f"{SERVICE}/src/app.py": RAISES}


def promote(repository: Repository, files: dict[str, str], become: Become) -> str:
    """Release to Preprod, then to Prod; return the id of the run that did that."""
    become("preprod")
    release(repository, repository.commit(files))
    repository.merge_into_main()
    become("prod")
    released = asyncio.run(promote_to_prod(repository.name, "main"))
    return released[SERVICE].release.intent.flow_run


def test_the_ways_out_of_the_worst_hour_lead_out(
    sandbox: Sandbox,
    preprod: Names,
    repositories: RepositoryMaker,
    become: Become,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = ("--sandbox", "--state", str(sandbox.state))
    repository = repositories.make(SERVICE)
    _leave_a_stack_that_could_not_be_created(sandbox, preprod)

    # A stack in a bad status: it is released again, and the flow knows what to do.
    promote(repository, WELL, become)

    # The ledger is damaged: what cannot be read is named, and releases of other stacks go on.
    become("preprod")
    with damaged(sandbox, preprod):
        code, listed, errors = invoke("releases", "preprod", *place)
        assert (code, DAMAGED in listed) == (ExitCode.REFUSED, True)
        assert "ledger.unreadable_entries" in errors
        wrong = promote(repository, WRONG, become)

    # The wrong release runs.
    try:
        invoke_json("hold", "prod", "--reason", "orders are lost", *place)
        assert invoke_json("status", *place)["holds"]["prod"]["reason"] == "orders are lost"
        found = invoke_json("releases", "prod", "--newest", "5", *place)
        own = [(one["release"], one["purpose"]) for one in found if one["stack"] == PROD]
        assert own == [(2, "promotion"), (1, "promotion")]
        _call_it(sandbox)
        asyncio.run(_say_in_the_run(wrong, "begun", "staged", "deployed"))
        server = str(get_current_settings().api.url)
        said = invoke_json("logs", PROD, "--lines", "2", *place, PREFECT_API_URL=server)
        assert [line["text"] for line in said["run"]["lines"]] == ["staged", "deployed"]
        (told,) = said["functions"]
        assert any("ValueError" in error["text"] for error in told["errors"])
        code, text, errors = invoke("logs", PROD, *place, PREFECT_API_URL="")
        assert (code, "ValueError" in text) == (ExitCode.OK, True)
        assert "no Prefect server is named" in errors
        back = invoke_json("rollback", PROD, "--dry-run", *place)
        assert (back["release"], back["back_to"]) == (2, 1)

        # GitHub is away: going back needs neither it nor git.
        nowhere = f"http://127.0.0.1:{free_port()}"
        with monkeypatch.context() as away:
            away.setenv("GITHUB_API_URL", nowhere)
            away.setenv("GITHUB_SERVER_URL", nowhere)
            away.setenv("GITHUB_TOKEN", "is-not-asked-for")
            restored = asyncio.run(roll_back("prod", PROD))
        assert restored.release.intent.restores == 1
        invoke_json("reject", PROD, "2", "--reason", "it loses orders", *place)
    finally:
        invoke_json("resume", "prod", "--reason", "mended in 1.4.1", *place)
    code, _, errors = invoke("rollback", PROD, "--dry-run", "--to", "2", *place)
    assert (code, "it loses orders" in errors) == (ExitCode.REFUSED, True)

    # A credential has expired: whose, and what to do.
    wire = Wire(saying("ExpiredToken", 400), 1, is_who_calls)
    with interceptor(wire) as proxy:
        _, output, _ = invoke("doctor", *place, "--json", HTTP_PROXY=proxy, http_proxy=proxy)
    seen = {(one["area"], one["what"]): one for one in data_in(output)}
    assert seen["preprod", "credentials"]["health"] == "wrong"
    assert "have expired" in seen["preprod", "credentials"]["found"]
    assert "log in again" in seen["preprod", "credentials"]["remedy"]
    assert seen["prod", "credentials"]["health"] == "well"


@contextmanager
def damaged(sandbox: Sandbox, names: Names) -> Iterator[None]:
    """Half of the outcome of another stack's release is gone."""
    records = Records(orchestrator(names, "test"), names.artifact_bucket)
    record_intent.fn(records, intent(stack=DAMAGED, number=1))
    half = outcome().model_dump_json().encode()[:40]
    create_object(records.access, records.bucket, outcome_key(DAMAGED, 1), half)
    try:
        yield
    finally:
        s3 = root_client(sandbox, "preprod-infrastructure-root", "s3")
        for key in (intent_key(DAMAGED, 1), outcome_key(DAMAGED, 1)):
            s3.delete_object(Bucket=records.bucket, Key=key)


def is_who_calls(question: Question) -> bool:
    return operation_of(question) == "GetCallerIdentity"


def _leave_a_stack_that_could_not_be_created(sandbox: Sandbox, names: Names) -> None:
    runtime = root_client(sandbox, "preprod-runtime-root", "cloudformation")
    wrong = {"Type": "AWS::SQS::Queue", "Properties": {"MessageRetentionPeriod": 5}}
    tags = [{"Key": key, "Value": value} for key, value in names.stack_tags(SERVICE).items()]
    body = json.dumps({"Resources": {"Queue": wrong}})
    made = runtime.create_stack(StackName=PREPROD, TemplateBody=body, Tags=tags)["StackId"]
    eventually(
        lambda: (
            runtime.describe_stacks(StackName=made)["Stacks"][0]["StackStatus"]
            == "ROLLBACK_COMPLETE"
        )
    )


def _call_it(sandbox: Sandbox) -> None:
    """Somebody uses the function, which fails."""
    runtime = root_client(sandbox, "prod-runtime-root", "cloudformation")
    resource = runtime.describe_stack_resource(StackName=PROD, LogicalResourceId="Function")
    name = resource["StackResourceDetail"]["PhysicalResourceId"]
    answer = root_client(sandbox, "prod-runtime-root", "lambda").invoke(FunctionName=name)
    assert answer["FunctionError"]


async def _say_in_the_run(run: str, *lines: str) -> None:
    """Runs in a test's own process keep their logs to themselves."""
    async with get_client() as client:
        await client.create_logs(
            [
                LogCreate(
                    name="prefect.flow_runs",
                    level=logging.INFO,
                    message=line,
                    timestamp=datetime.now(UTC) + timedelta(seconds=number),
                    flow_run_id=UUID(run),
                )
                for number, line in enumerate(lines)
            ]
        )
