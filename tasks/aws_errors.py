"""AWS's failures in our words, and which of them are worth another try."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    ProfileNotFound,
)
from botocore.exceptions import ConnectionError as AwsConnectionError

from domain.errors import TiercelError, TransientError, UnreachableError

# https://docs.aws.amazon.com/general/latest/gr/api-retries.html and the services' own
# lists; botocore has already tried eight times when one of these arrives here.
TRANSIENT_CODES = frozenset(
    {
        "500",
        "502",
        "503",
        "504",
        "InternalError",
        "InternalFailure",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
DENIED_CODES = frozenset(
    {
        "403",
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "InvalidClientTokenId",
        "KMS.AccessDeniedException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)


def code_of(error: ClientError) -> str:
    """Return AWS's error code."""
    return str(error.response.get("Error", {}).get("Code", ""))


def message_of(error: ClientError) -> str:
    """Return AWS's own words, without boto3's."""
    return str(error.response.get("Error", {}).get("Message", "")) or code_of(error)


@contextmanager
def translated(what: str, where: str) -> Iterator[None]:
    """Turn boto3's exceptions into TiercelErrors that say what was tried, and where.

    TransientError for what may pass by itself, UnreachableError for all else.
    """
    try:
        yield
    except ClientError as error:
        raise _of_client_error(error, what, where) from error
    except (NoCredentialsError, ProfileNotFound) as error:
        raise UnreachableError(
            f"cannot {what}: this process has no AWS credentials",
            where=where,
            why=str(error),
            remedy="set AWS_PROFILE to a profile that may assume the orchestrator role, or run "
            "Tiercel where the orchestrator role is provided",
        ) from error
    except (HTTPClientError, AwsConnectionError, IncompleteReadError) as error:
        raise TransientError(
            f"cannot {what}: AWS did not answer",
            where=where,
            why=str(error),
            remedy="check the network and AWS_ENDPOINT_URL, then run it again",
        ) from error
    except BotoCoreError as error:
        raise UnreachableError(f"cannot {what}", where=where, why=str(error)) from error


def _of_client_error(error: ClientError, what: str, where: str) -> TiercelError:
    code = code_of(error)
    message = message_of(error)
    if code in TRANSIENT_CODES:
        return TransientError(
            f"cannot {what}: AWS is busy or ill",
            where=where,
            why=f"{code}: {message}",
            remedy="run it again in a minute; nothing is lost",
        )
    if code in DENIED_CODES:
        return UnreachableError(
            f"not allowed to {what}",
            where=where,
            why=f"{code}: {message}",
            remedy="check that the accounts of this environment are provisioned, that the ids in "
            "tiercel.toml are right and that your credentials belong to this environment",
        )
    return UnreachableError(f"cannot {what}", where=where, why=f"{code}: {message}")
