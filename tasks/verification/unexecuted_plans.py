"""What a pull request would change in a live stack: a change set that nobody can execute.

It is made in a session of the deployer that is narrowed to looking at that stack, and to making and
deleting change sets of that pull request.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import PurePosixPath

from botocore.exceptions import ClientError

from tiercel.domain.artifact.manifest import Manifest
from tiercel.domain.base.digests import sha256_hex
from tiercel.domain.base.values import TemplateDocument
from tiercel.domain.organization.access import Access, Records
from tiercel.domain.organization.names import Names, Role
from tiercel.domain.stack.states import StackStatus
from tiercel.domain.stack.tokens import discardable_plans, pull_request_plans
from tiercel.tasks.aws.clients import client
from tiercel.tasks.aws.errors import code_of, message_of, translated
from tiercel.tasks.aws.objects import create_object, missing_package, read_object
from tiercel.tasks.engine.policy_files import render
from tiercel.tasks.engine.task import world_task
from tiercel.tasks.source.templates import dump_template, parse_template
from tiercel.tasks.stack.change_sets import discard_change_set
from tiercel.tasks.stack.stacks import where_is
from tiercel.tasks.verification.verifier import Verified

_POLICY = "sessions/plan"
_TEMPLATE = ".template"


@dataclass(frozen=True)
class LiveStack:
    """A stack as it is; of parameters that are secrets CloudFormation tells no value."""

    status: StackStatus
    template: TemplateDocument
    parameters: Mapping[str, str]


@world_task("narrow session", "narrow session to plans of #{number} on {stack}")
def planner(deployer: Access, names: Names, stack: str, number: int) -> Access:
    """Return the deployer in a session that can only plan what a pull request would change."""
    environment = names.environment
    values = {
        "partition": names.partition,
        "region": environment.region,
        "runtime_account": environment.runtime_account,
        "prefix": names.role(Role.CLOUDFORMATION).removesuffix(Role.CLOUDFORMATION),
        "staging_bucket": names.staging_bucket,
        "planned_stack": stack,
        "plans": pull_request_plans(number),
    }
    policy = json.dumps(render(_POLICY, values), separators=(",", ":"))
    return replace(deployer, policy=policy)


@world_task("read live stack", "read live template of {stack}")
def read_live_stack(access: Access, stack: str) -> LiveStack | None:
    """Return a stack with the template that it was made from; None if there is none."""
    cloudformation = client("cloudformation", access)
    with translated("read a stack", where_is(access, stack)):
        try:
            (found,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
            body = cloudformation.get_template(StackName=stack, TemplateStage="Original")
        except ClientError as error:
            if code_of(error) == "ValidationError" and "does not exist" in message_of(error):
                return None
            raise
    text = body.get("TemplateBody") or {}
    # botocore reads JSON, and gives YAML as it stands.
    whole = text.encode() if isinstance(text, str) else dump_template(dict(text), stack)
    return LiveStack(
        status=StackStatus(found["StackStatus"]),
        template=parse_template(whole, stack),
        parameters={
            one["ParameterKey"]: one.get("ParameterValue", "")
            for one in found.get("Parameters", ())
        },
    )


@world_task("read packaged template", "read packaged template of {manifest.service}")
def read_packaged_template(records: Records, manifest: Manifest) -> TemplateDocument:
    """Return the template of an artifact as it is deployed.

    Raises ArtifactConflictError if it is not there, or is not the one of the manifest.
    """
    package = manifest.template
    body = read_object(records.access, records.bucket, package.key)
    if body is None or sha256_hex(body) != package.sha256:
        raise missing_package(records.bucket, package)
    return parse_template(body, f"s3://{records.bucket}/{package.key}")


@world_task("read verified templates", "read packaged templates of {manifest.service}")
def read_verified_templates(records: Records, manifest: Manifest) -> Verified:
    """Return an artifact with all of its templates, as CloudFormation would read them.

    Raises ArtifactConflictError if one is not there, or is not the one of the manifest.
    """
    packaged: dict[str, bytes] = {}
    for package in manifest.objects:
        if not package.key.endswith(_TEMPLATE):
            continue
        body = read_object(records.access, records.bucket, package.key)
        if body is None or sha256_hex(body) != package.sha256:
            raise missing_package(records.bucket, package)
        packaged[package.key] = body
    documents = {
        key: parse_template(body, f"s3://{records.bucket}/{key}") for key, body in packaged.items()
    }
    return Verified(documents[manifest.template.key], manifest, packaged, documents)


@world_task("stage templates", "stage templates in {bucket}")
def stage_templates(access: Access, bucket: str, templates: Mapping[str, bytes]) -> None:
    """Put templates where CloudFormation reads them, and nothing else that was packaged.

    Their keys have their digests: nothing that a release has staged can be replaced, and the reaper
    removes what no release needs.
    """
    for key, body in templates.items():
        # S3 refuses bytes of another digest than the key says.
        create_object(access, bucket, key, body, PurePosixPath(key).stem)


@world_task("copy templates", "copy templates of {manifest.service} to {bucket}")
def copy_templates(records: Records, manifest: Manifest, access: Access, bucket: str) -> None:
    """Put an artifact's templates where CloudFormation reads them, as `stage_templates` does.

    Raises ArtifactConflictError if one is not there, or is not the one of the manifest.
    """
    packages = [one for one in manifest.objects if one.key.endswith(".template")]
    found = {}
    for package in packages:
        body = read_object(records.access, records.bucket, package.key)
        if body is None or sha256_hex(body) != package.sha256:
            raise missing_package(records.bucket, package)
        found[package.key] = body
    stage_templates.fn(access, bucket, found)


@world_task("discard plans", "discard plans of #{number} on {stack}")
def discard_plans(access: Access, stack: str, number: int, own: Collection[str]) -> int:
    """Delete a run's own change sets of a pull request on a stack; return how many there were.

    Those of runs that were killed an hour ago are among them, whatever head they were for.
    """
    with translated("delete a change set", where_is(access, stack)):
        pages = client("cloudformation", access).get_paginator("list_change_sets")
        made = [
            (one["ChangeSetName"], one["CreationTime"])
            for page in pages.paginate(StackName=stack)
            for one in page["Summaries"]
            if not one.get("ParentChangeSetId")
        ]
        gone = discardable_plans(made, number, own, datetime.now(UTC))
        for name in gone:
            discard_change_set(access, stack, name)
        return len(gone)
