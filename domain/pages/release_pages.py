"""What runs show of themselves in the Prefect UI: one Markdown page for each thing.

Names of services, parameters, people and files come from the outside and are made harmless.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tiercel.domain.approvals.found_waits import UnreadableWait
from tiercel.domain.approvals.plans import WaitingPromotion
from tiercel.domain.base.digests import short
from tiercel.domain.gitflow.pull_requests import PullRequest
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.topology import BuildPlace
from tiercel.domain.pages.frame import page, place, stack_link
from tiercel.domain.pages.links import Links
from tiercel.domain.pages.markdown import code, escaped, table
from tiercel.domain.release.ledger import Release, ReleaseStatus, is_candidate
from tiercel.domain.release.live import Live, open_since, unreadable_words
from tiercel.domain.release.opened_gates import each_once
from tiercel.domain.release.promotion import verified_in

_LONGEST_OUTPUT = 200
_BOARD = ("service", "release", "since (UTC)", "commit", "artifact", "by", "verified in", "run")


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
    return page(
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
            code(short(release.intent.artifact_digest)),
            _seconds(release) if changed else "",
            _verified_words(release),
        )
        for release, changed in releases
    ]
    header = ("service", "this run", "release", "commit", "artifact", "took", "verified in")
    opened = each_once(*(release.intent.opened for release, _ in releases))
    gates = [f"**{escaped(one.words)}**" for one in opened]
    parts = (*gates, *_answers(releases), *_traffic(releases, links, names))
    return page(title, place(names), table(header, lines), *parts)


def candidate_page(
    source: str, branch: str, rows: Iterable[tuple[Release, bool]], links: Links, names: Names
) -> str:
    """Return which release verified each service of a commit, and whether this run made it.

    `source` is Markdown that names the commit, `branch` comes from the outside.
    """
    lines = [
        (
            _stack_of(release, links, names),
            "**verified**" if tried else "verified before",
            escaped(_verified_by(release)),
            links.commit(release.intent.repository, release.intent.commit),
            code(short(release.intent.artifact_digest)),
            _seconds(release),
        )
        for release, tried in rows
    ]
    header = ("service", "this run", "in", "commit", "artifact", "took")
    return page(
        f"Candidate: {source} of {escaped(branch)}",
        place(names),
        table(header, lines),
        "Its merge is promoted with these very artifacts. The stacks run what they ran before.",
    )


def superseded_page(source: str, by: str) -> str:
    """Return why a commit, which `source` names in Markdown, is not deployed."""
    return page(
        f"Superseded: {source}",
        f"What this run had not released yet is left alone: {escaped(by)}.",
        "To go back to an older release, use `tiercel rollback`.",
    )


_UNPROTECTED = (
    "**Builds run `here`**, on the worker as the worker's user: what nobody has reviewed may do "
    "whatever the worker may."
)


@dataclass(frozen=True)
class Unfinished:
    """What people have yet to do: merge what brings releases back into develop, give a word.

    `back_merges` is None where GitHub could not be asked for them; `unreadable` may wait, too.
    """

    back_merges: Sequence[PullRequest] | None = ()
    waiting: Sequence[WaitingPromotion] = ()
    unreadable: Sequence[UnreadableWait] = ()


_FINISHED = Unfinished()


def release_board(
    live: Iterable[Live],
    runs: Mapping[str, str],
    links: Links,
    names: Names,
    where: BuildPlace = BuildPlace.ISOLATED,
    unfinished: Unfinished = _FINISHED,
) -> str:
    """Return what is live in an environment, since when and by whom, as the ledger has it.

    `runs` has the address of each flow run that can be looked at; of the place of builds it is
    told if it protects nothing.
    """
    live = list(live)
    waiting = [one for one in unfinished.waiting if not _is_carried_out(one, live)]
    lines = [
        _board_line(release, one, runs, links, names) if release else _unreadable_line(one)
        for one in live
        if (release := one.running or one.open) or one.unreadable
    ]
    return page(
        f"What is live in {names.environment.name}",
        place(names),
        table(_BOARD, lines) if lines else "Nothing is deployed yet.",
        *(_waiting_line(one, links) for one in waiting),
        *map(_unreadable_wait, unfinished.unreadable),
        "As the ledger has it. `tiercel status` also looks at the stacks.",
        *_back_merge_lines(unfinished.back_merges, links),
        *([_UNPROTECTED] if where is BuildPlace.HERE else []),
    )


def _is_carried_out(waiting: WaitingPromotion, live: Iterable[Live]) -> bool:
    """Tell whether a promotion released something since it began to wait: it has its word then.

    The run that carries it out writes the board before it ends the wait.
    """
    running = [one.running.intent for one in live if one.running]
    return any(
        (intent.repository, intent.commit) == (waiting.repository, waiting.commit)
        and intent.at >= waiting.at
        for intent in running
    )


def _waiting_line(one: WaitingPromotion, links: Links) -> str:
    asked = f", asked for by {escaped(one.asked_by.name)}" if one.asked_by.name else ""
    return (
        f"**Waiting for a word:** {links.commit(one.repository, one.commit)}{asked}, until "
        f"{_moment(one.expires_at)} UTC; plan {code(one.plan_digest)}"
    )


def _unreadable_wait(one: UnreadableWait) -> str:
    return (
        f"**What waits of {escaped(one.repository)} cannot be read:** "
        f"{escaped(one.failure.what)} ({code(one.failure.code)})"
    )


def _back_merge_lines(pulls: Sequence[PullRequest] | None, links: Links) -> list[str]:
    if pulls is None:
        return ["Open back-merges are not known: GitHub could not be asked when this was written."]
    return [_back_merge_line(one, links) for one in pulls]


def _back_merge_line(pull: PullRequest, links: Links) -> str:
    number = links.pull_request(pull.repository, pull.number)
    return (
        f"**Open back-merge:** {escaped(pull.repository)} {number} into {code(pull.base_branch)}, "
        "when this was written."
    )


def _board_line(
    release: Release,
    live: Live,
    runs: Mapping[str, str],
    links: Links,
    names: Names,
) -> tuple[str, ...]:
    return (
        _stack_of(release, links, names),
        f"{release.intent.number}{_verdict(release)}{_passing(release)}{_doubt(live)}"
        + _opened(release),
        _moment(release.outcome.at if release.outcome else release.intent.at),
        links.commit(release.intent.repository, release.intent.commit),
        code(short(release.intent.artifact_digest)),
        escaped(_person(release.intent.requested_by)),
        _verified_words(release),
        _run(release.intent.flow_run, runs),
    )


def _unreadable_line(live: Live) -> tuple[str, ...]:
    return (code(live.stack), _doubt(live).removeprefix(": "), *[""] * (len(_BOARD) - 2))


def _stack_of(release: Release, links: Links, names: Names) -> str:
    stack_id = release.outcome.stack_id if release.outcome else ""
    return stack_link(release.intent.service, stack_id, links, names)


def _verified_by(release: Release) -> str:
    """Return the words of a release that verified its own artifact."""
    found = verified_in(release)
    return found.words if found else ""


def _verified_words(release: Release) -> str:
    """Return in which release a promoted artifact was verified."""
    found = release.intent.verified_in
    return escaped(found.words) if found else ""


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


def _traffic(releases: Sequence[tuple[Release, bool]], links: Links, names: Names) -> list[str]:
    """Return what traffic these releases shifted; what only goes back has no line of its own."""
    account, region = names.environment.runtime_account, names.environment.region
    lines = [
        (
            escaped(release.intent.service),
            links.shift(one.deployment, account, region),
            escaped(one.what),
            code(one.configuration),
            f"{one.percent:g} %",
            escaped(one.took),
        )
        for release, changed in releases
        for one in (release.outcome.traffic if changed and release.outcome else ())
        if not one.is_way_back
    ]
    header = ("service", "deployment", "of", "by", "share", "took")
    return ["## Traffic", table(header, lines)] if lines else []


def _verdict(release: Release) -> str:
    return ": **its smoke test failed**" if release.status is ReleaseStatus.FAILED else ""


def _passing(release: Release) -> str:
    """Return that a stack runs what is not there to stay."""
    if not is_candidate(release.intent):
        return ""
    return f": **a candidate of {escaped(release.intent.branch)}**"


def _opened(release: Release) -> str:
    """Return which gates were opened for a release, by whom and why."""
    return "".join(f": **{escaped(one.words)}**" for one in release.intent.opened)


def _doubt(live: Live) -> str:
    """Return what may be newer than the release that is shown."""
    if live.unreadable:
        return f": **{unreadable_words(live.unreadable)}**"
    return f": **{open_since(live.open)}**" if live.open else ""


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def _seconds(release: Release) -> str:
    return f"{release.outcome.seconds:.1f} s" if release.outcome else ""


def _person(arn: str) -> str:
    """Return the end of an ARN, by which people know each other."""
    return arn.rpartition("/")[2] or arn


def _run(flow_run: str, runs: Mapping[str, str]) -> str:
    return f"[run]({runs[flow_run]})" if runs.get(flow_run) else ""
