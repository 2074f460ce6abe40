"""The documents of environments on demand, and of what environments hold."""

from __future__ import annotations

from pydantic import Field

from tiercel.cli.documents.form import AnyObject, ClosedForm, OpenForm
from tiercel.domain.base.failure import Failure


class OnDemandDocument(OpenForm):
    """An environment on demand; its owner is empty for nobody."""

    name: str
    owner: str
    purpose: str
    state: str
    released: dict[str, AnyObject] = Field(default_factory=dict)
    deleted: tuple[AnyObject, ...] = ()


class LedgerExportDocument(ClosedForm):
    """Where the history is now, and the fingerprint of the key that signed it."""

    objects: int
    folder: str
    signing_key: str


class LedgerRestoreDocument(ClosedForm):
    """How many of the objects were created, and how many artifacts were signed again."""

    created: int
    objects: int
    signed: int


class ReapDocument(ClosedForm):
    """What was destroyed or would be; `drill` is the number of one that is open, else 0."""

    environment: str
    dry_run: bool
    drill: int
    environments_on_demand: list[AnyObject]
    leftovers: list[AnyObject]
    candidates: list[AnyObject]
    kept: dict[str, int]
    failures: list[Failure]
    unread: list[Failure]


class RetentionDocument(ClosedForm):
    """What goes, how much stays and why, and of which environments nothing is known, and why."""

    deleted: bool
    objects: list[AnyObject]
    kept: dict[str, int]
    unknown: list[str]
    unknown_because: dict[str, str]


OnDemandList = list[OnDemandDocument]
