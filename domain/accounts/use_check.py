"""Rules for what was really done in the accounts, and for the accounts themselves."""

from __future__ import annotations

from collections.abc import Iterable

from tiercel.domain.accounts.by_hand import StackByHand
from tiercel.domain.accounts.findings import Aspect, Finding, Thing
from tiercel.domain.accounts.observations import Quota, Unread
from tiercel.domain.accounts.policy_check import unread
from tiercel.domain.organization.topology import BuildPlace

_MOST_SKEW_SECONDS = 60
_NEAR = 0.9
_AUDIENCE = "sts.amazonaws.com"
# AWS says so when a signature's time is off:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html
_WRONG_TIMES = ("RequestTimeTooSkewed", "Signature expired", "Signature not yet current")


def worked(thing: Thing, rule: str, seen: object, remedy: str) -> Finding:
    """What was tried came to its end; anything but an Unread is a success."""
    if not isinstance(seen, Unread):
        return thing.green(Aspect.USE, rule)
    if seen.passing:
        return thing.unknown(Aspect.USE, rule, seen.why)
    return thing.red(Aspect.USE, rule, f"{rule}: it does not work", why=seen.why, remedy=remedy)


def clock_is_right(thing: Thing, seen: float | Unread) -> Finding:
    """The local clock is at most a minute off AWS's. `seen` has the seconds it is ahead.

    AWS refuses what was signed five minutes ago, S3 what was signed fifteen:
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
    """
    remedy = "let the machine keep time, by chrony or systemd-timesyncd"
    why = "AWS refuses requests whose time is five minutes off, and sessions are renewed late"
    if isinstance(seen, Unread):
        if any(words in seen.why for words in _WRONG_TIMES):
            what = "AWS refuses the time of this machine"
            return thing.red(Aspect.USE, "clock", what, why=seen.why, remedy=remedy)
        return thing.unknown(Aspect.USE, "clock", seen.why)
    if abs(seen) <= _MOST_SKEW_SECONDS:
        return thing.green(Aspect.USE, "clock")
    what = f"the clock is {abs(seen):.0f} seconds {'ahead of' if seen > 0 else 'behind'} AWS's"
    return thing.red(Aspect.USE, "clock", what, why=why, remedy=remedy)


def external_id_is_taken(
    things: Iterable[Thing], external_id: str, seen: Iterable[object], remedy: str
) -> list[Finding]:
    """Both roles of the RuntimeAccount, which demand the same external id, were assumed.

    If both refuse, the one thing that they have in common is the likely reason.
    """
    outcomes = list(seen)
    if not all(isinstance(one, Unread) and not one.passing for one in outcomes):
        return []
    return [
        thing.red(
            Aspect.TRUST,
            "external id",
            f"every role of the RuntimeAccount refuses, perhaps the external id {external_id}",
            why="an external id that is not the trust's is refused like any stranger",
            remedy=f"compare external_id in tiercel.toml with the roles' trust; {remedy}",
        )
        for thing in things
    ]


def are_protected(thing: Thing, seen: tuple[StackByHand, ...] | Unread) -> Finding:
    """Every stack of production is protected against termination."""
    rule = "termination protection"
    if isinstance(seen, Unread):
        return unread(thing, Aspect.SETTINGS, rule, seen)
    if not seen:
        return thing.green(Aspect.SETTINGS, rule)
    names = ", ".join(one.stack_id.split("/")[1] for one in seen)
    return thing.red(
        Aspect.SETTINGS,
        rule,
        f"stacks have no termination protection: {names}",
        why="one call of somebody who may delete stacks takes them down",
        remedy=f"the next release that changes one protects it; or {seen[0].protection()}",
    )


def builds_are_held(thing: Thing, seen: BuildPlace | Unread) -> Finding:
    """What nobody has reviewed runs where it cannot do what the worker may."""
    rule = "builds"
    if isinstance(seen, Unread):
        remedy = "see what the reason asks for, on the machine of the worker"
        return worked(thing, rule, seen, remedy).model_copy(update={"aspect": Aspect.SETTINGS})
    if seen is BuildPlace.HERE:
        why = "they run `here`, as the worker's user, where nothing holds them back"
        return thing.unknown(Aspect.SETTINGS, rule, why)
    return thing.green(Aspect.SETTINGS, rule)


def accepts_github(thing: Thing, remedy: str, seen: tuple[str, ...] | Unread | None) -> Finding:
    """IAM knows GitHub as an issuer of tokens, for the audience that the trust names."""
    rule = "identity provider"
    if isinstance(seen, Unread):
        return worked(thing, rule, seen, remedy).model_copy(update={"aspect": Aspect.SETTINGS})
    if seen is not None and _AUDIENCE in seen:
        return thing.green(Aspect.SETTINGS, rule)
    what = f"the provider does not accept the audience {_AUDIENCE}"
    if seen is None:
        what = "there is no identity provider for GitHub's tokens"
    why = "workflows cannot become the trigger role"
    return thing.red(Aspect.SETTINGS, rule, what, why=why, remedy=remedy)


def quotas_have_room(thing: Thing, rule: str, seen: tuple[Quota, ...] | Unread) -> list[Finding]:
    """Less than nine tenths of each quota are used."""
    if isinstance(seen, Unread):
        return [thing.unknown(Aspect.LIMITS, rule, seen.why)]
    return [_has_room(thing, quota) for quota in seen]


def _has_room(thing: Thing, quota: Quota) -> Finding:
    if quota.used < _NEAR * quota.most:
        return thing.green(Aspect.LIMITS, quota.name)
    return thing.red(
        Aspect.LIMITS,
        quota.name,
        f"{quota.used} of {quota.most} {quota.name} are used",
        why="what goes beyond is refused in the middle of a release",
        remedy="delete what is not needed, or ask AWS for a higher quota",
    )
