"""boto3 clients for a chain of roles whose sessions renew themselves."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import boto3
import botocore
from botocore.config import Config
from botocore.credentials import DeferredRefreshableCredentials
from botocore.loaders import Loader
from botocore.session import get_session

from tiercel.domain.organization.access import Access
from tiercel.tasks.aws.errors import EXPIRED_CODES, translated

if TYPE_CHECKING:  # stubs, which only `make check` reads
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_iam import IAMClient
    from types_boto3_kms import KMSClient
    from types_boto3_lambda import LambdaClient
    from types_boto3_s3 import S3Client
    from types_boto3_sts import STSClient

# Five throttles in a row defeat botocore's 3 attempts; 8 recover. Whoever names itself is not
# asked by botocore for its machine and features anew with each call.
CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 8},
    connect_timeout=5,
    read_timeout=60,
    max_pool_connections=32,
    user_agent=f"Boto3/{boto3.__version__} Botocore/{botocore.__version__} tiercel",
)
"""How all clients reach AWS."""
OtherService = Literal[
    "cloudwatch",
    "codebuild",
    "codedeploy",
    "dynamodb",
    "lambda",
    "logs",
    "resourcegroupstaggingapi",
    "sqs",
]
"""Services whose clients have no stubs here."""
_SERVICES = ("cloudformation", "iam", "kms", "lambda", "s3", "sts")
_ANY_REGION = "us-east-1"
_SESSION_SECONDS = 3600
"""The longest that AWS lets a chained session last."""
_RENEWALS = 2
"""After so many tries of one call, a session that AWS finds expired is not renewed again."""

_lock = threading.RLock()
_open: list[Any] = []


@overload
def client(service: Literal["cloudformation"], access: Access) -> CloudFormationClient: ...
@overload
def client(service: Literal["iam"], access: Access) -> IAMClient: ...
@overload
def client(service: Literal["kms"], access: Access) -> KMSClient: ...
@overload
def client(service: Literal["s3"], access: Access) -> S3Client: ...
@overload
def client(service: Literal["sts"], access: Access) -> STSClient: ...
@overload
def client(service: OtherService, access: Access) -> Any: ...
def client(service: str, access: Access) -> Any:
    """Return a client of an AWS service that acts as the access says.

    Clients are made once and shared: they are thread-safe, making them is not.
    """
    with _lock:
        return _client(service, access)


def client_of_one_try(service: Literal["lambda"], access: Access, seconds: int) -> LambdaClient:
    """Return a client that asks once, and waits so long for an answer.

    It is for what may not be repeated unasked, because it runs code that a commit brought.
    """
    with _lock:
        found: LambdaClient = _client_of_one_try(service, access, seconds)
        return found


def presigning_client(access: Access) -> S3Client:
    """Return a new client of a session that begins now, to sign addresses with.

    An address is good for as long as the session that signed it: an hour at most. Sources:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html; objects that
    a KMS key encrypts need signatures of version 4.
    """
    config = CONFIG.merge(Config(signature_version="s3v4"))
    with _lock:
        made: S3Client = _made("s3", access, config, _new_credentials(access))
        return made


def caller_client(service: Literal["sts"], region: str) -> STSClient:
    """Return a client that uses the credentials of the process itself."""
    with _lock, translated("use the AWS credentials of this process", region):
        found: STSClient = _caller_client(service, region)
        return found


@overload
def profile_client(service: Literal["s3"], profile: str, region: str) -> S3Client: ...
@overload
def profile_client(service: Literal["sts"], profile: str, region: str) -> STSClient: ...
def profile_client(service: str, profile: str, region: str) -> Any:
    """Return a new client that acts as a profile of AWS's own configuration files."""
    return boto3.Session(profile_name=profile, region_name=region).client(service, config=CONFIG)


def forget_clients() -> None:
    """Close every client, because the endpoint or the credentials changed."""
    with _lock:
        while _open:
            _open.pop().close()
        for cache in (_client, _client_of_one_try, _caller_client, _credentials, _session):
            cache.cache_clear()


def read_descriptions() -> None:
    """Read what botocore has to know of AWS, once for this process and its forks."""
    session = get_session()
    session.register_component("data_loader", _loader())
    session.set_credentials("none", "none")  # else it would look for some, on the network too
    for service in _SERVICES:
        session.create_client(service, _ANY_REGION, config=CONFIG).close()


@cache
def _client(service: str, access: Access) -> Any:
    return _opened(_made(service, access, CONFIG, _credentials(access)))


@cache
def _client_of_one_try(service: str, access: Access, seconds: int) -> Any:
    once = Config(retries={"mode": "standard", "total_max_attempts": 1}, read_timeout=seconds)
    return _opened(_made(service, access, CONFIG.merge(once), _credentials(access)))


@cache
def _caller_client(service: str, region: str) -> Any:
    session = get_session()
    session.register_component("data_loader", _loader())
    made = boto3.Session(botocore_session=session, region_name=region)
    return _opened(made.client(service, config=CONFIG))


def _opened(new: Any) -> Any:
    _open.append(new)
    return new


def _made(
    service: str, access: Access, config: Config, credentials: DeferredRefreshableCredentials
) -> Any:
    session = _session()
    session._session._credentials = credentials  # noqa: SLF001 - botocore has no public way
    made = session.client(service, region_name=access.region, config=config)
    made.meta.events.register("needs-retry", _renewal_of(credentials))
    return made


@cache
def _credentials(access: Access) -> DeferredRefreshableCredentials:
    """Those of all clients that act as the access says."""
    return _new_credentials(access)


def _new_credentials(access: Access) -> DeferredRefreshableCredentials:
    return DeferredRefreshableCredentials(refresh_using=_assume(access), method="assume-role")


@cache
def _session() -> boto3.Session:
    """The one in which all clients are made that have credentials of their own.

    To make a session takes longer than to make a client.
    """
    session = get_session()
    session.register_component("data_loader", _loader())
    return boto3.Session(botocore_session=session)


class _Descriptions(Loader):  # type: ignore[misc]  # botocore has no types
    """botocore's own, without a look into the folders of all services to find one of them."""

    def list_available_services(self, type_name: str) -> list[str]:
        """Return the services that have any description; that of one is found by its name."""
        del type_name
        paths = [path for path in map(Path, self.search_paths) if path.is_dir()]
        return sorted({one.name for path in paths for one in path.iterdir()})


@cache
def _loader() -> Loader:
    """One for all sessions: each would read the same descriptions of AWS's services again."""
    return _Descriptions()


def _renewal_of(credentials: DeferredRefreshableCredentials) -> Callable[..., int | None]:
    """Return what botocore asks after each answer: the delay of another try, in seconds.

    It renews sessions in good time by the local clock, but never retries ExpiredToken,
    which AWS also answers when an administrator revokes a role's sessions.
    """

    def delay(response: Any, attempts: int, **_: Any) -> int | None:
        code = response[1].get("Error", {}).get("Code") if response else None
        if code not in EXPIRED_CODES or attempts > _RENEWALS:
            return None
        credentials._frozen_credentials = None  # noqa: SLF001 - botocore has no public way
        return 0

    return delay


def _own_sts(access: Access) -> STSClient:
    """Return the client of whoever begins a chain of roles: a profile, else the process."""
    if not access.profile:
        return caller_client("sts", access.region)
    with translated("use an AWS profile", access.profile):
        return profile_client("sts", access.profile, access.region)


def _assume(access: Access) -> Callable[[], dict[str, str]]:
    def refresh() -> dict[str, str]:
        sts = client("sts", access.via) if access.via else _own_sts(access)
        request: dict[str, Any] = {
            "RoleArn": access.role_arn,
            "RoleSessionName": access.source_identity,
            "SourceIdentity": access.source_identity,
            "DurationSeconds": _SESSION_SECONDS,
        }
        if access.external_id:
            request["ExternalId"] = access.external_id
        if access.policy:
            request["Policy"] = access.policy
        with translated("assume a role", access.role_arn):
            credentials = sts.assume_role(**request)["Credentials"]
        expires: datetime = credentials["Expiration"]
        return {
            "access_key": credentials["AccessKeyId"],
            "secret_key": credentials["SecretAccessKey"],
            "token": credentials["SessionToken"],
            "expiry_time": expires.isoformat(),
        }

    return refresh
