"""AWS's failures in our words, and which of them are worth another try."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigParseError,
    CredentialRetrievalError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    InvalidConfigError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as AwsConnectionError
from botocore.parsers import ResponseParserError

from tiercel.domain.base.errors import TiercelError, TransientError, UnreachableError
from tiercel.tasks.aws.clock import wrong_clock

# What these would log, stack traces among it, is raised as a TiercelError.
for _logger in ("botocore.credentials", "botocore.tokens"):
    logging.getLogger(_logger).setLevel(logging.ERROR)

# https://docs.aws.amazon.com/general/latest/gr/api-retries.html and the services' own
# lists; botocore has already tried eight times when one of these arrives here.
TRANSIENT_CODES = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "InternalError",
        "InternalFailure",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
# Services name their own faults as they like; the status is the same everywhere.
_TRANSIENT_STATUSES = frozenset({429, 500, 502, 503, 504})
EXPIRED_CODES = frozenset({"ExpiredToken", "ExpiredTokenException"})
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


def http_status_of(error: ClientError) -> int:
    """Return the HTTP status of AWS's answer, 0 if it is not known."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def is_transient(error: ClientError) -> bool:
    """Tell whether the same call may succeed a moment later."""
    return code_of(error) in TRANSIENT_CODES or http_status_of(error) in _TRANSIENT_STATUSES


@contextmanager
def translated(what: str, where: str) -> Iterator[None]:
    """Turn boto3's exceptions into TiercelErrors that say what was tried, and where.

    TransientError for what may pass by itself, UnreachableError for all else.
    """
    try:
        yield
    except ClientError as error:
        raise _of_client_error(error, what, where) from error
    except ResponseParserError:
        # Its text is AWS's answer as it came, and AssumeRole answers with secrets.
        raise _damaged(what, where, "the answer is incomplete or no AWS answer") from None
    except (BotoCoreError, EOFError) as error:
        meaning = next(meaning for kinds, meaning in _MEANINGS if isinstance(error, kinds))
        raise meaning(what, where, str(error)) from error


def _no_credentials(what: str, where: str, why: str) -> TiercelError:
    return UnreachableError(
        "aws.no_credentials",
        f"cannot {what}: this process has no AWS credentials",
        where=where,
        why=why,
        remedy="set AWS_PROFILE to a profile that may assume the orchestrator role, or run "
        "Tiercel where the orchestrator role is provided",
    )


def _not_logged_in(what: str, where: str, why: str) -> TiercelError:
    return UnreachableError(
        "aws.not_logged_in",
        f"cannot {what}: nobody is logged in",
        where=where,
        why=why,
        remedy="log in with `aws sso login`, with --profile for a profile other than the "
        "default, then run it again; what was begun is taken up",
    )


def _unusable_credentials(what: str, where: str, why: str) -> TiercelError:
    return UnreachableError(
        "aws.unusable_credentials",
        f"cannot {what}: there are no usable AWS credentials",
        where=where,
        why=why,
        remedy="correct the profile, or what it runs, in ~/.aws/config or AWS_CONFIG_FILE; "
        "`aws sts get-caller-identity` shows whether it works; then run it again",
    )


def _code_needed(what: str, where: str, _why: str) -> TiercelError:
    return UnreachableError(
        "aws.code_needed",
        f"cannot {what}: the AWS profile asks for a code and nobody answers",
        where=where,
        why="the profile has an mfa_serial, and the input ended",
        remedy="run it on a terminal and type the code, or use credentials that ask for none",
    )


def _no_answer(what: str, where: str, why: str) -> TiercelError:
    return TransientError(
        "aws.no_answer",
        f"cannot {what}: AWS did not answer",
        where=where,
        why=why,
        remedy="check the network and AWS_ENDPOINT_URL, then run it again",
    )


def _damaged(what: str, where: str, why: str) -> TiercelError:
    return TransientError(
        "aws.damaged_answer",
        f"cannot {what}: AWS's answer was damaged on its way",
        where=where,
        why=why,
        remedy=f"run it again; if it stays so, look at {_between()}",
    )


def _between() -> str:
    """Return what may damage answers: what stands in for AWS, else what lies between."""
    stand_in = os.environ.get("AWS_ENDPOINT_URL")
    if not stand_in:
        return "the proxies between here and AWS"
    return f"what answers at {stand_in}: it cannot do this, AWS itself may well"


def _wrong_setting(what: str, where: str, why: str) -> TiercelError:
    return UnreachableError(
        "aws.wrong_setting",
        f"cannot {what}",
        where=where,
        why=why,
        remedy="correct what the reason names: a setting of AWS in the environment or in "
        "~/.aws/config, or a value in tiercel.toml; then run it again",
    )


_CREDENTIALS = (
    ConfigParseError,
    CredentialRetrievalError,
    InvalidConfigError,
    PartialCredentialsError,
)
_DEFECT = 500  # by which an emulator says that its own code failed
_Kinds = tuple[type[Exception], ...]
_MEANINGS: tuple[tuple[_Kinds, Callable[[str, str, str], TiercelError]], ...] = (
    ((NoCredentialsError, ProfileNotFound), _no_credentials),
    ((SSOError, TokenRetrievalError), _not_logged_in),
    (_CREDENTIALS, _unusable_credentials),
    ((EOFError,), _code_needed),
    ((HTTPClientError, AwsConnectionError, IncompleteReadError), _no_answer),
    ((FlexibleChecksumError,), _damaged),
    ((BotoCoreError,), _wrong_setting),
)
"""What botocore's exceptions mean; the first row that fits counts, the last fits all."""


def _of_client_error(error: ClientError, what: str, where: str) -> TiercelError:
    code = code_of(error)
    message = message_of(error)
    skewed = wrong_clock(error, what, where)
    if skewed:
        return skewed
    if code in EXPIRED_CODES:
        return UnreachableError(
            "aws.credentials_expired",
            f"cannot {what}: the credentials have expired",
            where=where,
            why=f"{code}: {message}",
            remedy="log in again, then run it again; what was begun is taken up",
        )
    if code in DENIED_CODES:
        return UnreachableError(
            "aws.not_allowed",
            f"not allowed to {what}",
            where=where,
            why=f"{code}: {message}",
            remedy="`tiercel check` says what is not as it must be, and `tiercel provision` gives "
            "roles, buckets and keys their permissions; if both find nothing, see whether the ids "
            "in tiercel.toml are right and your credentials belong to this environment",
        )
    if http_status_of(error) == _DEFECT and os.environ.get("AWS_ENDPOINT_URL"):
        return TransientError(
            "aws.stand_in_failed",
            f"cannot {what}: what stands in for AWS failed",
            where=where,
            why=f"{code}: {message}",
            remedy=f"run it again; if it stays so, look at {_between()}",
        )
    if is_transient(error):
        return TransientError(
            "aws.busy",
            f"cannot {what}: AWS is busy or ill",
            where=where,
            why=f"{code}: {message}",
            remedy="run it again in a minute; nothing is lost",
        )
    return UnreachableError("aws.refused", f"cannot {what}", where=where, why=f"{code}: {message}")
