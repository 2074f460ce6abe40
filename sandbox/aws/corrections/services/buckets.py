"""Buckets that a stack deletes."""
# ruff: noqa: SLF001 - what is corrected has only private names

from __future__ import annotations

import uuid
from typing import Any

from ministack.services import s3
from ministack.services.cloudformation import provisioners


def keep_buckets_that_are_not_empty() -> None:
    """A bucket with objects or versions cannot be deleted, and its stack ends DELETE_FAILED.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-s3-bucket.html
    """
    handlers = provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]
    original = handlers["delete"]

    def delete(name: str, properties: dict[str, Any]) -> None:
        bucket = s3._buckets.get(name)
        if bucket and (bucket["objects"] or s3._bucket_has_versions(name)):
            raise ValueError(
                'Resource handler returned message: "The bucket you tried to delete is not empty. '
                "You must delete all versions in the bucket. (Service: S3, Status Code: 409, "
                f'Request ID: {uuid.uuid4()})" (RequestToken: {uuid.uuid4()}, '
                "HandlerErrorCode: GeneralServiceException)"
            )
        if bucket:
            s3._delete_bucket(name)
        original(name, properties)

    handlers["delete"] = delete
