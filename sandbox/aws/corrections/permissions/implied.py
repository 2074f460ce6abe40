"""Permissions that a call needs beside its own: to pass a role, to use an object's key."""
# ruff: noqa: SLF001 - what is corrected has only private names

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from ministack import app
from ministack.core import iam_actions, iam_evaluator, responses
from ministack.services import kms, s3

from tiercel.sandbox.aws.corrections.permissions.passed_roles import passed_role

_PASSED = "sandbox:passed"
"""What a call passes, told to `demand_implied_permissions` and no key of AWS's."""
_ROLE_KEY = "cloudformation:RoleArn"
_STACK_KEYS = {"RoleARN": _ROLE_KEY, "ChangeSetName": "cloudformation:ChangeSetName"}
_IMPORT_KEY = "cloudformation:ImportResourceTypes"
_IMPORTED = re.compile(r"ResourcesToImport\.member\.\d+\.ResourceType")
_KEY_HEADER = "x-amz-server-side-encryption-aws-kms-key-id"
_WRITE_HEADERS = (
    _KEY_HEADER,
    "if-match",
    "if-none-match",
    "x-amz-server-side-encryption-customer-algorithm",
)
_SESSION_KEYS = {
    "ExternalId": "sts:ExternalId",
    "RoleSessionName": "sts:RoleSessionName",
    "SourceIdentity": "sts:SourceIdentity",
}
_READS = frozenset({"s3:GetObject", "s3:GetObjectVersion"})

_method: ContextVar[str] = ContextVar("method", default="")


@dataclass(frozen=True)
class Implied:
    """An action that must be allowed as well, on its own resource and with its own keys."""

    action: str
    service: str
    resource: str
    context: dict[str, Any]


def tell_role_and_key() -> None:
    """What calls say is known: CloudFormation's roles and imports, writes to S3, STS's sessions.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudformation.html
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
    """
    original_tags, original_s3 = iam_actions.request_tag_context, iam_actions.s3_service_context
    original_pin = app.pin_signed_request

    def tag_context(service: str, action: str, body: bytes, parameters: Mapping[str, Any]) -> Any:
        found = original_tags(service, action, body, parameters)
        if service == "cloudformation" and (types := _imported_types(parameters)):
            found = found | {_IMPORT_KEY: types}
        known = {"cloudformation": _STACK_KEYS, "sts": _SESSION_KEYS}.get(service, {})
        told = {key: parameters[name][0] for name, key in known.items() if parameters.get(name)}
        passed = passed_role(action, body)
        return found | told | ({_PASSED: passed} if passed else {})

    def s3_context(action: str, query: Any, path: str = "", headers: Any = None) -> Any:
        found = original_s3(action, query, path, headers)
        return found | _of_write(query, headers or {}) if action == "s3:PutObject" else found

    def pin_signed_request(method: str, *request: Any, **more: Any) -> None:
        _method.set(method)
        original_pin(method, *request, **more)

    iam_actions.request_tag_context = tag_context
    iam_actions.s3_service_context = s3_context
    app.pin_signed_request = pin_signed_request


def _of_write(query: Any, headers: Mapping[str, str]) -> dict[str, str]:
    """Return the keys that the headers of a write are, and whether it makes an object appear.

    Neither the beginning nor a part of an upload in parts does, and both take no condition.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
    """
    told = {f"s3:{name}": headers[name] for name in _WRITE_HEADERS if headers.get(name)}
    prepares = "uploads" in (query or {}) or "partNumber" in (query or {})
    return told | {"s3:ObjectCreationOperation": "false" if prepares else "true"}


def _imported_types(parameters: Mapping[str, Any]) -> list[str]:
    """Return the types of the resources that a change set brings into a stack."""
    return [values[0] for name, values in parameters.items() if _IMPORTED.fullmatch(name)]


def demand_implied_permissions() -> None:
    """Handing a role to a service needs iam:PassRole, an object encrypted with a key its use.

    Tags and a source identity of a session need permissions of their own.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html
    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html
    """
    original = iam_evaluator.enforce

    def enforce(
        access_key: str,
        action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        context = service_context or {}
        denied = original(access_key, action, service, region, resource_arn, context)
        if denied or not access_key:
            return denied
        for implied in _implied(action, service, resource_arn, context):
            denied = original(
                access_key, implied.action, implied.service, region, *_target(implied)
            )
            if denied:
                return denied
        return None

    iam_evaluator.enforce = enforce


def _target(implied: Implied) -> tuple[str, dict[str, Any]]:
    return implied.resource, implied.context


def _implied(
    action: str, service: str, resource_arn: str, context: Mapping[str, Any]
) -> Iterator[Implied]:
    if role := context.get(_ROLE_KEY):
        passed_to = {"iam:PassedToService": "cloudformation.amazonaws.com"}
        yield Implied("iam:PassRole", "iam", role, passed_to)
    if passed := context.get(_PASSED):
        yield Implied("iam:PassRole", "iam", passed[0], {"iam:PassedToService": passed[1]})
    if action == "sts:AssumeRole":
        yield from _of_session(resource_arn, context)
    if service != "s3" or _method.get() == "HEAD":
        return
    bucket, _, key = resource_arn.rpartition(":::")[2].partition("/")
    owner = s3._bucket_owner_account(bucket)
    if not owner or not key:
        return
    if action in _READS:
        yield from _key_use("kms:Decrypt", owner, bucket, _key_of_object(owner, bucket, key))
    elif action == "s3:PutObject":
        named = context.get(f"s3:{_KEY_HEADER}")
        key_id = named or _default_key(owner, bucket, context)
        yield from _key_use("kms:GenerateDataKey", owner, bucket, key_id)


def _of_session(role_arn: str, context: Mapping[str, Any]) -> Iterator[Implied]:
    if context.get("aws:TagKeys"):
        yield Implied("sts:TagSession", "sts", role_arn, dict(context))
    if context.get("sts:SourceIdentity"):
        yield Implied("sts:SetSourceIdentity", "sts", role_arn, dict(context))


def _key_of_object(owner: str, bucket: str, key: str) -> str:
    found = s3._buckets.get_scoped(owner, None, bucket)["objects"].get(key, {})
    return str(found.get("preserved_headers", {}).get(_KEY_HEADER, ""))


def _default_key(owner: str, bucket: str, context: Mapping[str, Any]) -> str:
    if context.get("s3:x-amz-server-side-encryption", "aws:kms") != "aws:kms":
        return ""
    with responses.request_scope(owner, responses.get_region()):
        return str(s3._bucket_default_sse_headers(bucket).get(_KEY_HEADER, ""))


def _key_use(action: str, owner: str, bucket: str, key_id: str) -> Iterator[Implied]:
    """With bucket keys the encryption context is the bucket's ARN, not the object's."""
    region = key_id.split(":")[3] if key_id.startswith("arn:") else responses.get_region()
    account = key_id.split(":")[4] if key_id.startswith("arn:") else owner
    with responses.request_scope(account, region):
        key = kms._resolve_key(key_id)
    if key:
        via = {
            "kms:ViaService": f"s3.{region}.amazonaws.com",
            "kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{bucket}",
        }
        yield Implied(action, "kms", key["Arn"], via)
