"""Asks the emulated accounts for what the pages show, as the root of an account."""

from __future__ import annotations

import re
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tiercel.sandbox.aws.console.addresses import CONSOLE_PREFIX
from tiercel.sandbox.aws.console.shifts import shift_page
from tiercel.sandbox.aws.console.stacks import stack_page, stacks_page

_ACCOUNT = re.compile(r"[0-9]{12}")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")


class Console:
    """The pages of all accounts behind one endpoint."""

    def __init__(self, endpoint: str, root_secret: str) -> None:
        self._endpoint = endpoint
        self._secret = root_secret

    def show(self, parts: list[str]) -> bytes | None:
        """Return the page at a path, given in its parts; None if there is none."""
        if len(parts) < 4 or parts[0] != CONSOLE_PREFIX[1:]:
            return None
        _, account, region, kind, *rest = parts
        if not (_ACCOUNT.fullmatch(account) and _REGION.fullmatch(region)):
            return None
        try:
            return self._page(account, region, kind, "/".join(rest))
        except (ClientError, BotoCoreError):  # there is none of the name
            return None

    def _page(self, account: str, region: str, kind: str, name: str) -> bytes | None:
        if kind == "stacks":
            stacks = self._client("cloudformation", account, region)
            return self._stacks(stacks, account, region, name)
        if kind == "deployments" and name:
            shifts = self._client("codedeploy", account, region)
            return self._shift(shifts, account, region, name)
        return None

    def _stacks(self, client: Any, account: str, region: str, name: str) -> bytes:
        if not name:
            return stacks_page(account, region, client.describe_stacks()["Stacks"])
        (stack,) = client.describe_stacks(StackName=name)["Stacks"]
        identifier = stack["StackId"]
        resources = client.describe_stack_resources(StackName=identifier)["StackResources"]
        events = client.describe_stack_events(StackName=identifier)["StackEvents"]
        return stack_page(account, region, stack, resources, events)

    def _shift(self, client: Any, account: str, region: str, name: str) -> bytes:
        found = client.get_deployment(deploymentId=name)["deploymentInfo"]
        listed = client.list_deployment_targets(deploymentId=name)["targetIds"]
        told = [client.get_deployment_target(deploymentId=name, targetId=one) for one in listed]
        targets = [one["deploymentTarget"]["lambdaTarget"] for one in told]
        return shift_page(account, region, found, targets)

    def _client(self, service: str, account: str, region: str) -> Any:
        import boto3  # noqa: PLC0415 - the sandbox starts without it, most never look at a page

        session = boto3.Session(
            aws_access_key_id=account, aws_secret_access_key=self._secret, region_name=region
        )
        return session.client(service, endpoint_url=self._endpoint)
