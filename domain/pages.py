"""What runs show of themselves in the Prefect UI: one Markdown page for each thing.

Names of services, parameters, people and files come from the outside and are made harmless.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from domain.errors import TiercelError
from domain.ledger import Release, ReleaseStatus
from domain.links import Links
from domain.markdown import code, code_block, escaped, table
from domain.names import Names
from domain.needed_actions import RoleCheck
from domain.plan import Change, Plan
from domain.pull_requests import Check, CheckState, PullRequest

_LONGEST_OUTPUT = 200
_LONGEST_TEXT = 4_000
_BOARD = ("service", "release", "since (UTC)", "commit", "artifact", "by", "run")
_LACKING = ("resource", "type", "cannot do without", "may need", "seldom needed")
_TITLES = {"where": "Where", "why": "Why", "now": "How things stand", "do": "What to do"}


def plan_page(plan: Plan, links: Links, names: Names, check: RoleCheck) -> str:
    """Return every change of a stack: replacements marked, permissions apart, what is lacking."""
    permissions = [change for change in plan.changes if change.changes_permissions]
    others = [change for change in plan.changes if not change.changes_permissions]
    parameters = [
        (code(name), code(value) if value else "*empty*")
        for name, value in sorted(plan.parameters.items())
    ]
    return _page(
        f"Plan of {_stack(plan.stack, plan.stack_id, links, names)}",
        f"{plan.summary()}. {_place(names)}",
        f"Plan digest {code(plan.digest)}",
        "## Resources",
        _changes(others),
        "## Permissions",
        _changes(permissions),
        "## Permissions that the service role lacks",
        _lacking(check),
        "## Parameters",
        table(("name", "value"), parameters) if parameters else "none",
    )


def publication_page(
    source: str, rows: Iterable[tuple[str, bool, int, str, str]], places: str
) -> str:
    """Return the artifact of each service: name, built, new packages, artifact id, digest.

    `source` is Markdown that names the commit, `places` the bucket.
    """
    lines = [
        (escaped(name), "**built**" if built else "unchanged", str(new), code(id_), code(digest))
        for name, built, new, id_, digest in rows
    ]
    return _page(
        f"Artifacts of {source}",
        table(("service", "this run", "new packages", "artifact id", "digest"), lines),
        f"In {code(places)}",
    )


def release_page(
    title: str, rows: Iterable[tuple[Release, bool]], links: Links, names: Names
) -> str:
    """Return what one run released: each release, and whether this run changed the stack."""
    releases = list(rows)
    lines = [
        (
            _stack_of(release, links, names),
            "**released**" if changed else "unchanged",
            str(release.intent.number),
            links.commit(release.intent.repository, release.intent.commit),
            code(release.intent.artifact_digest[:12]),
            _seconds(release) if changed else "",
        )
        for release, changed in releases
    ]
    header = ("service", "this run", "release", "commit", "artifact", "took")
    return _page(title, _place(names), table(header, lines), *_answers(releases))


def superseded_page(source: str, by: str) -> str:
    """Return why a commit, which `source` names in Markdown, is not deployed."""
    return _page(
        f"Superseded: {source}",
        f"What this run had not released yet is left alone: {escaped(by)}.",
        "To go back to an older release, use `tiercel rollback`.",
    )


def release_board(
    releases: Iterable[Release], runs: Mapping[str, str], links: Links, names: Names
) -> str:
    """Return what is live in an environment, since when and by whom.

    `runs` has the address of each flow run that can be looked at.
    """
    lines = [
        (
            _stack_of(release, links, names),
            f"{release.intent.number}{_verdict(release)}",
            _moment(release.outcome.at if release.outcome else release.intent.at),
            links.commit(release.intent.repository, release.intent.commit),
            code(release.intent.artifact_digest[:12]),
            escaped(_person(release.intent.requested_by)),
            _run(release.intent.flow_run, runs),
        )
        for release in releases
    ]
    return _page(
        f"What is live in {names.environment.name}",
        _place(names),
        table(_BOARD, lines) if lines else "Nothing is deployed yet.",
    )


def verification_page(pull: PullRequest, commit: str, checks: Sequence[Check], links: Links) -> str:
    """Return the verdict on a pull request and on each of its services."""
    rows = [(code(one.context), _state(one.state), escaped(one.description)) for one in checks]
    details = [
        f"### {escaped(one.context)}\n\n{code_block(one.details)}" for one in checks if one.details
    ]
    return _page(
        f"Pull request {links.pull_request(pull.repository, pull.number)} "
        f"of {escaped(pull.repository)}",
        f"{escaped(pull.title)}, by {escaped(pull.author)}, "
        f"at {links.commit(pull.repository, commit)}",
        table(("status", "state", "result"), rows),
        *details,
    )


def failure_page(error: TiercelError) -> str:
    """Return what failed, where, why, how things stand and what to do."""
    parts = {name: text for name, text in error.parts().items() if name in _TITLES}
    sections = [
        f"## {_TITLES[name]}\n\n"
        + (code_block(text) if name == "why" else escaped(text, _LONGEST_TEXT))
        for name, text in parts.items()
    ]
    return _page(escaped(error.what), *sections)


def _page(title: str, *parts: str) -> str:
    return f"# {title}\n\n" + "\n\n".join(parts) + "\n"


def _place(names: Names) -> str:
    environment = names.environment
    return f"RuntimeAccount {environment.runtime_account}, region {environment.region}"


def _stack(text: str, stack_id: str, links: Links, names: Names) -> str:
    environment = names.environment
    return links.stack(text, stack_id, environment.runtime_account, environment.region)


def _stack_of(release: Release, links: Links, names: Names) -> str:
    stack_id = release.outcome.stack_id if release.outcome else ""
    return _stack(release.intent.service, stack_id, links, names)


def _state(state: CheckState) -> str:
    return (
        state.value if state in (CheckState.SUCCESS, CheckState.PENDING) else f"**{state.value}**"
    )


def _answers(releases: Sequence[tuple[Release, bool]]) -> list[str]:
    """Return the outputs of the stacks and what their smoke tests got."""
    outputs = [
        (escaped(release.intent.service), code(name), escaped(value[:_LONGEST_OUTPUT]))
        for release, _ in releases
        for name, value in (release.outcome.outputs if release.outcome else {}).items()
    ]
    tests = [
        (escaped(release.intent.service), code(release.outcome.smoke_test[:_LONGEST_OUTPUT]))
        for release, _ in releases
        if release.outcome and release.outcome.smoke_test
    ]
    parts = []
    if outputs:
        parts += ["## Outputs", table(("service", "output", "value"), outputs)]
    if tests:
        parts += ["## Smoke tests", table(("service", "answer"), tests)]
    return parts


def _changes(changes: Sequence[Change]) -> str:
    if not changes:
        return "none"
    rows = [
        (
            change.action,
            _replacement(change),
            code(change.logical_id),
            escaped(change.resource_type),
            escaped(", ".join(change.properties)),
        )
        for change in changes
    ]
    return table(("action", "replacement", "resource", "type", "properties"), rows)


def _lacking(check: RoleCheck) -> str:
    """Return what lacks for each resource, and the types about which AWS publishes nothing."""
    rows = [
        (
            code(lack.logical_id),
            escaped(lack.resource_type),
            *(", ".join(map(code, one)) for one in (lack.certain, lack.possible, lack.seldom)),
        )
        for lack in check.lacks
    ]
    parts = [table(_LACKING, rows) if rows else "none that is known"]
    if check.unknown:
        types = ", ".join(map(code, check.unknown))
        parts.append(f"AWS publishes no needed permissions for {types}: not checked.")
    return "\n\n".join(parts)


def _replacement(change: Change) -> str:
    if change.replaces:
        return "**replaced**"
    return "may be replaced" if change.may_replace else ""


def _verdict(release: Release) -> str:
    return ": **its smoke test failed**" if release.status is ReleaseStatus.FAILED else ""


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def _seconds(release: Release) -> str:
    return f"{release.outcome.seconds:.1f} s" if release.outcome else ""


def _person(arn: str) -> str:
    """Return the end of an ARN, by which people know each other."""
    return arn.rpartition("/")[2] or arn


def _run(flow_run: str, runs: Mapping[str, str]) -> str:
    return f"[run]({runs[flow_run]})" if runs.get(flow_run) else ""
