"""Sessions of roles: their source identity and tags, and how long they last."""
# ruff: noqa: SLF001 - what is corrected has only private names

from __future__ import annotations

import re
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from ministack.core import iam_evaluator, router
from ministack.services import iam, sts

from tiercel.sandbox.aws.corrections.permissions.refusals import DeniedCall, missing

_ASSUME, _SET_SOURCE = "sts:AssumeRole", "sts:SetSourceIdentity"
_SOURCE = "SourceIdentity"
_ACCESS_KEY = re.compile(rb"<AccessKeyId>([^<]+)</AccessKeyId>")
_RESULT_END = b"</AssumeRoleResult>"
_CHAINED_SECONDS = 3600


@dataclass
class _Wish:
    """What a call of AssumeRole asks for, and which action the role's trust refused."""

    caller: str
    role: str
    seconds: int
    source: str
    had_source: str
    refused: str = ""


_wish: ContextVar[_Wish | None] = ContextVar("wish", default=None)


def keep_source_identities() -> None:
    """A session has its source identity for good, and passes it on to the sessions it opens.

    To set it needs sts:SetSourceIdentity of the role's trust policy, and another one than the
    caller's own is refused. The emulator drops it.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_monitor.html
    """
    original_keys, original_trust = (
        iam_evaluator._principal_keys,
        iam_evaluator.evaluate_trust_policy,
    )

    def principal_keys(credential: iam_evaluator.ResolvedCredential) -> dict[str, Any]:
        keys: dict[str, Any] = original_keys(credential)
        source = sts._sessions.get(credential.access_key_id, {}).get(_SOURCE)
        return keys | ({"aws:sourceidentity": source} if source else {})

    def trusts(
        document: Any, caller: str, context: iam_evaluator.EvalContext | None = None
    ) -> bool:
        wish = _wish.get()
        if wish is None or context is None:
            return bool(original_trust(document, caller, context))
        told = {"sts:sourceidentity": wish.source} if wish.source else {}
        context = replace(context, service_context=context.service_context | told)
        actions = [context.action]
        if context.action == _ASSUME and wish.source:
            actions.append(_SET_SOURCE)
        for action in actions:
            allowed = original_trust(document, caller, replace(context, action=action))
            changed = action == _SET_SOURCE and wish.had_source not in {"", wish.source}
            if changed or not allowed:
                wish.refused = action
                return False
        return True

    iam_evaluator._principal_keys = sts._principal_keys = principal_keys
    iam_evaluator.evaluate_trust_policy = trusts


def answer_for_sessions() -> None:
    """AssumeRole refuses too long sessions, and names who was refused what by which trust policy.

    Roles that a session assumes last an hour at most, others as long as the role allows.
    https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
    """
    original = sts.handle_request

    async def handle_request(method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
        wish = _wish_of(headers, body, query)
        _wish.set(wish)
        if wish is None:
            return await original(method, path, headers, body, query)
        if problem := _too_long(wish):
            return sts._error(400, "ValidationError", problem, ns="sts")
        answer = await original(method, path, headers, body, query)
        if answer[0] == 403 and b"is not authorized" in answer[2]:
            action = wish.refused or _ASSUME
            reason = missing(action, "role trust policy")
            message = str(DeniedCall(wish.caller, action, wish.role, reason))
            return sts._error(403, "AccessDenied", escape(message), ns="sts")
        return _with_source(answer, wish)

    sts.handle_request = handle_request


def _wish_of(headers: Any, body: bytes, query: Any) -> _Wish | None:
    form = {**query, **parse_qs(body.decode("utf-8", "replace"))}
    if sts._p(form, "Action") != "AssumeRole":
        return None
    key = router.extract_access_key_id(headers, query)
    had = str(sts._sessions.get(key, {}).get(_SOURCE) or "")
    seconds = sts._p(form, "DurationSeconds")
    return _Wish(
        caller=iam_evaluator.caller_arn(),
        role=sts._p(form, "RoleArn"),
        seconds=int(seconds) if str(seconds).isdigit() else 0,
        source=str(sts._p(form, _SOURCE) or had),
        had_source=had,
    )


def _too_long(wish: _Wish) -> str:
    if ":assumed-role/" in wish.caller and wish.seconds > _CHAINED_SECONDS:
        return (
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed "
            "by role chaining."
        )
    account = (wish.role.split(":") + [""] * 5)[4]
    role = iam._roles.get_scoped(account, None, wish.role.rpartition("/")[2]) or {}
    if wish.seconds > int(role.get("MaxSessionDuration") or wish.seconds):
        return "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    return ""


def _with_source(answer: Any, wish: _Wish) -> Any:
    status, headers, body = answer
    key = _ACCESS_KEY.search(body)
    if status != 200 or not key or not wish.source:
        return answer
    sts._sessions[key[1].decode()][_SOURCE] = wish.source
    told = f"<{_SOURCE}>{wish.source}</{_SOURCE}>".encode()
    return status, headers, body.replace(_RESULT_END, told + _RESULT_END)
