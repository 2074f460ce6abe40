"""`tiercel trigger`: starts what an event on GitHub calls for, in a job of a workflow."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from tiercel.cli.terminal.running.triggered import follow_all
from tiercel.cli.terminal.running.workflow import WorkflowJob, join_streams, tell_failure
from tiercel.cli.terminal.session import use_sandbox, use_workers
from tiercel.cli.terminal.settings import Settings, shared
from tiercel.domain.base.errors import TiercelError
from tiercel.domain.pages.markdown import escaped
from tiercel.domain.triggers.actions import Nothing
from tiercel.domain.triggers.events import ScheduledWork

if TYPE_CHECKING:
    from tiercel.domain.triggers.triggered_runs import WantedRun

_CREDENTIALS = ("PREFECT_API_AUTH_STRING", "PREFECT_API_KEY")


@shared(Settings)
def trigger(
    environment: Annotated[str, typer.Argument(help="Whose Prefect server this job speaks to.")],
    *,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Make the run and end; else it is followed.")
    ] = False,
    on_schedule: Annotated[
        ScheduledWork | None, typer.Option(help="What a workflow with a schedule does then.")
    ] = None,
    settings: Settings,
) -> None:
    """Start what an event on GitHub calls for; once, however often it is told."""
    output = settings.output
    if not output.as_json:
        join_streams(os.environ)
    try:
        _trigger(settings, environment, on_schedule, wait=not no_wait)
    except TiercelError as error:
        tell_failure(output, error)
        raise typer.Exit(int(error.exit_code)) from error


def _trigger(
    settings: Settings, environment: str, on_schedule: ScheduledWork | None, *, wait: bool
) -> None:
    job, output = WorkflowJob.of(os.environ), settings.output
    wanted = _wanted(job, settings, environment, on_schedule.value if on_schedule else "")
    if isinstance(wanted, str):
        output.line(wanted)
        output.document("trigger", {"result": "nothing", "reason": wanted})
        job.summarize(escaped(wanted))
        job.put(result="nothing")
        return
    _settle(settings, environment, job)
    follow_all(output, job, wanted, wait=wait)


def _wanted(
    job: WorkflowJob, settings: Settings, environment: str, work: str
) -> list[WantedRun] | str:
    """Return the runs that the job is to start, or why there are none."""
    from tiercel.domain.triggers.events import PersonalWish
    from tiercel.domain.triggers.rules import action_for
    from tiercel.domain.triggers.triggered_runs import WantedRun, wanted_run
    from tiercel.domain.triggers.webhooks import JobContext, read_events

    topology = settings.topology()
    topology.environment(environment)
    context = JobContext(job.commit, environment, work)
    events = read_events(job.event_name, job.payload(), context)
    if isinstance(events, Nothing):
        return events.reason
    found = []
    for event in events:
        wish = job.run_id if isinstance(event, PersonalWish) else ""
        found.append(wanted_run(action_for(event, topology), topology, wish))
    wanted = [one for one in found if isinstance(one, WantedRun)]
    mine = [one for one in wanted if one.environment == environment]
    if mine:
        return mine
    if wanted:
        return f"the event is for {wanted[0].environment}, whose own job acts on it"
    return "; ".join(one.reason for one in found if isinstance(one, Nothing))


def _settle(settings: Settings, environment: str, job: WorkflowJob) -> None:
    """Be where the environment's Prefect server can be asked, with its credential if it has one."""
    if settings.sandbox:
        use_sandbox(settings.state, settings.config, environment)
        use_workers(settings.state, environment)
        return
    if any(os.environ.get(name) for name in _CREDENTIALS):
        return
    from tiercel.tasks.aws.workflow_credentials import read_prefect_credential
    from tiercel.tasks.github.workflow_token import read_workflow_token

    token = read_workflow_token(os.environ)
    credential = read_prefect_credential(settings.names(environment), token, job.run_id)
    # Prefect reads its settings when it is imported, which is later.
    os.environ[_CREDENTIALS[0]] = credential
