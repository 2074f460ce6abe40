"""What follows from a look: which differences are told, and what to do about each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from tiercel.domain.accounts.findings import Aspect, Finding, Verdict
from tiercel.domain.base.text import printable
from tiercel.domain.drift.observations import LONGEST_REASON, ResourceState, StackDrift
from tiercel.domain.drift.report import DriftFinding, DriftKind, DriftReport
from tiercel.domain.release.ledger import Release, ReleaseStatus
from tiercel.domain.release.live import Live, StackSeen, Standing, standing_of
from tiercel.domain.stack.tokens import attempt_in

WATCHED = (Aspect.SETTINGS, Aspect.TRUST, Aspect.POLICY)
"""What a look for drift compares of roles, buckets and keys: what was provisioned once."""

_WHOLE = "the stack"
_KINDS = {
    ResourceState.MODIFIED: DriftKind.MODIFIED,
    ResourceState.DELETED: DriftKind.DELETED,
    ResourceState.UNKNOWN: DriftKind.UNSEEN,
}
_REVERT = "find out in CloudTrail who changed it; put it into the template, or bring back what was "
_REVERT_BY = "released by `{}`"
_LOOK_AGAIN = "look again once nothing is under way; the reason says what else is missing"
_BY_COMMAND = {
    False: "tiercel deploy REPOSITORY COMMIT --revert-drift",
    True: "tiercel rollback {stack} --to {release} --revert-drift",
}


def drift_of_stack(
    live: Live, seen: StackSeen, drift: StackDrift | None, *, production: bool
) -> list[DriftFinding]:
    """Return what differs of one stack: by its newest operation's token, then by its resources.

    `drift` is None for a stack that is not there.
    """
    standing, words = standing_of(live, seen)
    found = []
    if standing in (Standing.CHANGED, Standing.UNREADABLE):
        known = standing is Standing.CHANGED
        found.append(
            DriftFinding(
                kind=DriftKind.PAST_TIERCEL if known else DriftKind.UNSEEN,
                where=live.stack,
                what=_WHOLE,
                why=words,
                remedy="find out in CloudTrail who changed it; a release brings it back"
                if known
                else "find out who wrote it; whether that release runs is not known",
            )
        )
    if drift is not None:
        found += _resources(drift, _remedy(live, production=production))
    return found


def drift_of_accounts(findings: Iterable[Finding]) -> list[DriftFinding]:
    """Return what of the accounts is not as it was provisioned, and what could not be read.

    What no check can know is no drift, and neither is what only trying can tell.
    """
    watched = [one for one in findings if one.aspect in WATCHED]
    return [
        DriftFinding(
            kind=DriftKind.POLICY,
            where=f"account {one.account}",
            what=f"{one.thing}: {one.what}",
            why=one.why,
            remedy=one.remedy,
        )
        for one in watched
        if one.verdict is Verdict.RED
    ]


def not_looked_at(where: str, what: str, why: str) -> DriftFinding:
    """Return the finding that something could not be looked at."""
    why = printable(why, LONGEST_REASON)
    return DriftFinding(kind=DriftKind.UNSEEN, where=where, what=what, why=why, remedy=_LOOK_AGAIN)


def found_before(
    drift: StackDrift,
    newest: Release | None,
    before: DriftReport | None,
    now: datetime,
    within: timedelta,
) -> tuple[DriftFinding, ...] | None:
    """Return what the look before found of the resources of a stack that Tiercel changes just now.

    CloudFormation looks at no stack that is being changed, and a promotion is not to be kept from
    its end by a look that falls into it: the look before stands. None if it does not, as the
    operation under way is none of the ledger's `newest` release, or that release is not open; or as
    either that release or the look before began longer ago than `within`.
    """
    if newest is None or before is None or newest.status is not ReleaseStatus.OPEN:
        return None
    is_own = attempt_in(drift.at_work, newest.intent.number) > 0
    if not is_own or max(now - newest.intent.at, now - before.at) > within:
        return None
    return tuple(one for one in before.findings if one.where == drift.stack and one.what != _WHOLE)


def overwritten(found: Sequence[DriftFinding], changed: Iterable[str]) -> tuple[DriftFinding, ...]:
    """Return which differences of a stack a plan may overwrite: those of resources it changes."""
    paths = set(changed)
    return tuple(one for one in found if one.what.partition(" ")[0] in paths)


def _resources(drift: StackDrift, remedy: str) -> Iterator[DriftFinding]:
    for one in drift.resources:
        named = f"{one.path} ({one.resource_type})"
        if one.state is ResourceState.UNKNOWN:
            yield not_looked_at(drift.stack, named, one.reason or "CloudFormation could not tell")
            continue
        differs = ", ".join(one.properties)
        why = "it is not there any more" if one.state is ResourceState.DELETED else differs
        yield DriftFinding(
            kind=_KINDS[one.state], where=drift.stack, what=named, why=why, remedy=remedy
        )
    if drift.unseen:
        yield not_looked_at(drift.stack, "resources", drift.unseen)


def _remedy(live: Live, *, production: bool) -> str:
    release = live.running.intent.number if live.running else "NUMBER"
    command = _BY_COMMAND[production].format(stack=live.stack, release=release)
    return _REVERT + _REVERT_BY.format(command)
