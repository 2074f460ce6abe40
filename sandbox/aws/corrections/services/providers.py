"""Identity providers, which are named by their ARN."""
# ruff: noqa: SLF001 - what is corrected has only private names

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ministack.core import iam_actions


def authorize_the_provider_that_is_named() -> None:
    """A call that names a provider is authorized on it; the emulator asks about everything.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
    """
    original = iam_actions.extract_resource_arn

    def extract(
        service: str,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        query: dict[str, Any],
        *place: str,
    ) -> Any:
        arn = original(service, method, path, headers, body, query, *place)
        named = iam_actions._query_param(query, "OpenIDConnectProviderArn")
        return named if service == "iam" and arn == "*" and named else arn

    iam_actions.extract_resource_arn = extract
