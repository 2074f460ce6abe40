"""What lies about in a RuntimeAccount: stacks, change sets, tagged resources, logs, packages."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import ClientError

from tiercel.domain.organization.access import Access
from tiercel.domain.stack.states import StackStatus
from tiercel.domain.teardown.leftovers_seen import (
    FUNCTION_LOGS,
    STACK_ID_TAG,
    ChangeSetThere,
    LogGroupThere,
    StackThere,
    StagedObject,
    TaggedResource,
)
from tiercel.tasks.aws.clients import client
from tiercel.tasks.aws.errors import DENIED_CODES, code_of, message_of, translated
from tiercel.tasks.engine.task import world_task

_AT_ONCE = 8
_AT_WORK = ("CREATE_PENDING", "CREATE_IN_PROGRESS", "DELETE_PENDING", "DELETE_IN_PROGRESS")
_STAGED = "packages/"


def _where(access: Access) -> str:
    return f"account {access.account}, region {access.region}"


@world_task("list all stacks")
def list_all_stacks(access: Access) -> list[StackThere]:
    """Return every stack of the account and the region, whoever made it."""
    with translated("list the stacks", _where(access)):
        pages = client("cloudformation", access).get_paginator("describe_stacks").paginate()
        return [
            StackThere(
                name=one["StackName"],
                stack_id=one["StackId"],
                status=StackStatus(one["StackStatus"]),
                created=one["CreationTime"],
                tags={tag["Key"]: tag["Value"] for tag in one.get("Tags", ())},
                is_nested=bool(one.get("ParentId")),
            )
            for page in pages
            for one in page["Stacks"]
            if one["StackStatus"] != StackStatus.DELETE_COMPLETE
        ]


@world_task("list change sets")
def list_change_sets(access: Access, stacks: Sequence[StackThere]) -> list[ChangeSetThere]:
    """Return the change sets of these stacks; those of nested stacks go with their parent's."""
    with translated("list change sets", _where(access)), ThreadPoolExecutor(_AT_ONCE) as pool:
        found = pool.map(lambda stack: _change_sets(access, stack), stacks)
        return [one for some in found for one in some]


def _change_sets(access: Access, stack: StackThere) -> list[ChangeSetThere]:
    pages = client("cloudformation", access).get_paginator("list_change_sets")
    try:
        listed = [
            one
            for page in pages.paginate(StackName=stack.stack_id)
            for one in page["Summaries"]
            if not one.get("ParentChangeSetId")
        ]
    except ClientError as error:
        if "does not exist" in message_of(error):
            return []
        raise
    return [
        ChangeSetThere(
            stack=stack.name,
            name=one["ChangeSetName"],
            change_set_id=one["ChangeSetId"],
            created=one["CreationTime"],
            is_at_work=one["Status"] in _AT_WORK
            or one.get("ExecutionStatus") == "EXECUTE_IN_PROGRESS",
        )
        for one in listed
    ]


@world_task("find tagged resources", "find resources of {organization}")
def find_tagged_resources(access: Access, organization: str) -> list[TaggedResource]:
    """Return what has the organization's tag, as far as AWS's index of tags has it by now.

    https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html
    """
    with translated("find resources by their tags", _where(access)):
        pages = client("resourcegroupstaggingapi", access).get_paginator("get_resources")
        filters = [{"Key": "tiercel:organization", "Values": [organization]}]
        return [
            TaggedResource(
                arn=one["ResourceARN"],
                tags={tag["Key"]: tag["Value"] for tag in one.get("Tags", ())},
            )
            for page in pages.paginate(TagFilters=filters)
            for one in page["ResourceTagMappingList"]
        ]


@world_task("find log groups")
def find_log_groups(
    access: Access, prefixes: Sequence[str], functions: Collection[str]
) -> list[LogGroupThere]:
    """Return the log groups of functions whose names begin with one of the prefixes.

    `functions` are names of functions that are known to exist: nobody asks for those. Whether a
    stack owns a group is looked up only where its function is gone.
    """
    with translated("find log groups", _where(access)), ThreadPoolExecutor(_AT_ONCE) as pool:
        pages = client("logs", access).get_paginator("describe_log_groups")
        listed = [
            one
            for prefix in prefixes
            for page in pages.paginate(logGroupNamePrefix=FUNCTION_LOGS + prefix)
            for one in page["logGroups"]
        ]
        return list(pool.map(lambda one: _log_group(access, one, functions), listed))


def _log_group(access: Access, listed: dict[str, Any], functions: Collection[str]) -> LogGroupThere:
    name, size = str(listed["logGroupName"]), int(listed.get("storedBytes", 0))
    function = name.removeprefix(FUNCTION_LOGS)
    exists = True if function in functions else _function_exists(access, function)
    owned = exists is False and _is_owned(access, name, str(listed["arn"]).removesuffix(":*"))
    return LogGroupThere(name, exists, is_owned=owned, size=size)


def _function_exists(access: Access, function: str) -> bool | None:
    """Ask for its tags: whoever may see nothing else of a function may see those."""
    partition = access.role_arn.split(":")[1]
    arn = f"arn:{partition}:lambda:{access.region}:{access.account}:function:{function}"
    try:
        client("lambda", access).list_tags(Resource=arn)
    except ClientError as error:
        if code_of(error) == "ResourceNotFoundException":
            return False
        if code_of(error) in DENIED_CODES:
            return None
        raise
    return True


def _is_owned(access: Access, name: str, arn: str) -> bool:
    """Tell whether a stack that exists has the group, by CloudFormation's word or by its tags."""
    formation = client("cloudformation", access)
    try:
        formation.describe_stack_resources(PhysicalResourceId=name)
    except ClientError as error:
        if "does not exist" not in message_of(error):
            raise
    else:
        return True
    tags = client("logs", access).list_tags_for_resource(resourceArn=arn).get("tags", {})
    stack = tags.get(STACK_ID_TAG)
    if not stack:
        return False
    try:
        found = formation.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if "does not exist" in message_of(error):
            return False
        raise
    return any(one["StackStatus"] != StackStatus.DELETE_COMPLETE for one in found)


@world_task("list staged packages", "list packages in {bucket}")
def list_staged(access: Access, bucket: str) -> list[StagedObject]:
    """Return the packages of a staging bucket, of all versions the newest date and their size."""
    with translated("list what is staged", f"s3://{bucket}/{_STAGED}"):
        pages = client("s3", access).get_paginator("list_object_versions")
        found: dict[str, StagedObject] = {}
        for page in pages.paginate(Bucket=bucket, Prefix=_STAGED):
            for one in page.get("Versions", ()):
                known = found.get(one["Key"])
                written = max(one["LastModified"], known.written if known else one["LastModified"])
                size = one["Size"] + (known.size if known else 0)
                found[one["Key"]] = StagedObject(one["Key"], written, size)
        return list(found.values())
