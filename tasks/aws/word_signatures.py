"""Words that AWS vouches for: signed by an approver's own credentials, and shown to STS."""

from __future__ import annotations

from datetime import UTC, datetime

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest
from botocore.exceptions import ConnectionError as NoConnectionError
from botocore.exceptions import HTTPClientError, NoCredentialsError
from botocore.httpsession import URLLib3Session
from botocore.session import get_session
from botocore.utils import get_environ_proxies

from tiercel.domain.approvals.signed_words import (
    BODY,
    METHOD,
    PATH,
    SignedWord,
    header_values,
    principal_in,
    signed_headers,
)
from tiercel.domain.base.errors import RefusedInputError, TransientError
from tiercel.domain.organization.names import Names
from tiercel.tasks.aws.clients import caller_client
from tiercel.tasks.aws.errors import translated
from tiercel.tasks.engine.task import world_task

_NOT_SIGNED_YET = "0" * 64
_SECONDS = 10
_LONGEST_ANSWER = 64 * 1024


@world_task("sign word")
def signed_word(word: SignedWord, names: Names) -> SignedWord:
    """Return a word signed now with the credentials of the process; nothing is sent."""
    with translated("sign with the AWS credentials of this process", names.sts_host):
        credentials = get_session().get_credentials()
        if credentials is None:
            raise NoCredentialsError
        frozen = credentials.get_frozen_credentials()
    unsigned = word.model_copy(
        update={
            "access_key": frozen.access_key,
            "session_token": frozen.token or "",
            "signed_at": datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ"),
            "signature": _NOT_SIGNED_YET,
        }
    )
    headers = signed_headers(SignedWord.model_validate(unsigned.model_dump()), names)
    request = AWSRequest(METHOD, f"https://{names.sts_host}{PATH}", headers=headers, data=BODY)
    request.context["timestamp"] = unsigned.signed_at
    signer = SigV4Auth(frozen, "sts", names.environment.region)
    scoped = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, scoped), request)
    return SignedWord.model_validate(
        unsigned.model_copy(update={"signature": signature}).model_dump()
    )


@world_task("ask STS who signed a word")
def who_signed(word: SignedWord, names: Names) -> str:
    """Return the ARN of who signed a word, as STS says; empty if STS refuses the signature.

    It is sent as it was built here: once, to STS of the environment's region, without following
    redirects.
    """
    region = names.environment.region
    endpoint = caller_client("sts", region).meta.endpoint_url
    headers = dict(header_values(word, names))
    request = AWSPreparedRequest(
        METHOD, endpoint + PATH, headers, BODY.encode(), stream_output=True
    )
    trusted = get_session().get_config_variable("ca_bundle") or True
    session = URLLib3Session(
        verify=trusted, proxies=get_environ_proxies(endpoint), timeout=_SECONDS
    )
    try:
        answer = session.send(request)
        body = answer.raw.read(_LONGEST_ANSWER + 1)
    except (HTTPClientError, NoConnectionError) as error:
        raise _no_answer(names, str(error)) from error
    finally:
        session.close()
    if answer.status_code == 429 or answer.status_code >= 500:
        raise _no_answer(names, f"it answers {answer.status_code}")
    if answer.status_code != 200:
        return ""
    try:
        return principal_in(answer.headers.get("content-type", ""), body[:_LONGEST_ANSWER])
    except ValueError as error:
        raise _strange(names, str(error)) from error


def _no_answer(names: Names, why: str) -> TransientError:
    return TransientError(
        "approvals.sts_no_answer",
        "STS does not say who signed a word",
        where=names.sts_host,
        why=why,
        state="the word was not recorded",
        remedy="run it again; a signature is good for five minutes, so give the word again then",
    )


def _strange(names: Names, why: str) -> RefusedInputError:
    return RefusedInputError(
        "approvals.sts_strange_answer",
        "STS answers something else than who signed a word",
        where=names.sts_host,
        why=why,
        state="the word was not recorded",
        remedy="find out what answers in place of STS: AWS_ENDPOINT_URL, a proxy",
    )
