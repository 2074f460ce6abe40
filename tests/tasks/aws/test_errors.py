from __future__ import annotations

import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from botocore import exceptions
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError
from botocore.retries.standard import ThrottledRetryableChecker, TransientRetryableChecker

from tiercel.domain.base.errors import TiercelError, TransientError, UnreachableError
from tiercel.tasks.aws.errors import (
    DENIED_CODES,
    EXPIRED_CODES,
    TRANSIENT_CODES,
    code_of,
    message_of,
    translated,
)

# CloudFormation and KMS say so when a quota is used up, which does not pass by itself.
QUOTA = "LimitExceededException"
THROTTLED = set(ThrottledRetryableChecker._THROTTLED_ERROR_CODES) - {QUOTA}
TRANSIENT = set(TransientRetryableChecker._TRANSIENT_ERROR_CODES)


def refusal(code: str, status: int = 400, message: str = "because") -> ClientError:
    return ClientError(
        {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": status},
        },
        "DoSomething",
    )


def translation(error: Exception) -> TiercelError:
    with pytest.raises(TiercelError) as failure, translated("do something", "account 1"):
        raise error
    assert failure.value.where == "account 1"
    assert "do something" in failure.value.what
    return failure.value


@pytest.mark.parametrize("code", sorted(THROTTLED | TRANSIENT))
def test_what_botocore_retries_is_transient(code: str) -> None:
    assert isinstance(translation(refusal(code)), TransientError)


@pytest.mark.parametrize("status", TransientRetryableChecker._TRANSIENT_STATUS_CODES)
def test_statuses_that_botocore_retries_are_transient_whatever_the_code(status: int) -> None:
    assert isinstance(translation(refusal("ServiceException", status)), TransientError)


def test_a_defect_of_what_stands_in_for_aws_is_none_of_awss(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    failure = translation(refusal("InternalError", 500))
    assert (failure.code, failure.transient) == ("aws.stand_in_failed", True)
    assert "http://127.0.0.1:4566" in failure.remedy
    assert translation(refusal("SlowDown", 503)).code == "aws.busy"


@pytest.mark.parametrize(
    "code", ["InternalError", "InternalFailure", "ServiceUnavailable", *sorted(TRANSIENT_CODES)]
)
def test_a_transient_failure_says_that_nothing_is_lost(code: str) -> None:
    failure = translation(refusal(code))

    assert failure.transient
    assert failure.what == "cannot do something: AWS is busy or ill"
    assert failure.why == f"{code}: because"
    assert "run it again" in failure.remedy


@pytest.mark.parametrize(
    "code",
    [
        "AlreadyExistsException",
        "InvalidParameterValueException",
        "NoSuchBucket",
        "ResourceNotFoundException",
        "ValidationError",
        QUOTA,
    ],
)
def test_what_trying_again_does_not_change_is_terminal(code: str) -> None:
    failure = translation(refusal(code))

    assert isinstance(failure, UnreachableError)
    assert not failure.transient
    assert failure.what == "cannot do something"
    assert failure.why == f"{code}: because"


@pytest.mark.parametrize("code", sorted(DENIED_CODES))
@pytest.mark.parametrize("status", [400, 403, 502])
def test_what_is_not_allowed_is_terminal_and_has_a_remedy(code: str, status: int) -> None:
    failure = translation(refusal(code, status))

    assert not failure.transient
    assert failure.what == "not allowed to do something"
    assert "tiercel provision" in failure.remedy


@pytest.mark.parametrize("code", sorted(EXPIRED_CODES))
def test_expired_credentials_ask_for_a_login(code: str) -> None:
    failure = translation(refusal(code))

    assert not failure.transient
    assert failure.what == "cannot do something: the credentials have expired"
    assert "log in again" in failure.remedy


SKEWED = "The difference between the request time and the current time is too large."
EXPIRED = "Signature expired: 20261130T010000Z is now earlier than 20261130T034500Z"
EARLY = "Signature not yet current: 20261130T070000Z is still later than 20261130T041500Z"


@pytest.mark.walks("clock-is-off")
@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("RequestTimeTooSkewed", SKEWED),
        ("SignatureDoesNotMatch", EXPIRED),
        ("InvalidSignatureException", EARLY),
        ("RequestExpired", "Request has expired."),
    ],
)
@pytest.mark.parametrize(("hours", "words"), [(-3, "3 h 0 min ahead"), (2, "2 h 0 min behind")])
def test_a_wrong_clock_is_told_with_its_offset(
    code: str, message: str, hours: int, words: str
) -> None:
    theirs = datetime.now(UTC) + timedelta(hours=hours)
    error = refusal(code, 403, message)
    error.response["ResponseMetadata"]["HTTPHeaders"] = {"date": format_datetime(theirs, True)}
    failure = translation(error)
    assert failure.code == "aws.wrong_clock"
    assert isinstance(failure, UnreachableError)
    assert not failure.transient
    assert words in failure.why


def test_a_wrong_clock_is_told_without_a_date_as_well() -> None:
    assert translation(refusal("RequestTimeTooSkewed", 403, SKEWED)).code == "aws.wrong_clock"


def test_a_wrong_secret_is_no_wrong_clock() -> None:
    message = "The request signature we calculated does not match the signature you provided."
    assert translation(refusal("SignatureDoesNotMatch", 403, message)).code == "aws.not_allowed"


def test_no_code_is_of_two_kinds() -> None:
    kinds = [TRANSIENT_CODES, DENIED_CODES, EXPIRED_CODES]

    assert sum(map(len, kinds)) == len(frozenset.union(*kinds))


@pytest.mark.parametrize(
    "error",
    [
        exceptions.ConnectTimeoutError(endpoint_url="http://aws"),
        exceptions.ConnectionClosedError(endpoint_url="http://aws"),
        exceptions.EndpointConnectionError(endpoint_url="http://aws"),
        exceptions.HTTPClientError(error="broken pipe"),
        exceptions.IncompleteReadError(actual_bytes=1, expected_bytes=2),
        exceptions.ProxyConnectionError(proxy_url="http://proxy"),
        exceptions.ReadTimeoutError(endpoint_url="http://aws"),
        exceptions.ResponseStreamingError(error="reset"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_connection_that_fails_is_transient(error: Exception) -> None:
    failure = translation(error)

    assert failure.transient
    assert failure.what == "cannot do something: AWS did not answer"
    assert failure.why == str(error)
    assert "network" in failure.remedy


def test_bytes_that_do_not_match_their_checksum_are_transient() -> None:
    failure = translation(exceptions.FlexibleChecksumError(error_msg="Expected a, not b"))

    assert failure.transient
    assert failure.what == "cannot do something: AWS's answer was damaged on its way"
    assert failure.why == "Expected a, not b"


def test_an_answer_that_cannot_be_read_is_transient_and_not_shown() -> None:
    failure = translation(ResponseParserError("invalid XML: <SecretAccessKey>hush</"))

    assert failure.transient
    assert "hush" not in "".join(traceback.format_exception(failure))


@pytest.mark.parametrize(
    "error",
    [exceptions.NoCredentialsError(), exceptions.ProfileNotFound(profile="nobody")],
    ids=lambda error: type(error).__name__,
)
def test_missing_credentials_ask_for_a_profile(error: Exception) -> None:
    failure = translation(error)

    assert not failure.transient
    assert failure.code == "aws.no_credentials"
    assert "AWS_PROFILE" in failure.remedy


@pytest.mark.parametrize(
    "error",
    [
        exceptions.NoRegionError(),
        exceptions.ParamValidationError(report="Key is too long"),
        exceptions.PartialCredentialsError(provider="env", cred_var="aws_secret_access_key"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_any_other_failure_of_botocores_is_terminal_in_its_own_words(error: Exception) -> None:
    failure = translation(error)

    assert not failure.transient
    assert failure.why == str(error)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (exceptions.UnauthorizedSSOTokenError(), "aws.not_logged_in"),
        (exceptions.TokenRetrievalError(provider="p", error_msg="m"), "aws.not_logged_in"),
        (exceptions.ConfigParseError(path="p"), "aws.unusable_credentials"),
        (
            exceptions.CredentialRetrievalError(provider="p", error_msg="m"),
            "aws.unusable_credentials",
        ),
        (exceptions.InvalidConfigError(error_msg="m"), "aws.unusable_credentials"),
        (
            exceptions.PartialCredentialsError(provider="p", cred_var="v"),
            "aws.unusable_credentials",
        ),
        (EOFError("EOF when reading a line"), "aws.code_needed"),
        (exceptions.NoRegionError(), "aws.wrong_setting"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_whoever_cannot_log_in_is_told_what_kind_of_thing_is_wrong(
    error: Exception, code: str
) -> None:
    failure = translation(error)
    assert failure.code == code
    assert failure.remedy


def test_failures_of_our_own_pass_as_they_are() -> None:
    ours = TransientError("test.reason", "nobody home")

    with pytest.raises(TransientError) as failure, translated("do something", "here"):
        raise ours

    assert failure.value is ours
    with pytest.raises(ZeroDivisionError), translated("do something", "here"):
        raise ZeroDivisionError


def test_code_and_message_of_a_bare_answer_are_texts() -> None:
    assert code_of(ClientError({}, "Do")) == ""
    assert message_of(ClientError({}, "Do")) == ""
    assert message_of(refusal("Code", message="")) == "Code"
    assert translation(ClientError({}, "Do")).what == "cannot do something"
