"""What a file of tests leaves in the accounts of a sandbox that others share with it.

A stack or a record that an earlier file left would be met by a later one, and which is the earlier
depends on how many tests each file has.
"""

from __future__ import annotations

import time
from typing import Any

from botocore.exceptions import ClientError

from tests.support.aws import root_client
from tests.support.patience import PATIENCE_SECONDS
from tiercel.sandbox.lifecycle import Sandbox


def remove_leavings(sandbox: Sandbox) -> None:
    """Delete every stack of the accounts, and every object of their buckets.

    Raises AssertionError for what cannot be deleted, stacks after a minute.
    """
    left: dict[str, str] = {}
    for profile in sorted(sandbox.regions):
        if profile.endswith("-root"):
            _empty_buckets(root_client(sandbox, profile, "s3"))
            left |= _delete_stacks(root_client(sandbox, profile, "cloudformation"))
    assert not left


def _empty_buckets(storage: Any) -> None:
    versions = storage.get_paginator("list_object_versions")
    for bucket in storage.list_buckets()["Buckets"]:
        for page in versions.paginate(Bucket=bucket["Name"]):
            found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            named = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]
            if named:
                answer = storage.delete_objects(Bucket=bucket["Name"], Delete={"Objects": named})
                assert "Errors" not in answer, answer["Errors"]


def _delete_stacks(formation: Any) -> dict[str, str]:
    """Return the stacks that stay, each with CloudFormation's last refusal.

    A stack whose exports another imports can go only after that, so in rounds.
    """
    end = time.monotonic() + PATIENCE_SECONDS
    refusals: dict[str, str] = {}
    while (left := _stacks(formation)) and time.monotonic() < end:
        for name in left:
            try:
                formation.update_termination_protection(
                    StackName=name, EnableTerminationProtection=False
                )
                formation.delete_stack(StackName=name)
            except ClientError as error:  # a part of another stack goes with that
                refusals[name] = str(error)
        time.sleep(0.02)
    return {name: refusals.get(name, "") for name in left}


def _stacks(formation: Any) -> list[str]:
    pages = formation.get_paginator("describe_stacks").paginate()
    return [one["StackId"] for page in pages for one in page["Stacks"]]
