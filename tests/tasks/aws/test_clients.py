from __future__ import annotations

import gc
import os
import re
import traceback
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import boto3
import psutil
import pytest
from botocore.config import Config

from tests.support.codes import because
from tests.tasks import aws_fixtures
from tests.tasks.aws_fixtures import RUN, Between, at_once
from tests.tasks.faults import Answer, Faults, Question, error, free_port, once
from tests.tasks.stacks import Workshop, gated, signal
from tiercel.domain.base.errors import TiercelError, TransientError, UnreachableError
from tiercel.domain.organization.access import Access
from tiercel.domain.organization.names import Names
from tiercel.domain.stack.states import StackStatus
from tiercel.sandbox.aws.journal import JournalEntry, journal_size, read_journal
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.tasks.aws.caller import caller_arn
from tiercel.tasks.aws.clients import caller_client, client, forget_clients
from tiercel.tasks.aws.errors import translated
from tiercel.tasks.aws.objects import list_keys
from tiercel.tasks.stack.stacks import observe_stack
from tiercel.tasks.stack.waiting.operation import wait_for_stack

infrastructure = aws_fixtures.infrastructure
runtime = aws_fixtures.runtime
aws = aws_fixtures.aws
faults = aws_fixtures.faults
between = aws_fixtures.between

pytestmark = pytest.mark.usefixtures("aws")


def assumed(sandbox: Sandbox, offset: int) -> list[JournalEntry]:
    return [e for e in read_journal(sandbox.journal, offset) if e.operation == "AssumeRole"]


def whoami(access: Access) -> str:
    return str(client("sts", access).get_caller_identity()["Arn"])


def test_the_deployer_is_reached_through_the_orchestrator_and_every_session_is_the_runs(
    sandbox: Sandbox, infrastructure: Access, runtime: Access
) -> None:
    forget_clients()
    offset = journal_size(sandbox.journal)

    arn = whoami(runtime)

    assert arn == f"arn:aws:sts::222222222222:assumed-role/acme-preprod-deployer/{RUN}"
    orchestrators = f"arn:aws:sts::111111111111:assumed-role/acme-preprod-orchestrator/{RUN}"
    assert [(entry.principal, entry.status) for entry in assumed(sandbox, offset)] == [
        ("arn:aws:iam::111111111111:user/operator", 200),
        (orchestrators, 200),
    ]
    assert whoami(infrastructure) == orchestrators


def test_a_session_is_named_after_the_run_and_lasts_as_long_as_a_chained_one_may(
    between: Between, runtime: Access
) -> None:
    asked: list[dict[str, str]] = []

    def watch(question: Question, answer: Answer) -> Answer:
        if b"Action=AssumeRole" in question.body:
            form = parse_qs(question.body.decode())
            asked.append({name: values[0] for name, values in form.items()})
        return answer

    with between(watch):
        whoami(runtime)

    for request in asked:
        assert request["RoleSessionName"] == RUN
        assert request["SourceIdentity"] == RUN
        assert request["DurationSeconds"] == "3600"
    assert [request.get("ExternalId") for request in asked] == [None, "acme-preprod-1f6a2c"]


def test_a_wrong_external_id_is_refused_and_the_role_is_named(runtime: Access) -> None:
    wrong = replace(runtime, external_id="acme-prod-93be07")

    with pytest.raises(UnreachableError, match="not allowed to assume a role") as failure:
        whoami(wrong)

    assert failure.value.where == runtime.role_arn
    assert "ids in tiercel.toml" in failure.value.remedy


def test_clients_are_made_once_and_a_role_is_assumed_once_however_many_ask(
    sandbox: Sandbox, infrastructure: Access
) -> None:
    forget_clients()
    offset = journal_size(sandbox.journal)

    made = at_once(20, lambda _: client("sts", infrastructure))
    arns = at_once(20, lambda _: whoami(infrastructure))

    assert len({id(one) for one in made}) == 1
    assert len(set(map(str, arns))) == 1
    assert len(assumed(sandbox, offset)) == 1
    assert client("sts", replace(infrastructure, source_identity="another-run")) is not made[0]


EXPIRATION = re.compile(rb"<Expiration>[^<]*</Expiration>")


@pytest.mark.parametrize(("minutes", "sessions"), [(0.1, 3), (60, 1)])
def test_a_session_is_renewed_before_it_expires(
    between: Between, sandbox: Sandbox, infrastructure: Access, minutes: float, sessions: int
) -> None:
    def expiring(_: Question, answer: Answer) -> Answer:
        at = datetime.now(UTC) + timedelta(minutes=minutes)
        element = f"<Expiration>{at.isoformat()}</Expiration>".encode()
        return answer.saying(EXPIRATION.sub(element, answer.body))

    with between(expiring):
        offset = journal_size(sandbox.journal)
        arns = {whoami(infrastructure) for _ in range(3)}

    assert len(arns) == 1
    keys = [e.access_key for e in read_journal(sandbox.journal, offset) if e.operation[:3] == "Get"]
    assert len(assumed(sandbox, offset)) == sessions
    assert len(set(keys)) == sessions


@pytest.mark.parametrize("code", ["ExpiredToken", "ExpiredTokenException"])
def test_a_session_that_expires_while_a_stack_is_waited_for_is_renewed(
    faults: Faults, sandbox: Sandbox, runtime: Access, preprod: Names, code: str
) -> None:
    workshop = Workshop(runtime, preprod)
    name = workshop.name()
    workshop.start(name, gated())
    observe_stack.fn(runtime, name)
    signal(name, "SUCCESS")
    operations = ["DescribeStacks", "DescribeStackEvents"]
    faults.inject(*(once("cloudformation", name, **error(code, 403)) for name in operations))
    offset = journal_size(sandbox.journal)

    stack, _ = wait_for_stack.fn(runtime, name, "test")

    assert stack.status is StackStatus.CREATE_COMPLETE
    assert faults.fired() == operations
    renewed = Counter(entry.resource.rpartition("/")[2] for entry in assumed(sandbox, offset))
    assert renewed == {"acme-preprod-deployer": 2}


def test_a_session_that_is_never_accepted_is_given_up_after_two_renewals(
    faults: Faults, infrastructure: Access, preprod: Names
) -> None:
    faults.inject({"service": "s3", "operation": "ListObjectsV2", **error("ExpiredToken", 400)})

    with pytest.raises(UnreachableError, check=because("aws.credentials_expired")) as failure:
        list_keys(infrastructure, preprod.artifact_bucket, "ledger/")

    assert faults.fired() == ["ListObjectsV2"] * 3
    assert not failure.value.transient
    assert "log in again" in failure.value.remedy


def test_credentials_of_the_process_that_have_expired_are_said_to_be(
    faults: Faults, infrastructure: Access
) -> None:
    forget_clients()
    faults.inject(once("sts", "AssumeRole", **error("ExpiredToken", 400)))

    with pytest.raises(UnreachableError, check=because("aws.credentials_expired")) as failure:
        list_keys(infrastructure, "bucket", "ledger/")

    assert failure.value.where == infrastructure.role_arn


def test_a_damaged_answer_of_sts_is_worth_another_try_and_gives_no_secret_away(
    between: Between, infrastructure: Access, caplog: pytest.LogCaptureFixture
) -> None:
    secrets: list[str] = []

    def truncated(_: Question, answer: Answer) -> Answer:
        for name in ("SecretAccessKey", "SessionToken"):
            secrets.extend(re.findall(f"<{name}>([^<]*)<", answer.body.decode()))
        return answer.saying(answer.body[: answer.body.find(b"</SessionToken>")])

    with between(truncated), pytest.raises(TransientError) as failure:
        list_keys(infrastructure, "bucket", "ledger/")

    assert len(secrets) == 2
    told = "".join(traceback.format_exception(failure.value)) + caplog.text
    assert not [secret for secret in secrets if secret in told]
    assert failure.value.where == infrastructure.role_arn
    # Something stands in for AWS here: it, and no proxy, is what cannot do this.
    assert os.environ["AWS_ENDPOINT_URL"] in failure.value.remedy


@pytest.fixture
def patch(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment to change, and clients that are made anew in it."""
    forget_clients()
    return monkeypatch


@pytest.mark.parametrize("profile", [None, "nobody"])
def test_without_credentials_the_remedy_is_a_profile(
    patch: pytest.MonkeyPatch, infrastructure: Access, profile: str | None
) -> None:
    patch.delenv("AWS_PROFILE")
    if profile:
        patch.setenv("AWS_PROFILE", profile)

    for failing in (
        lambda: caller_arn.fn("eu-central-1"),
        lambda: list_keys(infrastructure, "bucket", "ledger/"),
    ):
        with pytest.raises(UnreachableError, check=because("aws.no_credentials")) as failure:
            failing()
        assert not failure.value.transient
        assert "AWS_PROFILE" in failure.value.remedy
    forget_clients()


def test_credentials_that_aws_does_not_know_are_not_allowed_to_do_anything(
    patch: pytest.MonkeyPatch,
) -> None:
    patch.delenv("AWS_PROFILE")
    patch.setenv("AWS_ACCESS_KEY_ID", "AKIAABCDEFGHIJKLMNOP")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")

    with pytest.raises(UnreachableError, match="not allowed to identify the caller"):
        caller_arn.fn("eu-central-1")
    forget_clients()


def test_an_endpoint_where_nobody_listens_is_worth_another_try_and_a_look_at_its_address() -> None:
    # Not one of our clients: with their eight attempts this would take half a minute.
    address = f"http://127.0.0.1:{free_port()}"
    once_only = Config(retries={"total_max_attempts": 1}, proxies={})
    sts = boto3.Session(profile_name="preprod").client(
        "sts", endpoint_url=address, config=once_only
    )

    with pytest.raises(TransientError) as failure, translated("identify the caller", "here"):
        sts.get_caller_identity()

    assert failure.value.what == "cannot identify the caller: AWS did not answer"
    assert address in failure.value.why
    assert "AWS_ENDPOINT_URL" in failure.value.remedy


def test_clients_that_are_forgotten_are_closed_and_made_anew(
    aws: Faults, infrastructure: Access
) -> None:
    forget_clients()
    assert connections_to(aws) == 0
    before = client("sts", infrastructure)
    whoami(infrastructure)
    assert connections_to(aws) == 2

    forget_clients()

    assert connections_to(aws) == 0
    assert client("sts", infrastructure) is not before


def connections_to(aws: Faults) -> int:
    gc.collect()  # an answer that an earlier test left half read still holds its connection
    port = int(aws.url.rpartition(":")[2])
    connections = psutil.Process().net_connections("tcp")
    return sum(c.status == psutil.CONN_ESTABLISHED and c.raddr.port == port for c in connections)


def test_a_client_of_the_process_itself_is_in_the_region_that_was_asked_for() -> None:
    assert caller_client("sts", "eu-west-1").meta.region_name == "eu-west-1"
    assert caller_client("sts", "eu-west-1") is caller_client("sts", "eu-west-1")


def test_every_failure_says_what_was_tried_and_where(faults: Faults, runtime: Access) -> None:
    faults.inject(once("cloudformation", "DescribeStacks", **error("AccessDenied", 403)))

    with pytest.raises(TiercelError) as failure:
        observe_stack.fn(runtime, "acme-preprod-orders")

    assert {part.label for part in failure.value.failure.parts()} >= {"where", "why", "do"}


def test_sessions_read_the_description_of_a_service_once(
    infrastructure: Access, runtime: Access
) -> None:
    forget_clients()
    first, second = client("s3", infrastructure), client("s3", runtime)
    own, of_process = client("sts", infrastructure), caller_client("sts", infrastructure.region)

    described = [one.meta.service_model.metadata for one in (first, second, own, of_process)]
    assert described[0] is described[1]
    assert described[2] is described[3]
