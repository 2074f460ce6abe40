"""What a job of a GitHub workflow may read of an environment: the credential of its Prefect API."""

from __future__ import annotations

from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config

from tiercel.domain.base.errors import RefusedInputError, UnreachableError
from tiercel.domain.organization.names import Names, Role, session_name
from tiercel.tasks.aws.clients import CONFIG
from tiercel.tasks.aws.errors import translated

_NOT_ALLOWED = "aws.not_allowed"
_LOOK_AT_TRUST = (
    "the role takes jobs whose `environment` is the one of tiercel.toml, of repositories that "
    "organization.repositories spells as GitHub does, upper and lower case too; after a change run "
    "`tiercel provision`. A repository that was made, renamed or moved since July 2026 needs "
    "organization.github_ids besides"
)


def read_prefect_credential(names: Names, token: str, run: str) -> str:
    """Return the credential of the environment's Prefect API, `USER:PASSWORD`, as role `trigger`.

    `token` is the job's own, `run` names the session. Raises UnreachableError if the role's trust
    does not take the token or AWS does not answer, RefusedInputError if the secret is no text.
    """
    session = boto3.Session(region_name=names.environment.region)
    credentials = _become_trigger(session, names, token, run)
    secrets = session.client(
        "secretsmanager",
        config=CONFIG,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )
    with translated("read the credential of the Prefect API", names.prefect_secret):
        value = secrets.get_secret_value(SecretId=names.prefect_secret)
    text = value.get("SecretString", "")
    if not text.strip():
        raise RefusedInputError(
            "trigger.empty_secret",
            "the credential of the Prefect API is empty",
            where=f"secret {names.prefect_secret}, account {names.account_of(Role.TRIGGER)}",
            state="nothing was started",
            remedy="put USER:PASSWORD there, as docs/operate/running.md says",
        )
    return str(text.strip())


def _become_trigger(session: boto3.Session, names: Names, token: str, run: str) -> dict[str, Any]:
    sts = session.client("sts", config=CONFIG.merge(Config(signature_version=UNSIGNED)))
    role = names.role_arn(Role.TRIGGER)
    try:
        with translated("become the role of the trigger", role):
            answer = sts.assume_role_with_web_identity(
                RoleArn=role, RoleSessionName=session_name("trigger", run), WebIdentityToken=token
            )
    except UnreachableError as error:
        if error.code != _NOT_ALLOWED:
            raise
        raise error.but(remedy=_LOOK_AT_TRUST) from error
    return dict(answer["Credentials"])
