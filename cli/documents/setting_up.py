"""The documents of commands that set up, and of the demo."""

from __future__ import annotations

from tiercel.cli.documents.form import AnyObject, ClosedForm, OpenForm
from tiercel.domain.accounts.terraform_plan import TerraformPlan
from tiercel.domain.base.failure import Failure


class ConfigDocument(OpenForm):
    """The whole configuration, as `tiercel config schema` describes it; of some files services."""

    services: list[AnyObject] | dict[str, AnyObject]


class InitDocument(ClosedForm):
    """What was written for a repository, what was there, and what could not be told."""

    written: list[str]
    kept: list[str]
    languages: list[str]
    services: list[AnyObject]
    unclear: list[AnyObject]


class InitCheckDocument(ClosedForm):
    """What would stop a first release."""

    clone: str
    services: int
    seconds: float
    errors: list[Failure]


class TimedStepDocument(ClosedForm):
    """A step of a flow, and the one of which it is a part, if it is.

    Times are in seconds, from the beginning of the first one.
    """

    name: str
    group: str
    flow: str
    service: str
    start: float
    seconds: float


class DemoDocument(OpenForm):
    """What the demo did."""

    repository: str
    built: list[list[str]]
    refused: list[AnyObject]
    approved: list[AnyObject]
    taken_back: list[AnyObject]
    live: dict[str, dict[str, AnyObject]]
    builds: str
    timeline: list[TimedStepDocument]
    seconds: float


class UpDocument(ClosedForm):
    """What the Prefect server has now."""

    changes: list[AnyObject]
    schedules: list[AnyObject]


class ProvisionDocument(ClosedForm):
    """What is planned for two accounts or was applied, and what they hold."""

    plan: TerraformPlan
    applied: bool
    outputs: AnyObject


class GitflowDocument(ClosedForm):
    """Whether GitHub demands what is needed; `changes` if something was set."""

    findings: list[AnyObject]
    changes: tuple[AnyObject, ...] = ()


class SandboxDocument(OpenForm):
    """Addresses and files, and the variables with which other programs reach the sandbox."""

    environment: dict[str, str]


GitflowChecked = dict[str, GitflowDocument]
