"""`tiercel gitflow check` and `enforce`: whether GitHub refuses what would break the promise.

Both speak to GitHub as the caller: whoever protects branches is a person, and no worker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.session import use_administrator
from tiercel.cli.terminal.settings import Settings, shared
from tiercel.domain.base.errors import ExitCode, RefusedInputError, TiercelError

if TYPE_CHECKING:
    from tiercel.domain.organization.topology import Topology
    from tiercel.domain.protection.changes import ProtectionPlan
    from tiercel.domain.protection.findings import ProtectionReport
    from tiercel.domain.protection.needs import ProtectionNeeds

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Whether GitHub demands what the promise needs, and setting it.",
)

_Repository = Annotated[
    str, typer.Argument(help="owner/name; every repository that tiercel.toml names without it.")
]


@app.command("check")
@shared(Settings)
def check(repository: _Repository = "", *, settings: Settings) -> None:
    """Compare branch protection, rulesets and GitHub's environments with what is needed."""
    from tiercel.domain.protection.judging import judge
    from tiercel.tasks.github.protection import read_protection

    topology, needs = _settle(settings)
    output = settings.output
    reports = [
        judge(needs, read_protection.fn(one, needs)) for one in _chosen(topology, repository)
    ]
    output.document("gitflow", {one.repository: _document(one) for one in reports})
    if not settings.as_json:
        for report in reports:
            _show(output, report)
    _end(reports)


@app.command("enforce")
@shared(Settings)
def enforce(
    repository: _Repository = "",
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Set it without asking.")] = False,
    settings: Settings,
) -> None:
    """Set on GitHub what is needed, with your own token, once you have seen what that is."""
    from tiercel.domain.protection.changes import plan
    from tiercel.domain.protection.judging import judge
    from tiercel.tasks.github.protecting import require_person
    from tiercel.tasks.github.protection import read_protection

    topology, needs = _settle(settings)
    output = settings.output
    person = require_person.fn()
    plans = {
        one: plan(needs, read_protection.fn(one, needs)) for one in _chosen(topology, repository)
    }
    wanted = {name: planned for name, planned in plans.items() if planned.changes}
    if not settings.as_json:
        for name, planned in wanted.items():
            _show_plan(output, name, planned)
    if wanted and not yes:
        _confirm(output, person)
    refused = {name: _made(output, name, planned) for name, planned in wanted.items()}
    reports = [judge(needs, read_protection.fn(one, needs)) for one in plans]
    output.document(
        "gitflow",
        {one.repository: _outcome(one, plans[one.repository], refused) for one in reports},
    )
    if not settings.as_json:
        for report in reports:
            _show(output, report)
    _end(reports)


def _settle(settings: Settings) -> tuple[Topology, ProtectionNeeds]:
    """Return what is needed, having become whoever protects branches."""
    from tiercel.domain.protection.needs import protection_needs

    topology = settings.topology()
    if settings.sandbox:
        use_administrator(settings.state)
    return topology, protection_needs(topology)


def _chosen(topology: Topology, repository: str) -> list[str]:
    """Return the repositories that are looked at, by the names that GitHub has for them."""
    from tiercel.domain.triggers.following import followed_repositories
    from tiercel.flows.release.preparation import require_repository

    if repository:
        require_repository(repository, topology)
        return [topology.current_name(repository)]
    named, patterns = followed_repositories(topology)
    if named:
        return named
    raise RefusedInputError(
        "protection.no_repository",
        "it is not said which repository",
        where="organization.repositories",
        why=f"it has {', '.join(patterns) or 'none'}, which names no single one",
        state="nothing was called",
        remedy="name it: tiercel gitflow check OWNER/NAME",
    )


def _confirm(output: Output, person: str) -> None:
    """Ask a person; without a terminal, or for a machine, --yes has to be said."""
    can_ask = not output.as_json and typer.get_text_stream("stdin").isatty()
    if can_ask and typer.confirm(f"Set this on GitHub as {person}?"):
        return
    raise RefusedInputError(
        "protection.not_confirmed",
        "what is planned was not confirmed",
        state="nothing was changed",
        remedy="look at the plan, then add --yes",
    )


def _made(output: Output, name: str, planned: ProtectionPlan) -> dict[str, TiercelError]:
    """Make what is planned, and return what GitHub refused, with the reasons."""
    from tiercel.tasks.github.protecting import make_change

    refused: dict[str, TiercelError] = {}
    for change in planned.changes:
        try:
            make_change.fn(name, change)
        except TiercelError as error:
            refused[change.words] = error
            output.error_note(error)
        else:
            output.done(f"{name}: {change.words}")
    return refused


def _show_plan(output: Output, name: str, planned: ProtectionPlan) -> None:
    rows = [(one.words, one.details) for one in planned.changes]
    output.table(f"{name}: what is set", ("change", "what that is"), rows)
    left = [(one.subject, one.need, one.remedy) for one in planned.afterwards.lacking()]
    if left:
        output.table(f"{name}: what stays for you", ("where", "needed", "remedy"), left)


def _show(output: Output, report: ProtectionReport) -> None:
    rows = [(one.subject, one.need, str(one.verdict), one.by or one.why) for one in report.findings]
    output.table(report.repository, ("where", "needed", "verdict", "by what, or why not"), rows)
    remedies = dict.fromkeys(one.remedy for one in report.lacking())
    for remedy in remedies:
        output.result(f"do: {remedy}")
    output.result(f"{report.repository}: {report.summary()}")


def _outcome(
    report: ProtectionReport, planned: ProtectionPlan, refused: dict[str, dict[str, TiercelError]]
) -> dict[str, Any]:
    failed = refused.get(report.repository, {})
    changes = [
        {
            "what": one.words,
            "details": one.details,
            "error": failed[one.words].failure.document() if one.words in failed else None,
        }
        for one in planned.changes
    ]
    return {"changes": changes, **_document(report)}


def _document(report: ProtectionReport) -> dict[str, Any]:
    return {"findings": [one.model_dump(mode="json") for one in report.findings]}


def _end(reports: list[ProtectionReport]) -> None:
    if any(one.lacking() for one in reports):
        raise typer.Exit(int(ExitCode.CHECK_FAILED))
