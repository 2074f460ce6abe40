"""`tiercel trigger`: starts what an event on GitHub calls for, in a job of a workflow."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from tiercel.cli.terminal.session import use_sandbox, use_workers
from tiercel.cli.terminal.settings import Settings, shared
from tiercel.cli.terminal.triggered import follow_wanted
from tiercel.cli.terminal.workflow import WorkflowJob, grouped

if TYPE_CHECKING:
    from tiercel.domain.gitflow.triggered_runs import WantedRun

_CREDENTIALS = ("PREFECT_API_AUTH_STRING", "PREFECT_API_KEY")


@shared(Settings)
def trigger(
    environment: Annotated[str, typer.Argument(help="Whose Prefect server this job speaks to.")],
    *,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Make the run and end; else it is followed.")
    ] = False,
    settings: Settings,
) -> None:
    """Start what an event on GitHub calls for; once, however often it is told."""
    job, output = WorkflowJob.of(os.environ), settings.output
    wanted = _wanted(job, settings, environment)
    if isinstance(wanted, str):
        output.line(wanted)
        output.document({"result": "nothing", "reason": wanted})
        job.summarize(wanted)
        job.put(result="nothing")
        return
    _settle(settings, environment, job)
    with grouped(wanted.deployment):
        follow_wanted(output, job, wanted, wait=not no_wait)


def _wanted(job: WorkflowJob, settings: Settings, environment: str) -> WantedRun | str:
    """Return the run that the job is to start, or why there is none."""
    from tiercel.domain.gitflow.events import Nothing, ReleaseAsked, RollbackAsked, action_for
    from tiercel.domain.gitflow.triggered_runs import wanted_run
    from tiercel.domain.gitflow.webhooks import read_event

    topology = settings.topology()
    topology.environment(environment)
    event = read_event(job.event_name, job.payload(), job.commit)
    if isinstance(event, Nothing):
        return event.reason
    wish = job.run_id if isinstance(event, ReleaseAsked | RollbackAsked) else ""
    wanted = wanted_run(action_for(event, topology), topology, wish)
    if isinstance(wanted, Nothing):
        return wanted.reason
    if wanted.environment != environment:
        return f"the event is for {wanted.environment}, whose own job acts on it"
    return wanted


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
