"""How a drill ends: its report is written down and shown, and other runs go on."""

from __future__ import annotations

from prefect import get_run_logger

from tiercel.domain.drill.failures import DrillFailedError, missed_notice, require_passed
from tiercel.domain.drill.report import DrillReport, report_of
from tiercel.domain.organization.topology import Drills
from tiercel.domain.pages.environment.drill_page import drill_report_page, duration, recovered
from tiercel.flows.drill.approval import TREND
from tiercel.flows.drill.under_way import Drill
from tiercel.flows.engine.artifacts import show_page
from tiercel.flows.engine.concurrency import call
from tiercel.flows.engine.notices import tell
from tiercel.flows.ephemeral.pages import report_environments
from tiercel.flows.release.pages import report_board
from tiercel.tasks.teardown.drill_records import close_drill, read_reports, record_report


async def finish(drill: Drill, settings: Drills) -> DrillReport:
    """Write the report down, let other runs go on, and return it.

    Raises DrillFailedError if anything is not as it was before, or if it took too long.
    """
    target, begun = drill.target, drill.begun
    reports = await call(read_reports, target.records, TREND)
    earlier = [
        one
        for one in reports
        if one.environment == begun.plan.environment and one.number < begun.number
    ]
    found = report_of(begun, list(drill.steps.values()), settings.objective_minutes * 60, earlier)
    report = await call(record_report, target.records, found)
    await call(close_drill, target.records, begun.marker(target.names.stack_prefix))
    get_run_logger().info("drill %d: %s", report.number, recovered(report))
    await (report_environments(target) if report.shadow_of else report_board(target))
    await show_page(
        f"drill-report-{target.names.page}",
        f"Drill {report.number} of {report.environment}: {duration(report.seconds)}",
        drill_report_page(report),
    )
    try:
        require_passed(report)
    except DrillFailedError as missed:
        tell(missed_notice(report, missed))
        raise
    return report
