"""The documents of commands that release."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from tiercel.cli.documents.form import AnyObject, ClosedForm, OpenForm
from tiercel.domain.approvals.plans import PlannedService
from tiercel.domain.artifact.manifest import PackagedObject
from tiercel.domain.base.failure import Failure
from tiercel.domain.release.ledger import Release
from tiercel.domain.review.statuses import Status
from tiercel.domain.traffic.shifts import Shift


class PublishedDocument(ClosedForm):
    """A service that was published; `uploaded` counts new packages."""

    artifact_id: str
    digest: str
    built: bool
    uploaded: int
    objects: list[PackagedObject]


class LiveReleaseDocument(ClosedForm):
    """A service's release that is live; `smoke_test` is the answer, empty if there is no test."""

    stack: str
    release: int
    changed: bool
    commit: str
    digest: str
    outputs: dict[str, str]
    smoke_test: str


class CandidateDocument(ClosedForm):
    """A release by which a candidate is verified; `tried` by this run, else by an earlier one."""

    stack: str
    release: int
    tried: bool
    purpose: str
    branch: str
    commit: str
    digest: str


class ReleaseRowDocument(ClosedForm):
    """A release; of an entry that cannot be read there is no more than where it is and why."""

    stack: str
    release: int
    status: Literal["open", "succeeded", "failed", "superseded", "unreadable"]
    error: Failure | None = None
    service: str = ""
    commit: str = ""
    repository: str = ""
    artifact_digest: str = ""
    at: str = Field("", description="ISO 8601")
    seconds: float | None = Field(None, description="null while it is open")
    requested_by: str = ""
    message: str = ""
    purpose: str = ""
    restores: int | None = None
    branch: str = ""
    verified_in: AnyObject | None = None
    opened: tuple[AnyObject, ...] = ()
    rejected: str | None = None
    changed: bool | None = Field(None, description="of a rollback alone")


class RunFields(ClosedForm):
    """A run of a deployment."""

    id: str
    name: str
    state: str | None
    url: str


class ReportedArtifact(ClosedForm):
    """What a flow reported."""

    key: str | None
    type: str | None
    description: str | None
    data: Any


class RunDocument(ClosedForm):
    """A run that was followed; what it reported, the oldest first."""

    run: RunFields
    artifacts: list[ReportedArtifact]


class ApprovalDocument(ClosedForm):
    """A word on a plan that was handed over; `unseen` says why no run looks for words."""

    plan_digest: str
    approves: bool
    signed_at: str
    unseen: str = ""


class TriggerDocument(OpenForm):
    """What an event called for."""

    result: Literal["started", "nothing"]
    reason: str = ""


class PlanDocument(OpenForm):
    """A plan, resource by resource, and its digest, by which it is approved."""

    digest: str
    repository: str
    commit: str
    environment: str
    services: list[PlannedService]


PublishedServices = dict[str, PublishedDocument]
ReleasedServices = dict[str, LiveReleaseDocument]
Candidates = dict[str, CandidateDocument]
ReleaseRows = list[ReleaseRowDocument]
WholeRelease = Release
StatusList = list[Status]
TrafficShifts = list[Shift]
StoppedDeployments = list[str]
