"""What is there in an environment's RuntimeAccount: stacks, and the data that they hold."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from tiercel.domain.base.digests import canonical_json, sha256_hex
from tiercel.domain.drill.inventory import (
    DATA_KINDS,
    DataKind,
    HeldData,
    Inventory,
    SeenResource,
    SeenStack,
    name_in,
    seen_resources,
)
from tiercel.domain.organization.access import Access
from tiercel.domain.stack.observed import Stack
from tiercel.domain.stack.states import StackStatus
from tiercel.domain.teardown.stack_deletion import StackResource
from tiercel.tasks.aws.clients import client
from tiercel.tasks.aws.errors import code_of, message_of, translated
from tiercel.tasks.engine.task import world_task
from tiercel.tasks.source.templates import parse_template
from tiercel.tasks.stack.stacks import described, newest_token, observed_stack, where_is
from tiercel.tasks.teardown.stack_resources import list_resources

if TYPE_CHECKING:
    from types_boto3_cloudformation.literals import StackStatusType
    from types_boto3_cloudformation.type_defs import StackTypeDef

_Document = dict[str, Any]
_AT_ONCE = 16
"""Stacks that are looked at at the same time."""
_PARTS = 4
"""Parts of a stack that are read at the same time."""
_TRANSFORM = "Transform"
_PRESENT = [
    one.value
    for one in StackStatus
    if one not in {StackStatus.DELETE_COMPLETE, StackStatus.REVIEW_IN_PROGRESS}
]


@dataclass(frozen=True)
class Looker:
    """Who looks: `reader` at stacks and the account, `counter` at the data that would be lost.

    Without a `counter` nobody looks at data.
    """

    reader: Access
    counter: Access | None = None


@world_task("list stacks", "list stacks {prefix}*")
def list_stacks(access: Access, prefix: str) -> list[str]:
    """Return the names of all stacks that begin with the prefix, by name.

    Nested stacks belong to theirs, and a stack under review has nothing yet.
    """
    with translated("list stacks", f"account {access.account}, region {access.region}"):
        pages = client("cloudformation", access).get_paginator("list_stacks")
        return sorted(
            one["StackName"]
            for page in pages.paginate(StackStatusFilter=cast("list[StackStatusType]", _PRESENT))
            for one in page["StackSummaries"]
            if one["StackName"].startswith(prefix) and not one.get("ParentId")
        )


@world_task("take inventory")
def take_inventory(looker: Looker, names: Sequence[str]) -> Inventory:
    """Return what there is of these stacks; one that is gone meanwhile is left out."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = list(pool.map(lambda name: look_at_stack.fn(looker, name), names))
    return Inventory(
        account=looker.reader.account,
        alias=_alias(looker.reader),
        at=datetime.now(UTC),
        stacks=tuple(one for one in found if one),
    )


@world_task("look at stack", "look at stack {name}")
def look_at_stack(looker: Looker, name: str) -> SeenStack | None:
    """Return a stack with its resources and data, None if there is none.

    One under review is none: a deploy that saw a deleted stack gone leaves such a one, which has no
    template and nothing to delete.
    """
    access = looker.reader
    found = described(access, name)
    if found is None or found["StackStatus"] not in _PRESENT:
        return None
    stack = observed_stack(found)
    with ThreadPoolExecutor(_PARTS) as pool:
        token = pool.submit(newest_token, access, stack)
        templates = pool.submit(_templates, access, stack)
        listed = pool.submit(list_resources.fn, access, stack.stack_id, name)
        importers = pool.submit(_importers, access, stack, found)
    sent, processed = templates.result()
    nested = _nested_templates(access, stack, listed.result())
    resources = seen_resources(listed.result(), {"": processed, **nested})
    return SeenStack(
        name=name,
        stack_id=stack.stack_id,
        service=stack.tags.get("tiercel:service", ""),
        status=stack.status,
        token=token.result(),
        tags=stack.tags,
        protected=stack.protected,
        template_sha256=sha256_hex(canonical_json(sent)),
        parameters={
            one["ParameterKey"]: one.get("ParameterValue", "")
            for one in found.get("Parameters", [])
        },
        outputs=stack.outputs,
        imported_by=tuple(sorted(importers.result())),
        resources=resources,
        data=tuple(_data(looker.counter, name, resources)) if looker.counter else (),
    )


def _templates(access: Access, stack: Stack) -> tuple[_Document, _Document]:
    """Return a stack's template as it was sent, and as macros made it.

    Only a template that names a transform, anywhere, is made into another one:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/transform-section-structure.html
    """
    where, formation = where_is(access, stack.name), client("cloudformation", access)
    with translated("read a stack's template", where):
        sent = formation.get_template(StackName=stack.stack_id, TemplateStage="Original")
        original = _document(sent["TemplateBody"], where)
        if _TRANSFORM not in json.dumps(original):
            return original, original
        processed = formation.get_template(StackName=stack.stack_id)
        return original, _document(processed["TemplateBody"], where)


def _nested_templates(
    access: Access, stack: Stack, listed: Sequence[StackResource]
) -> dict[str, _Document]:
    """Return the templates of nested stacks as macros made them, by the stacks' paths."""
    where, formation = where_is(access, stack.name), client("cloudformation", access)
    paths = {one.nested_in for one in listed}
    nested = {one.path: one.physical_id for one in listed if one.path in paths}

    def read(stack_id: str) -> _Document:
        with translated("read a nested stack's template", where):
            return _document(formation.get_template(StackName=stack_id)["TemplateBody"], where)

    with ThreadPoolExecutor(_PARTS) as pool:
        return dict(zip(nested, pool.map(read, nested.values()), strict=True))


def _document(body: Any, where: str) -> _Document:
    """Return a template as JSON: boto3 has read one that was sent as JSON."""
    text = body if isinstance(body, str) else json.dumps(body)
    return parse_template(text.encode(), where)


def _importers(access: Access, stack: Stack, found: StackTypeDef) -> set[str]:
    """Return the stacks that import what a stack exports."""
    exports = [one.get("ExportName", "") for one in found.get("Outputs", ())]
    with translated("list who imports of a stack", where_is(access, stack.name)):
        return {name for export in exports if export for name in _importers_of(access, export)}


def _importers_of(access: Access, export: str) -> list[str]:
    try:
        pages = client("cloudformation", access).get_paginator("list_imports")
        return [name for page in pages.paginate(ExportName=export) for name in page["Imports"]]
    except ClientError as error:
        if code_of(error) == "ValidationError" and "not imported" in message_of(error):
            return []
        raise


def _data(access: Access, stack: str, resources: Sequence[SeenResource]) -> Iterator[HeldData]:
    for one in resources:
        kind = DATA_KINDS.get(one.resource_type)
        if kind is None or one.retained or not one.physical_id:
            continue
        with translated(f"count what a {kind} holds", where_is(access, stack)):
            items, size = _COUNTS.get(kind, _uncounted)(access, one.physical_id)
        name = name_in(one.physical_id)
        yield HeldData(kind=kind, name=name, path=one.path, items=items, size=size)


def _table(access: Access, name: str) -> tuple[int | None, int | None]:
    """DynamoDB counts every six hours:
    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TableDescription.html.
    """
    table = client("dynamodb", access).describe_table(TableName=name)["Table"]
    return int(table.get("ItemCount", 0)), int(table.get("TableSizeBytes", 0))


def _bucket(access: Access, name: str) -> tuple[int | None, int | None]:
    items = size = 0
    pages = client("s3", access).get_paginator("list_object_versions")
    for page in pages.paginate(Bucket=name):
        for one in page.get("Versions", []):
            items, size = items + 1, size + int(one.get("Size", 0))
    return items, size


def _queue(access: Access, url: str) -> tuple[int | None, int | None]:
    """SQS's own counts are approximate."""
    wanted = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    answer = client("sqs", access).get_queue_attributes(QueueUrl=url, AttributeNames=wanted)
    return sum(int(answer["Attributes"].get(one, 0)) for one in wanted), None


def _uncounted(_access: Access, _name: str) -> tuple[int | None, int | None]:
    return None, None


_COUNTS = {DataKind.BUCKET: _bucket, DataKind.TABLE: _table, DataKind.QUEUE: _queue}


def _alias(access: Access) -> str:
    """Return the account's alias, its id if it has none."""
    with translated("read the account's alias", f"account {access.account}"):
        answer = client("iam", access).list_account_aliases()
    return next(iter(answer["AccountAliases"]), access.account)
