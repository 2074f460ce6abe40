"""The documents of commands that look."""

from __future__ import annotations

from pydantic import Field

from tiercel.cli.documents.form import AnyObject, ClosedForm, FailureForm, OpenForm
from tiercel.domain.accounts.findings import CheckReport
from tiercel.domain.drill.plan import DrillPlan
from tiercel.domain.drill.report import DrillReport
from tiercel.domain.onboarding.health import Examined
from tiercel.domain.release.metrics import Figures
from tiercel.domain.review.release_differences import ServiceDifference


class StatusDocument(OpenForm):
    """An array of stacks, or an `error`, by environment; what else there is to say stands beside.

    A stack is as of `releases`, with `now`, `open_since` and `unreadable`. What is said beside, and
    cannot be had, has an `error` in its place.
    """

    back_merges: tuple[AnyObject, ...] = ()
    holds: dict[str, AnyObject] = Field(default_factory=dict)
    waiting: dict[str, list[AnyObject]] = Field(default_factory=dict)
    unseen_words: dict[str, str] = Field(default_factory=dict)
    drift: dict[str, AnyObject] = Field(default_factory=dict)


class LogLineFields(ClosedForm):
    """A line; `level` is that of Python's logging, of a run alone."""

    at: str
    level: int | None = None
    text: str


class RunLogFields(ClosedForm):
    """The log of a run, the oldest line first."""

    id: str
    url: str
    lines: list[LogLineFields]


class FunctionFields(OpenForm):
    """What a function told of failures; `whole` is false if there may be newer ones."""

    function: str


class LogsDocument(ClosedForm):
    """What a release's run said, and its functions."""

    stack: str
    release: int
    run: RunLogFields | FailureForm
    functions: list[FunctionFields] | FailureForm


class DiffDocument(OpenForm):
    """How two sides differ, by service."""

    services: list[ServiceDifference]


class MetricsDocument(ClosedForm):
    """The figures of an environment; null where there is nothing to say."""

    environment: str
    begin: str = Field(alias="from")
    to: str
    figures: list[Figures]
    definitions: dict[str, str]


class ArtifactDocument(OpenForm):
    """What is known of an artifact that is genuine."""

    stack: str
    release: int
    artifact_id: str
    digest: str
    signed_by: str
    signatures: list[str]


class DrillPageDocument(ClosedForm):
    """A drill's page, which was written, and what stands on it."""

    page: str
    report: DrillReport


class DrillPlanDocument(ClosedForm):
    """What a drill would do."""

    digest: str
    plan: DrillPlan


class PageDocument(ClosedForm):
    """Where something can be looked at."""

    address: str


Checked = dict[str, CheckReport]
Doctor = list[Examined]
DrillReports = list[DrillReport]
