"""Documents that a template names in S3: API descriptions and templates."""
# ruff: noqa: SLF001 - what is read has only private names

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml
from ministack.services import s3
from ministack.services.cloudformation import helpers

_VIRTUAL_HOST = re.compile(r"(?P<bucket>.+)\.s3[.-](?:[a-z0-9-]+\.)*amazonaws\.com(?:\.cn)?")


def of_api(properties: dict[str, Any]) -> dict[str, Any] | None:
    """Return the OpenAPI document of an API resource; None when it has none.

    Raises ValueError with S3's reason when BodyS3Location names no object, and in API Gateway's
    words when the object is no OpenAPI document.
    """
    location = properties.get("BodyS3Location")
    if not location:
        body = properties.get("Body")
        return body if isinstance(body, dict) else None
    content = document_in(location["Bucket"], location["Key"], location.get("Version"))
    document = yaml.safe_load(content)
    if not isinstance(document, dict):
        raise ValueError(  # noqa: TRY004 - in the words of the service
            "Unable to parse API definition because of a malformed document"
        )
    return document


def document_in(bucket: str, key: str, version: str | None = None) -> bytes:
    """Return an object's bytes; ValueError in S3's words when there is no such object."""
    if s3._bucket_owner_account(bucket) is None:
        raise ValueError("S3 Error Code: NoSuchBucket. The specified bucket does not exist")
    content: bytes | None = s3._get_object_data(bucket, key, version_id=version)
    if content is None:
        raise ValueError("S3 Error Code: NoSuchKey. The specified key does not exist.")
    return content


def find_templates_by_virtual_host() -> None:
    """TemplateURL may name the bucket as host, and its key is percent-encoded.

    The emulator knows the bucket in the path only.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
    """
    original = helpers._resolve_document

    def resolve(parameters: Any, body_key: str, url_key: str, label: str) -> Any:
        url = helpers._p(parameters, url_key)
        if not url or helpers._p(parameters, body_key):
            return original(parameters, body_key, url_key, label)
        in_path = {**parameters, url_key: [_with_bucket_in_path(url)]}
        return original(in_path, body_key, url_key, label)

    helpers._resolve_document = resolve


def _with_bucket_in_path(url: str) -> str:
    parts = urlsplit(url)
    match = _VIRTUAL_HOST.fullmatch(parts.netloc.partition(":")[0])
    path = f"/{match['bucket']}{parts.path}" if match else parts.path
    return f"https://s3.amazonaws.com{unquote(path)}"
