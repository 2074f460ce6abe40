"""The names of ministack that are private and that the sandbox needs all the same.

ministack offers no others for these, so its version is exact in pyproject.toml and
tests/sandbox holds each of them to what is expected here.
"""
# ruff: noqa: SLF001

from __future__ import annotations

from collections.abc import Mapping

from ministack import app
from ministack.core import iam_actions, iam_evaluator, responses
from ministack.services import apigateway, apigateway_v1

QueryParameters = dict[str, list[str]]


def botocore_models(service: str) -> tuple[str, ...]:
    """Return the names of the botocore models of a REST service, as the router calls it."""
    return tuple(iam_actions._BOTOCORE_SERVICE_MAP.get(service, ()))


def routing_parameters(
    method: str, path: str, headers: Mapping[str, str], body: bytes, query: QueryParameters
) -> QueryParameters:
    """Return the query parameters, and the form's where a form names the action."""
    merged: QueryParameters = app._routing_params(method, path, dict(headers), body, query)
    return merged


def bucket_of_host(host: str) -> str | None:
    """Return the bucket that a host name names, as in `BUCKET.s3.REGION.amazonaws.com`."""
    bucket: str | None = app._extract_s3_vhost_bucket(host)
    return bucket if ".s3" in host else None


def owner_of_api(api_id: str) -> tuple[str, str] | None:
    """Return account and region of an HTTP or REST API; ids are unique across accounts."""
    for apis in (apigateway._apis, apigateway_v1._rest_apis):
        for (account, region, identifier), _ in apis.all_items():
            if identifier == api_id:
                return account, region
    return None


def account_of_key(access_key: str) -> str:
    """Return the account of an access key; an empty text when nobody has it."""
    if access_key.isdigit() and len(access_key) == 12:
        return access_key
    try:
        owner = iam_evaluator.find_iam_access_key_account(access_key)
    except iam_evaluator.AmbiguousAccessKeyError:
        return ""
    return owner or responses._account_from_sts_session(access_key) or ""


def principal_of_key(access_key: str, account: str) -> str:
    """Return the ARN of an access key's user, role session or root; else an empty text."""
    with responses.request_scope(account, responses.get_region()):
        identity = iam_evaluator.resolve_caller_identity(access_key)
    return str(identity["userArn"]) if identity else ""
