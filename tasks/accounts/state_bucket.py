"""The bucket of Terraform's state: the one thing that has to be there before Terraform."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tiercel.domain.base.errors import TiercelError
from tiercel.domain.organization.names import Names
from tiercel.tasks.aws.clients import profile_client
from tiercel.tasks.aws.errors import code_of, translated
from tiercel.tasks.engine.policy_files import render
from tiercel.tasks.engine.task import world_task

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_ABSENT = frozenset({"404", "NoSuchBucket"})


@world_task("find bucket of the state")
def find_state_bucket(names: Names, profile: str) -> None:
    """Make sure that the bucket is there and is the account's; TiercelError if not."""
    if not _exists(_client(names, profile), names):
        raise TiercelError(
            "terraform.no_state_bucket",
            "there is no bucket for Terraform's state",
            where=f"s3://{names.state_bucket}",
            state="nothing was changed",
            remedy=f"run `tiercel provision {names.environment.name} --bootstrap` once",
        )


@world_task("create bucket of the state")
def ensure_state_bucket(names: Names, profile: str) -> None:
    """Create the bucket unless it is there: versioned, encrypted, TLS and own account only.

    Repeatable.
    """
    s3, bucket = _client(names, profile), names.state_bucket
    with translated("create the bucket of Terraform's state", f"s3://{bucket}"):
        if not _exists(s3, names):
            s3.create_bucket(Bucket=bucket, ObjectOwnership="BucketOwnerEnforced", **_place(names))
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        s3.put_public_access_block(
            Bucket=bucket,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
        )
        s3.put_bucket_policy(Bucket=bucket, Policy=_policy(names))


def _client(names: Names, profile: str) -> S3Client:
    region = names.environment.region
    with translated("use the profile of an administrator", f"profile {profile}"):
        return profile_client("s3", profile, region)


def _exists(s3: S3Client, names: Names) -> bool:
    """Tell whether the bucket is there; another account's is as good as forbidden."""
    bucket, owner = names.state_bucket, names.environment.infrastructure_account
    with translated("find the bucket of Terraform's state", f"s3://{bucket}"):
        try:
            s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=owner)
        except ClientError as error:
            if code_of(error) in _ABSENT:
                return False
            raise
    return True


def _place(names: Names) -> dict[str, Any]:
    """us-east-1 is the one region that CreateBucket refuses as a constraint.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
    """
    region = names.environment.region
    if region == "us-east-1":
        return {}
    return {"CreateBucketConfiguration": {"LocationConstraint": region}}


def _policy(names: Names) -> str:
    """What nobody may do to the staging bucket, nobody may do to the state: TLS, own account."""
    values = {
        "partition": names.partition,
        "staging_bucket": names.state_bucket,
        "runtime_account": names.environment.infrastructure_account,
        "organization": names.organization,
    }
    policy = render("staging-bucket", values)
    kept = [one for one in policy["Statement"] if one["Sid"].startswith("Never")]
    return json.dumps({**policy, "Statement": kept})
