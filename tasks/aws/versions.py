"""Objects that change: each write says which version it has seen.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
"""

from __future__ import annotations

from botocore.exceptions import ClientError

from tiercel.domain.organization.access import Records
from tiercel.tasks.aws.clients import client
from tiercel.tasks.aws.errors import code_of, translated
from tiercel.tasks.aws.objects import CONFLICT_CODES

# Whose version is gone was beaten as well: by somebody who deleted the object.
_BEATEN_CODES = (*CONFLICT_CODES, "NoSuchKey")


def write_over(records: Records, key: str, body: bytes, version: str, doing: str) -> str:
    """Write an object over this version, over none if it is empty; return the new version.

    Returns an empty text if somebody else was faster. A write whose answer was lost is repeated by
    botocore and then beaten by itself. `doing` says in errors what was to be done.
    """
    s3, bucket = client("s3", records.access), records.bucket
    with translated(doing, f"s3://{bucket}/{key}"):
        try:
            if version:
                answer = s3.put_object(Bucket=bucket, Key=key, Body=body, IfMatch=version)
            else:
                answer = s3.put_object(Bucket=bucket, Key=key, Body=body, IfNoneMatch="*")
        except ClientError as error:
            if code_of(error) in _BEATEN_CODES:
                return ""
            raise
    return answer["ETag"]
