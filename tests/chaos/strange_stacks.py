"""Stacks that no deploy of ours has made, in the states in which one may find them."""

from __future__ import annotations

import json
import time
from contextlib import suppress

from tests.chaos.world import World
from tiercel.domain.organization.names import Role

_PATIENCE_SECONDS = 30.0


def create_stack(world: World, stack: str) -> None:
    """Create a stack with one queue, which the service role will have to delete."""
    body = json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}})
    stacks, role = (
        world.root("runtime", "cloudformation"),
        world.names.role_arn(Role.CLOUDFORMATION),
    )
    stacks.create_stack(StackName=stack, TemplateBody=body, RoleARN=role)
    stacks.get_waiter("stack_create_complete").wait(
        StackName=stack, WaiterConfig={"Delay": 0.1, "MaxAttempts": 200}
    )


def review_stack(world: World, stack: str) -> None:
    """Leave what a change set leaves that nobody executed: REVIEW_IN_PROGRESS."""
    body = json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}})
    world.root("runtime", "cloudformation").create_change_set(
        StackName=stack, ChangeSetName="chaos", ChangeSetType="CREATE", TemplateBody=body
    )


def fail_to_create(world: World, stack: str) -> None:
    """Leave what a first creation of ours leaves that failed: ROLLBACK_COMPLETE."""
    wrong = {"Type": "AWS::CloudFormation::WaitCondition"}
    policy = {"ResourceSignal": {"Count": 1, "Timeout": "PT60S"}}
    body = json.dumps({"Resources": {"Gate": {**wrong, "CreationPolicy": policy}}})
    stacks = world.root("runtime", "cloudformation")
    tags = world.names.stack_tags(stack.removeprefix(world.names.prefix))
    stacks.create_stack(
        StackName=stack,
        TemplateBody=body,
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (world.stack(stack) or {}).get("StackStatus") != "ROLLBACK_COMPLETE":
        assert time.monotonic() < deadline, world.stack(stack)
        with suppress(stacks.exceptions.ClientError):  # the gate may not wait yet, or no more
            stacks.signal_resource(
                StackName=stack, LogicalResourceId="Gate", UniqueId="chaos", Status="FAILURE"
            )
        time.sleep(0.1)
