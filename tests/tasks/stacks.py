"""Stacks for tests: templates, a gate that holds a stack back, the way from one to the other."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tests.support.patience import PATIENCE_SECONDS
from tests.tasks.aws_fixtures import root, unique
from tiercel.domain.artifact.manifest import object_key
from tiercel.domain.base.digests import sha256_hex
from tiercel.domain.organization.access import Access
from tiercel.domain.organization.names import Names, Role
from tiercel.domain.stack.observed import Stack
from tiercel.domain.stack.plan import Plan
from tiercel.domain.stack.tokens import change_set_name
from tiercel.tasks.aws.objects import create_object
from tiercel.tasks.stack.change_sets import ChangeSetRequest, execute_plan, plan_changes
from tiercel.tasks.stack.stacks import observe_stack
from tiercel.tasks.stack.waiting.operation import wait_for_stack

Template = dict[str, Any]


def queues(count: int = 1, **properties: Any) -> Template:
    queue = {"Type": "AWS::SQS::Queue", "Properties": properties}
    return {"Resources": {f"Queue{number}": queue for number in range(count)}}


def gated() -> Template:
    """A stack that stands still after its first queue until `signal` says how to go on."""
    policy = {"ResourceSignal": {"Count": 1, "Timeout": "PT60S"}}
    gate = {"Type": "AWS::CloudFormation::WaitCondition", "CreationPolicy": policy}
    first, last = {"Type": "AWS::SQS::Queue"}, {"Type": "AWS::SQS::Queue", "DependsOn": "Gate"}
    return {"Resources": {"First": first, "Gate": {**gate, "DependsOn": "First"}, "Last": last}}


def signal(stack: str, status: str) -> None:
    """Let a gated stack go on, as soon as it has come to its gate: SUCCESS or FAILURE."""
    formation, deadline = root("runtime", "cloudformation"), time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            formation.signal_resource(
                StackName=stack, LogicalResourceId="Gate", UniqueId="test", Status=status
            )
        except ClientError as error:
            if "is not waiting for signals" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


@contextmanager
def signalled_later(stack: str, status: str, seconds: float) -> Iterator[None]:
    timer = threading.Timer(seconds, signal, [stack, status])
    timer.start()
    yield
    timer.join()


@dataclass(frozen=True)
class Workshop:
    """Makes stacks as the deployer."""

    access: Access
    names: Names

    def name(self) -> str:
        return unique(f"{self.names.prefix}stack")

    def request(
        self,
        stack: str,
        template: Template,
        *,
        release: int = 1,
        creates: bool = True,
        **parameters: str,
    ) -> ChangeSetRequest:
        body = json.dumps(template).encode()
        sha256 = sha256_hex(body)
        bucket = self.names.staging_bucket
        create_object(self.access, bucket, object_key(sha256, "json"), body)
        return ChangeSetRequest(
            stack=stack,
            name=change_set_name(release, 1),
            creates_stack=creates,
            template_url=self.names.object_url(bucket, object_key(sha256, "json")),
            template_sha256=sha256,
            parameters=parameters,
            service_role=self.names.role_arn(Role.CLOUDFORMATION),
            tags={"tiercel:service": "test"},
        )

    def nested(self, template: Template, **parameters: Any) -> Template:
        """A nested stack of that template, which is staged first."""
        url = self.request("nested", template).template_url
        given = {"Parameters": parameters} if parameters else {}
        return {
            "Type": "AWS::CloudFormation::Stack",
            "Properties": {"TemplateURL": url, **given},
        }

    def start(self, stack: str, template: Template, *, release: int = 1) -> tuple[Plan, str]:
        """Begin to create a stack, or to update it for any release but the first."""
        request = self.request(stack, template, release=release, creates=release == 1)
        plan = planned(self.access, request)
        execute_plan.fn(self.access, plan, request.name)
        return plan, request.name

    def finish(self, stack: str, template: Template, *, release: int = 1) -> Stack:
        self.start(stack, template, release=release)
        return self.wait(stack)

    def wait(self, stack: str) -> Stack:
        return wait_for_stack.fn(self.access, stack, "test")[0]

    def observed(self, stack: str) -> Stack:
        found = observe_stack.fn(self.access, stack)
        assert found is not None
        return found


def planned(access: Access, request: ChangeSetRequest) -> Plan:
    """The plan, where nobody else can have executed it."""
    plan = plan_changes.fn(access, request)
    assert plan is not None
    return plan
