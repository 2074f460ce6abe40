"""What a job of a GitHub workflow may read of an environment: the credential of its Prefect API."""

from __future__ import annotations

import boto3
from botocore import UNSIGNED
from botocore.config import Config

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.organization.names import Names, Role, session_name
from tiercel.tasks.aws.clients import CONFIG
from tiercel.tasks.aws.errors import translated


def read_prefect_credential(names: Names, token: str, run: str) -> str:
    """Return the credential of the environment's Prefect API, `USER:PASSWORD`, as role `trigger`.

    `token` is the job's own, `run` names the session. Raises UnreachableError if the role's trust
    does not take the token or AWS does not answer, RefusedInputError if the secret is no text.
    """
    region, role = names.environment.region, names.role_arn(Role.TRIGGER)
    session = boto3.Session(region_name=region)
    sts = session.client("sts", config=CONFIG.merge(Config(signature_version=UNSIGNED)))
    with translated("become the role of the trigger", role):
        credentials = sts.assume_role_with_web_identity(
            RoleArn=role, RoleSessionName=session_name("trigger", run), WebIdentityToken=token
        )["Credentials"]
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
