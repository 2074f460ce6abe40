"""The ways of docs/operate/worst-hour.md that cost little, walked one after the other."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import LogCreate
from prefect.settings import get_current_settings

from tests.chaos.wire import Wire, operation_of, saying
from tests.flows.conftest import Become
from tests.sandbox.support import eventually
from tests.support.aws import root_client
from tests.support.commands import data_in, fork, invoke, invoke_json
from tests.support.flow_runs import release
from tests.support.patience import PATIENCE_SECONDS
from tests.support.releases import intent, outcome
from tests.support.repositories import Repository, RepositoryMaker
from tests.support.templates import function, queue, services
from tests.tasks.faults import Answer, Interception, Question, interceptor
from tiercel.domain.base.errors import ExitCode
from tiercel.domain.organization.access import Records, orchestrator
from tiercel.domain.organization.names import Names
from tiercel.domain.release.ledger import intent_key, outcome_key
from tiercel.flows.promote import promote_to_prod
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.sandbox.machine.prefect_database import copy_database
from tiercel.tasks.records.ledger import record_intent, record_outcome

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


@pytest.mark.walks(
    "the-wrong-release-runs",
    "a-stack-in-a-bad-status",
    "stack-never-was",
    "prefects-server-is-lost",
    "a-credential-has-expired",
    "credential-own",
    "credential-of-github",
    "github-is-away",
    "back-without-github",
    "the-ledger-is-damaged",
    "entries-are-unreadable",
    "others-go-on",
    "entries-were-changed",
)
def test_the_ways_out_of_the_worst_hour_lead_out(
    sandbox: Sandbox,
    preprod: Names,
    repositories: RepositoryMaker,
    become: Become,
    tmp_path: Path,
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
        become("preprod")
        remove_newer_versions(sandbox, preprod, outcome_key(DAMAGED, 1))
        whole = invoke_json("releases", "preprod", *place)
        assert [one["status"] for one in whole if one["stack"] == DAMAGED] == ["succeeded"]

    # The wrong release runs.
    become("prod")
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

        with github_that_says_nothing() as (nowhere, asked):
            back = fork(
                "rollback", PROD, "--local", "--json", **nowhere, **without_prefect(tmp_path)
            )
            _the_doctor_names_what_has_expired(place)  # while a Prefect server starts
            output, errors = back.communicate(timeout=PATIENCE_SECONDS)
        assert back.wait() == ExitCode.OK, (output, errors)
        assert (data_in(output)["restores"], data_in(output)["changed"]) == (1, True)
        # Once, about whichever repository of Prod is the first.
        assert [one.partition("?")[0].rpartition("/")[2] for one in asked] == ["pulls"]
        invoke_json("reject", PROD, "2", "--reason", "it loses orders", *place)
    finally:
        invoke_json("resume", "prod", "--reason", "mended in 1.4.1", *place)
    code, _, errors = invoke("rollback", PROD, "--dry-run", "--to", "2", *place)
    assert (code, "it loses orders" in errors) == (ExitCode.REFUSED, True)


@contextmanager
def github_that_says_nothing() -> Iterator[tuple[dict[str, str], list[str]]]:
    """Where it is for a process, git's part as well, and which paths it was asked for."""
    asked: list[str] = []

    def silence(question: Question, _: Callable[[], Answer]) -> None:
        asked.append(question.path)

    with interceptor(silence) as url:
        names = ("GITHUB_API_URL", "GITHUB_SERVER_URL", "GITHUB_TOKEN")
        yield dict.fromkeys(names, url), asked


def without_prefect(folder: Path) -> dict[str, str]:
    """With --local there is a server of its own, for as long as it takes."""
    copy_database(folder)
    return {
        "PREFECT_API_URL": "",
        "PREFECT_HOME": str(folder),
        "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",  # nobody needs them here
        # A fork has read its settings before the command can set this one.
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    }


def _the_doctor_names_what_has_expired(place: Iterable[str]) -> None:
    wire = Wire(saying("ExpiredToken", 400), 1, is_who_calls)
    with interceptor(expired(wire)) as proxy:
        _, output, _ = invoke("doctor", *place, "--json", HTTP_PROXY=proxy, http_proxy=proxy)
    seen = {(one["area"], one["what"]): one for one in data_in(output)}
    assert seen["preprod", "credentials"]["health"] == "wrong"
    assert "have expired" in seen["preprod", "credentials"]["found"]
    assert "log in again" in seen["preprod", "credentials"]["remedy"]
    assert seen["prod", "credentials"]["health"] == "well"
    assert seen["GitHub", "credentials"]["health"] == "wrong"
    assert "GITHUB_TOKEN" in seen["GitHub", "credentials"]["remedy"]


@contextmanager
def damaged(sandbox: Sandbox, names: Names) -> Iterator[None]:
    """Somebody wrote half of an outcome over that of another stack's release."""
    records = Records(orchestrator(names, "test"), names.artifact_bucket)
    begun = record_intent.fn(records, intent(stack=DAMAGED, number=1))
    assert begun
    record_outcome.fn(records, begun, outcome())
    half = outcome().model_dump_json().encode()[:40]
    with without_policy(sandbox, names) as s3:
        s3.put_object(Bucket=records.bucket, Key=outcome_key(DAMAGED, 1), Body=half)
    try:
        yield
    finally:
        s3 = root_client(sandbox, "preprod-infrastructure-root", "s3")
        for key in (intent_key(DAMAGED, 1), outcome_key(DAMAGED, 1)):
            s3.delete_object(Bucket=records.bucket, Key=key)


@contextmanager
def without_policy(sandbox: Sandbox, names: Names) -> Iterator[Any]:
    """The artifact bucket as its account's administrator can make it, and as it was before."""
    s3, bucket = (
        root_client(sandbox, "preprod-infrastructure-root", "s3"),
        names.artifact_bucket,
    )
    policy = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    s3.delete_bucket_policy(Bucket=bucket)
    try:
        yield s3
    finally:
        s3.put_bucket_policy(Bucket=bucket, Policy=policy)


def remove_newer_versions(sandbox: Sandbox, names: Names, key: str) -> None:
    with without_policy(sandbox, names) as s3:
        found = s3.list_object_versions(Bucket=names.artifact_bucket, Prefix=key)["Versions"]
        *newer, _ = sorted(found, key=lambda one: one["LastModified"], reverse=True)
        assert newer
        for one in newer:
            s3.delete_object(Bucket=names.artifact_bucket, Key=key, VersionId=one["VersionId"])


def expired(wire: Wire) -> Interception:
    """AWS and GitHub take the credentials no longer: AWS one of an environment's, GitHub none."""

    def meet(question: Question, ask: Callable[[], Answer]) -> Answer | None:
        if question.path.endswith("/rate_limit"):
            json_type = (("content-type", "application/json"),)
            return Answer(401, json_type, b'{"message": "Bad credentials"}')
        return wire(question, ask)

    return meet


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
