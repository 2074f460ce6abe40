"""Every kind of JSON document, its version, and where its form is. Importing this imports nothing.

A document is an object: `schema` is its kind and version, `data` what was asked for, `error` what
failed. A version rises when something that a program may read goes, changes its meaning or becomes
empty; what is only added leaves it as it is.
"""

from __future__ import annotations

from typing import Any, NamedTuple

FAILURE = "failure"
"""The kind of a document that has nothing but an error."""


class KnownDocument(NamedTuple):
    """Where the form of a document's data is, as MODULE:NAME, and its version."""

    where: str
    version: int = 1


_RELEASING, _LOOKING = "tiercel.cli.documents.releasing", "tiercel.cli.documents.looking"
_ON_DEMAND, _SET_UP = "tiercel.cli.documents.on_demand", "tiercel.cli.documents.setting_up"

DOCUMENTS = {
    "approval": KnownDocument(f"{_RELEASING}:ApprovalDocument"),
    "artifact": KnownDocument(f"{_LOOKING}:ArtifactDocument"),
    "candidate": KnownDocument(f"{_RELEASING}:Candidates"),
    "check": KnownDocument(f"{_LOOKING}:Checked"),
    "config": KnownDocument(f"{_SET_UP}:ConfigDocument"),
    "demo": KnownDocument(f"{_SET_UP}:DemoDocument"),
    "diff": KnownDocument(f"{_LOOKING}:DiffDocument"),
    "doctor": KnownDocument(f"{_LOOKING}:Doctor"),
    "drift": KnownDocument("tiercel.domain.drift.report:DriftReport"),
    "drill": KnownDocument("tiercel.domain.drill.report:DrillReport"),
    "drill-page": KnownDocument(f"{_LOOKING}:DrillPageDocument"),
    "drill-plan": KnownDocument(f"{_LOOKING}:DrillPlanDocument"),
    "drills": KnownDocument(f"{_LOOKING}:DrillReports"),
    "ephemeral": KnownDocument(f"{_ON_DEMAND}:OnDemandDocument"),
    "ephemeral-list": KnownDocument(f"{_ON_DEMAND}:OnDemandList"),
    FAILURE: KnownDocument(""),
    "gitflow": KnownDocument(f"{_SET_UP}:GitflowChecked"),
    "hold": KnownDocument("tiercel.domain.gates.holds:HoldEvent"),
    "init": KnownDocument(f"{_SET_UP}:InitDocument"),
    "init-check": KnownDocument(f"{_SET_UP}:InitCheckDocument"),
    "ledger-export": KnownDocument(f"{_ON_DEMAND}:LedgerExportDocument"),
    "ledger-restore": KnownDocument(f"{_ON_DEMAND}:LedgerRestoreDocument"),
    "logs": KnownDocument(f"{_LOOKING}:LogsDocument"),
    "metrics": KnownDocument(f"{_LOOKING}:MetricsDocument"),
    "page": KnownDocument(f"{_LOOKING}:PageDocument"),
    "plan": KnownDocument(f"{_RELEASING}:PlanDocument"),
    "provision": KnownDocument(f"{_SET_UP}:ProvisionDocument"),
    "published": KnownDocument(f"{_RELEASING}:PublishedServices"),
    "reap": KnownDocument(f"{_ON_DEMAND}:ReapDocument"),
    "release": KnownDocument(f"{_RELEASING}:WholeRelease"),
    "released": KnownDocument(f"{_RELEASING}:ReleasedServices"),
    "releases": KnownDocument(f"{_RELEASING}:ReleaseRows"),
    "retention": KnownDocument(f"{_ON_DEMAND}:RetentionDocument"),
    "rollback": KnownDocument(f"{_RELEASING}:ReleaseRowDocument"),
    "run": KnownDocument(f"{_RELEASING}:RunDocument"),
    "sandbox": KnownDocument(f"{_SET_UP}:SandboxDocument"),
    "status": KnownDocument(f"{_LOOKING}:StatusDocument"),
    "traffic": KnownDocument(f"{_RELEASING}:TrafficShifts"),
    "traffic-stop": KnownDocument(f"{_RELEASING}:StoppedDeployments"),
    "trigger": KnownDocument(f"{_RELEASING}:TriggerDocument"),
    "up": KnownDocument(f"{_SET_UP}:UpDocument"),
    "verify": KnownDocument(f"{_RELEASING}:StatusList"),
}


def schema_name(kind: str) -> str:
    """Return what a document of that kind has as `schema`; KeyError if there is no such kind."""
    return f"tiercel.{kind}/{DOCUMENTS[kind].version}"


def document_of(
    kind: str, data: object = None, error: dict[str, Any] | None = None
) -> dict[str, object]:
    """Return the document that a command prints."""
    document: dict[str, object] = {"schema": schema_name(kind)}
    if kind != FAILURE:
        document["data"] = data
    if error is not None:
        document["error"] = error
    return document
