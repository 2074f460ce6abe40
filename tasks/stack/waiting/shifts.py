"""Deployments of CodeDeploy that belong to a stack: find them, look at them, stop them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from tiercel.domain.base.errors import TiercelError
from tiercel.domain.organization.access import Access
from tiercel.domain.pages.links import Links
from tiercel.domain.stack.events import StackEvent
from tiercel.domain.traffic.answers import shift_of
from tiercel.domain.traffic.shifts import ALIAS_TYPE, Shift, news, updates_an_alias
from tiercel.tasks.aws.clients import client
from tiercel.tasks.aws.errors import code_of, translated
from tiercel.tasks.engine.progress import Progress
from tiercel.tasks.engine.task import run_logger, world_task

_APPLICATION = "AWS::CodeDeploy::Application"
_GROUP = "AWS::CodeDeploy::DeploymentGroup"
_ACTIVE = ("Created", "Queued", "InProgress", "Baking", "Ready")
Group = tuple[str, str]
"""An application, and one of its deployment groups."""


@world_task("read shifts", "read shifts of {stack}")
def read_shifts(
    access: Access, stack: str, since: datetime | None = None, most: int | None = None
) -> list[Shift]:
    """Return what CodeDeploy has shifted for a stack, the oldest first, each with its way back.

    A group is known if the stack has its application, too. `since` leaves out what was before, and
    `most` all but the newest of each group: to look at one takes three calls.
    """
    with translated("read deployments", _where(access, stack)):
        groups = _groups(access, stack)
        ids = [one for group in groups for one in islice(_listed(access, group, since), most)]
        return _looked_at(access, ids)


@world_task("read running shifts", "read running shifts of {stack}")
def read_running_shifts(access: Access, stack: str) -> list[Shift]:
    """Return what CodeDeploy shifts for a stack now, the oldest first; nothing else is read."""
    with translated("read deployments", _where(access, stack)):
        groups = _groups(access, stack)
        ids = [one for group in groups for one in _listed(access, group, None, _ACTIVE)]
        return [one for one in _looked_at(access, ids) if not one.is_over]


@world_task("stop shift", "stop shift {deployment}")
def stop_shift(access: Access, deployment: str) -> bool:
    """Take the traffic back; False if the deployment was over already."""
    with translated("stop a deployment", f"deployment {deployment}, account {access.account}"):
        try:
            client("codedeploy", access).stop_deployment(
                deploymentId=deployment, autoRollbackEnabled=True
            )
        except ClientError as error:
            if code_of(error) != "DeploymentAlreadyCompletedException":
                raise
            return False
    return True


class ShiftWatch:
    """Follows the shifts of a stack's operation while somebody waits for it.

    Nothing is asked for before an alias is updated. What cannot be read is no failure: the wait
    goes on without it.
    """

    def __init__(
        self, access: Access, stack: str, service: str, links: Links | None = None
    ) -> None:
        """Look at nothing yet."""
        self._access, self._stack, self._service = access, stack, service
        self._links = links
        self._bars: dict[str, Progress] = {}
        self._since: datetime | None = None
        self._waiting: list[Group] | None = None
        self._seen: dict[str, Shift] = {}
        self._updating: set[str] = set()
        self._given_up = False

    def look(self, fresh: Iterable[StackEvent]) -> list[Shift]:
        """Tell the run's log what is new, and return the shifts as they are now."""
        self._note(fresh)
        shifts = any(not one.is_over for one in self._seen.values())
        if (self._updating or shifts) and not self._given_up:
            try:
                with translated("watch deployments", _where(self._access, self._stack)):
                    self._refresh()
            except TiercelError as error:
                self._given_up = True
                run_logger().warning("%s: the shift is not shown: %s", self._service, error)
        return list(self._seen.values())

    def _note(self, fresh: Iterable[StackEvent]) -> None:
        for event in fresh:
            if event.resource_type != ALIAS_TYPE:
                continue
            if updates_an_alias(event):
                self._updating.add(event.logical_id)
                self._since = self._since or event.at
            else:
                self._updating.discard(event.logical_id)

    def _refresh(self) -> None:
        if self._waiting is None:
            self._waiting = _groups(self._access, self._stack)
        for group in list(self._waiting):
            found = next(_listed(self._access, group, self._since, _ACTIVE), None)
            if found:
                self._waiting.remove(group)
                self._show(found)
        for one in list(self._seen.values()):
            if not one.is_over:
                self._show(one.deployment)

    def _show(self, deployment: str) -> None:
        now = _look(self._access, deployment)
        access, address = self._access, ""
        if self._links:
            address = self._links.shift_address(deployment, access.account, access.region)
        for line in news(self._seen.get(deployment), now, address):
            run_logger().info("%s: %s", self._service, line)
        self._seen[deployment] = now
        self._draw(now)

    def _draw(self, now: Shift) -> None:
        """Show the new version's share as a bar, with the deployment's page beside it."""
        access, shown = self._access, now.deployment
        if self._links:
            shown = self._links.shift(now.deployment, access.account, access.region)
        words = f"{self._service}: share of version {now.new_version}, {shown}"
        key = f"traffic-{self._service}-{now.deployment}"
        bar = self._bars.setdefault(now.deployment, Progress(key, words, after_seconds=0))
        bar.show(round(now.percent), 100)


def _groups(access: Access, stack: str) -> list[Group]:
    """Return the groups among a stack's resources whose applications are there as well."""
    pages = client("cloudformation", access).get_paginator("list_stack_resources")
    found: dict[str, set[str]] = {_APPLICATION: set(), _GROUP: set()}
    for page in pages.paginate(StackName=stack):
        for one in page["StackResourceSummaries"]:
            name = one.get("PhysicalResourceId")
            if name and one["ResourceType"] in found:
                found[one["ResourceType"]].add(name)
    if not found[_GROUP]:
        return []
    asked = client("codedeploy", access)
    return [
        (application, group)
        for application in sorted(found[_APPLICATION])
        for page in asked.get_paginator("list_deployment_groups").paginate(
            applicationName=application
        )
        for group in page.get("deploymentGroups", ())
        if group in found[_GROUP]
    ]


def _listed(
    access: Access, group: Group, since: datetime | None, statuses: tuple[str, ...] = ()
) -> Iterator[str]:
    """Give the ids of deployments, the newest first; a page is asked for once it is needed."""
    asked: dict[str, Any] = {"applicationName": group[0], "deploymentGroupName": group[1]}
    if since:
        asked["createTimeRange"] = {"start": since}
    if statuses:
        asked["includeOnlyStatuses"] = list(statuses)
    pages = client("codedeploy", access).get_paginator("list_deployments")
    for page in pages.paginate(**asked):
        yield from page.get("deployments", ())


def _looked_at(access: Access, ids: Iterable[str]) -> list[Shift]:
    found = [_look(access, one) for one in dict.fromkeys(ids)]
    return sorted(found, key=lambda one: str(one.began))


def _look(access: Access, deployment: str) -> Shift:
    asked = client("codedeploy", access)
    info = asked.get_deployment(deploymentId=deployment)["deploymentInfo"]
    targets = asked.list_deployment_targets(deploymentId=deployment).get("targetIds", [])
    told = (
        asked.batch_get_deployment_targets(deploymentId=deployment, targetIds=targets[:1])
        if targets
        else {}
    )
    first: Any = next(iter(told.get("deploymentTargets", ())), {})
    return shift_of(info, first.get("lambdaTarget", {}))


def _where(access: Access, stack: str) -> str:
    return f"stack {stack}, account {access.account}, region {access.region}"
