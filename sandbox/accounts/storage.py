"""The keys and buckets of an account, created where they are missing."""

from __future__ import annotations

import json
from typing import Any

from tiercel.sandbox.accounts.templates import RenderedPolicy

_Client = Any

ARTIFACT_KEY = {"KeySpec": "SYMMETRIC_DEFAULT", "KeyUsage": "ENCRYPT_DECRYPT"}
SIGNING_KEY = {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}
_BLOCK_ALL_PUBLIC_ACCESS = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
_ABANDONED_UPLOADS = {
    "ID": "abandoned-uploads",
    "Status": "Enabled",
    "Filter": {"Prefix": ""},
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
}

_OLD_LEASES = {
    "ID": "old-leases",
    "Status": "Enabled",
    "Filter": {"Prefix": "leases/"},
    "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
}
_FILES_OF_BUILDS = tuple(
    {
        "ID": f"builds-{folder}",
        "Status": "Enabled",
        "Filter": {"Prefix": f"{folder}/"},
        "Expiration": {"Days": 1},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    }
    for folder in ("results", "sources")
)


def ensure_key(kms: _Client, alias: str, kind: dict[str, str]) -> str:
    """Return the ARN of the key behind an alias; create both when there is none."""
    try:
        return str(kms.describe_key(KeyId=alias)["KeyMetadata"]["Arn"])
    except kms.exceptions.NotFoundException:
        key = kms.create_key(Description=alias.removeprefix("alias/"), **kind)["KeyMetadata"]
        if kind == ARTIFACT_KEY:
            kms.enable_key_rotation(KeyId=key["KeyId"])
        kms.create_alias(AliasName=alias, TargetKeyId=key["KeyId"])
        return str(key["Arn"])


def ensure_bucket(
    s3: _Client, bucket: str, region: str, key_arn: str, policy: RenderedPolicy
) -> None:
    """Create a versioned, owner-enforced, encrypted bucket that is never public."""
    try:
        s3.head_bucket(Bucket=bucket)
    except s3.exceptions.ClientError:
        s3.create_bucket(Bucket=bucket, ObjectOwnership="BucketOwnerEnforced", **_place(region))
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_public_access_block(
        Bucket=bucket, PublicAccessBlockConfiguration=_BLOCK_ALL_PUBLIC_ACCESS
    )
    s3.put_bucket_encryption(
        Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [_encrypted_with(key_arn)]}
    )
    s3.put_bucket_lifecycle_configuration(
        Bucket=bucket,
        LifecycleConfiguration={"Rules": [_ABANDONED_UPLOADS, _OLD_LEASES, *_FILES_OF_BUILDS]},
    )
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))


def _place(region: str) -> dict[str, Any]:
    """us-east-1 is the one region that CreateBucket refuses as a constraint.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
    """
    if region == "us-east-1":
        return {}
    return {"CreateBucketConfiguration": {"LocationConstraint": region}}


def _encrypted_with(key_arn: str) -> dict[str, Any]:
    return {
        "ApplyServerSideEncryptionByDefault": {
            "SSEAlgorithm": "aws:kms",
            "KMSMasterKeyID": key_arn,
        },
        "BucketKeyEnabled": True,
    }
