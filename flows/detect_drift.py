"""detect_drift: whether stacks and accounts still are what was released and provisioned."""

from __future__ import annotations

from prefect import get_run_logger
from prefect.runtime import flow_run

from tiercel.domain.drift.notices import drift_notice
from tiercel.domain.drift.report import MOST_FINDINGS, DriftReport
from tiercel.domain.pages.environment.drift_page import drift_page
from tiercel.flows.engine.artifacts import show_page
from tiercel.flows.engine.concurrency import both, call
from tiercel.flows.engine.lifecycle import lifecycle_flow
from tiercel.flows.engine.naming import tag_flow_run
from tiercel.flows.engine.notices import tell
from tiercel.flows.engine.parameters import EnvironmentParameter
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.flows.watch.accounts import look_at_accounts
from tiercel.flows.watch.stacks import look_at_live_stacks
from tiercel.tasks.records.drift import read_drift, record_drift
from tiercel.tasks.source.services import load_topology
from tiercel.tasks.source.topology_file import config_path


@lifecycle_flow("detect-drift", "look for drift")
async def detect_drift(environment: EnvironmentParameter) -> DriftReport:
    """Look for what was changed past Tiercel: resources, stacks, roles and policies.

    Changes nothing but the record of what was found. A run that finds drift does not fail.

    Args:
        environment: The environment in whose accounts is looked.
    """
    topology = await call(load_topology, config_path())
    await tag_flow_run(environment)
    target = ReleaseTarget.of(topology, environment)
    kept = await call(read_drift, target.records)
    (stacks, of_stacks), of_accounts = await both(
        look_at_live_stacks(target, kept), look_at_accounts(topology, target)
    )
    found = [*of_stacks, *of_accounts]
    report = DriftReport(
        environment=environment,
        at=kept.now,
        flow_run=target.run,
        url=str(flow_run.ui_url or ""),
        stacks=stacks,
        findings=tuple(found[:MOST_FINDINGS]),
        left_out=max(0, len(found) - MOST_FINDINGS),
    )
    if not await call(record_drift, target.records, report, kept.version):
        get_run_logger().info("another run has looked meanwhile: what it found is recorded")
    elif report.tells_more_than(kept.report):
        tell(drift_notice(report))
    await _show(report)
    return report


async def _show(report: DriftReport) -> None:
    logger = get_run_logger()
    for one in report.findings:
        logger.warning("%s: %s: %s: %s", one.where, one.what, one.kind, one.why)
    told = f"{report.environment}: {report.summary()}"
    logger.info("%s", told)
    await show_page(f"drift-{report.environment}", f"Drift of {told}", drift_page(report))
