"""How a job of a workflow comes to the credential of its environment's Prefect API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.aws import root_client
from tests.support.codes import because
from tests.support.job_tokens import BEARER, token_giver
from tiercel.domain.base.errors import RefusedInputError, UnreachableError
from tiercel.domain.organization.names import Names, Role
from tiercel.sandbox.accounts.github_tokens import Job, TokenIssuer
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.sandbox.machine.layout import Layout
from tiercel.tasks.aws.workflow_credentials import read_prefect_credential
from tiercel.tasks.github.workflow_token import read_workflow_token

JOB = Job("acme/shop", 101, "refs/heads/develop", environment="preprod")


def test_a_job_asks_for_its_token_with_aws_as_audience() -> None:
    with token_giver(b'{"value": "a.b.c"}') as (environ, asked):
        assert read_workflow_token(environ) == "a.b.c"
    assert asked == [("/?job=1&audience=sts.amazonaws.com", f"bearer {BEARER}")]


@pytest.mark.parametrize(
    ("answer", "status"), [(b"no json", 200), (b"[]", 200), (b"{}", 200), (b"{}", 403)]
)
def test_a_token_that_is_not_given_is_told_without_a_secret(answer: bytes, status: int) -> None:
    with (
        token_giver(answer, status) as (environ, _),
        pytest.raises(UnreachableError, check=because("trigger.token_refused")) as failed,
    ):
        read_workflow_token(environ)
    assert BEARER not in str(failed.value.failure)


def test_a_job_without_permission_is_told_which_one_it_needs() -> None:
    with pytest.raises(RefusedInputError, check=because("trigger.no_token")) as refused:
        read_workflow_token({})
    assert "id-token: write" in refused.value.remedy


@pytest.fixture
def secret(operator: Sandbox, preprod: Names) -> Iterator[Any]:
    client = root_client(operator, "preprod-infrastructure-root", "secretsmanager")
    client.create_secret(Name=preprod.prefect_secret, SecretString="user:word\n")
    yield client
    client.delete_secret(SecretId=preprod.prefect_secret, ForceDeleteWithoutRecovery=True)


def test_the_job_of_an_environment_reads_the_credential_of_its_prefect(
    secret: Any, operator: Sandbox, preprod: Names
) -> None:
    token = TokenIssuer.of(Layout(operator.state)).token(JOB)
    assert read_prefect_credential(preprod, token, "run 17") == "user:word"
    secret.put_secret_value(SecretId=preprod.prefect_secret, SecretString=" ")
    with pytest.raises(RefusedInputError, check=because("trigger.empty_secret")):
        read_prefect_credential(preprod, token, "17")


@pytest.mark.usefixtures("secret")
def test_a_job_of_another_environment_reads_nothing(operator: Sandbox, preprod: Names) -> None:
    other = Job("acme/shop", 101, "refs/heads/develop", environment="prod")
    token = TokenIssuer.of(Layout(operator.state)).token(other)
    with pytest.raises(UnreachableError) as refused:
        read_prefect_credential(preprod, token, "17")
    assert preprod.role(Role.TRIGGER) in refused.value.where
    assert "organization.repositories" in refused.value.remedy
    assert token not in str(refused.value.failure)
