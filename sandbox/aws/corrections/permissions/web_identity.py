"""Roles for those who show a token of an identity provider."""
# ruff: noqa: SLF001 - what is corrected has only private names

from __future__ import annotations

import time
from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from types import MappingProxyType
from typing import Any
from xml.sax.saxutils import escape

import jwt
from ministack.core import iam_evaluator, responses
from ministack.services import iam, sts

from tiercel.sandbox.accounts.github_tokens import ISSUER, verified_claims

_ACTION = "sts:AssumeRoleWithWebIdentity"
_CLAIMS_AS_KEYS = ("aud", "sub", "amr")

_subject: ContextVar[Mapping[str, str]] = ContextVar("subject", default=MappingProxyType({}))


class _RefusedError(Exception):
    """STS's error code and message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def verify_tokens(keys: Path | None) -> None:
    """A token is taken only with its provider's signature, from a provider of the account.

    Its issuer, time and audience are verified as well, before the role's trust policy is asked
    about aud and sub. The emulator reads tokens without verifying them. `keys` has the keys of
    the sandbox's issuer; no other provider's keys can be fetched.
    https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
    """

    def trust_denied(role_arn: str, parameters: dict[str, Any], use_json: bool) -> Any:  # noqa: FBT001
        try:
            _demand_trust(role_arn, sts._p(parameters, "WebIdentityToken"), keys)
        except _RefusedError as refused:
            if use_json:
                return responses.error_response_json(refused.code, refused.message, refused.status)
            return sts._error(refused.status, refused.code, escape(refused.message), ns="sts")
        return None

    sts._web_identity_trust_denied = trust_denied


def tell_whose_token_it_was() -> None:
    """The answer names the token's subject, audience and provider.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
    """
    original = sts.handle_request

    async def handle_request(*request: Any) -> Any:
        _subject.set({})
        status, headers, body = await original(*request)
        for made_up, told in _subject.get().items():
            body = body.replace(made_up.encode(), told.encode())
        return status, headers, body

    sts.handle_request = handle_request


def _demand_trust(role_arn: str, token: str, keys: Path | None) -> None:
    account = role_arn.split(":")[4]
    provider = _provider(token, account)
    claims = _verified(token, provider, keys)
    host = str(claims["iss"]).removeprefix("https://")
    context = {f"{host}:{name}": claims[name] for name in _CLAIMS_AS_KEYS if name in claims}
    role = iam._roles.get_scoped(account, None, role_arn.rpartition("/")[2])
    asked = iam_evaluator.EvalContext(
        principal_arn=provider["Arn"],
        principal_type="WebIdentityUser",
        principal_account=account,
        action=_ACTION,
        resource_arn=role_arn,
        region=responses.get_region(),
        service_context=context,
    )
    trust = role["AssumeRolePolicyDocument"] if role and role["Arn"] == role_arn else "{}"
    if not iam_evaluator.evaluate_trust_policy(trust, provider["Arn"], asked):
        raise _RefusedError(403, "AccessDenied", f"Not authorized to perform {_ACTION}")
    _subject.set(
        {
            "<SubjectFromWebIdentityToken>test-subject": (
                f"<SubjectFromWebIdentityToken>{escape(claims['sub'])}"
            ),
            "<Provider>sts.amazonaws.com": f"<Provider>{provider['Arn']}",
        }
    )


def _provider(token: str, account: str) -> dict[str, Any]:
    """Return the account's provider that the token names as its issuer."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError as error:
        message = (
            "The ID Token provided is not a valid JWT. "
            "(You may see this error if you sent an Access Token)"
        )
        raise _RefusedError(400, "InvalidIdentityToken", message) from error
    issuer = str(claims.get("iss", ""))
    arn = f"arn:aws:iam::{account}:oidc-provider/{issuer.removeprefix('https://')}"
    provider: dict[str, Any] | None = iam._oidc_providers.get_scoped(account, None, arn)
    if provider is None:
        message = f"No OpenIDConnect provider found in your account for {issuer}"
        raise _RefusedError(400, "InvalidIdentityToken", message)
    return provider


def _verified(token: str, provider: dict[str, Any], keys: Path | None) -> dict[str, Any]:
    no_key = (
        "Couldn't retrieve verification key from your identity provider,  please reference "
        "AssumeRoleWithWebIdentity documentation for requirements"
    )
    if keys is None or provider["Arn"].partition("oidc-provider/")[2] != ISSUER[8:]:
        raise _RefusedError(400, "InvalidIdentityToken", no_key)
    try:
        return verified_claims(token, keys, provider["ClientIDList"])
    except jwt.ExpiredSignatureError as error:
        raise _RefusedError(400, "ExpiredTokenException", _expired(token)) from error
    except jwt.InvalidAudienceError as error:
        raise _RefusedError(400, "InvalidIdentityToken", "Incorrect token audience") from error
    except jwt.InvalidKeyError as error:
        raise _RefusedError(400, "InvalidIdentityToken", no_key) from error
    except (jwt.PyJWTError, OSError) as error:
        message = f"The token could not be verified: {error}"
        raise _RefusedError(400, "InvalidIdentityToken", message) from error


def _expired(token: str) -> str:
    expiry = jwt.decode(token, options={"verify_signature": False})["exp"]
    return (
        f"Token expired: current date/time {int(time.time())} must be before the "
        f"expiration date/time {expiry}"
    )
