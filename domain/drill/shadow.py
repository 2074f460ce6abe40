"""The shadow drill: what production has live, rebuilt beside Preprod's stacks and taken down again.

Nothing of production is touched or read: it has told which artifacts run there, and Preprod has
these very artifacts. What an environment on demand cannot have is left out, each with its reason.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from tiercel.domain.base.digests import Sha256
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.drill.deletion import rebuild_waves
from tiercel.domain.drill.plan import DrillPlan, LeftOut, PlannedStack
from tiercel.domain.ephemeral.environments import EphemeralState, EphemeralWish, OriginKind
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.services import Service
from tiercel.domain.release.live_export import LiveArtifact
from tiercel.domain.stack.tokens import release_of

SHADOW_OWNER = "tiercel drill"
"""Whose the environments of shadow drills are; no login on GitHub has a space."""
_SHADOW = "the shadow of "


@dataclass(frozen=True)
class LiveService:
    """What production runs of a service, and the service as that commit describes it, if it does.

    `fixed` says which names its template fixes, which two environments cannot both have.
    """

    live: LiveArtifact
    service: Service | None
    fixed: str = ""


def shadow_title(production: str) -> str:
    """Return what a shadow drill is of, where the others have the name of their environment."""
    return f"{_SHADOW}{production}"


def rebuild_command(title: str) -> str:
    """Return the command that goes on with a drill, given what it is of."""
    shadowed = title.removeprefix(_SHADOW)
    return (
        f"tiercel rebuild {title}" if shadowed == title else f"tiercel rebuild --shadow {shadowed}"
    )


def as_shadow(
    service: Service, production: str, host: str, prod_parameters: Collection[str]
) -> Service:
    """Return a service with the parameters that it gets in the shadow of production.

    Those of `ephemeral`, then the host's; production's only where tiercel.toml names them.
    """
    named = {
        parameter
        for name, _, parameter in (one.partition(".") for one in prod_parameters)
        if name == service.name
    }
    return service.as_on_demand(host).with_parameters_of(production, named)


def parted(
    found: Sequence[LiveService], share: Collection[str]
) -> tuple[dict[str, LiveService], tuple[LeftOut, ...]]:
    """Return what can be rebuilt beside, by service, and what is left out and why.

    Whoever needs something that is left out is left out with it. Of what is shared Preprod's own
    stack lends its outputs.
    """
    reasons = {one.live.service: why for one in found if (why := _unfit(one, share))}
    remaining = {one.live.service: one for one in found if one.live.service not in reasons}
    while True:
        lacking = {
            name: why
            for name, one in remaining.items()
            if (why := _lacks(one, remaining, share, reasons))
        }
        if not lacking:
            break
        reasons |= lacking
        remaining = {name: one for name, one in remaining.items() if name not in lacking}
    left_out = tuple(LeftOut(service=name, why=why) for name, why in sorted(reasons.items()))
    return dict(sorted(remaining.items())), left_out


def _unfit(one: LiveService, share: Collection[str]) -> str:
    if one.live.service in share:
        return "[ephemeral] shares the stack that there is of it"
    if one.service is None:
        return f"commit {one.live.commit} describes no such service"
    return one.fixed


def _lacks(
    one: LiveService,
    remaining: Mapping[str, LiveService],
    share: Collection[str],
    reasons: Mapping[str, str],
) -> str:
    needs = one.service.depends_on if one.service else ()
    for name in needs:
        if name in reasons and name not in share:
            return f"it needs {name}, which is left out"
        if name not in remaining and name not in share:
            return f"it needs {name}, which is not live"
    return ""


def plan_shadow(
    names: Names,
    alias: str,
    production: str,
    parts: Mapping[str, LiveService],
    left_out: Sequence[LeftOut],
) -> DrillPlan:
    """Return the plan of a shadow drill; `names` are those of its environment on demand.

    Raises RefusedInputError if nothing can be rebuilt, and for services that need each other.
    """
    if not parts:
        raise RefusedInputError(
            "drill.nothing_to_shadow",
            f"nothing of what {production} has live can be rebuilt beside it",
            where=f"environment {production}",
            why="; ".join(f"{one.service}: {one.why}" for one in left_out) or "it runs nothing",
            state="nothing was made",
            remedy="let CloudFormation find the names that templates fix, and promote that",
        )
    plan = DrillPlan(
        organization=names.organization,
        environment=shadow_title(production),
        account=names.environment.runtime_account,
        alias=alias,
        stacks=tuple(_planned(names, one, parts) for one in parts.values()),
        shadow_of=production,
        left_out=tuple(left_out),
    )
    rebuild_waves(plan.graph)
    return plan


def _planned(names: Names, one: LiveService, parts: Mapping[str, LiveService]) -> PlannedStack:
    live, needs = one.live, one.service.depends_on if one.service else ()
    return PlannedStack(
        name=names.stack(live.service),
        stack_id="",
        service=live.service,
        token="",
        depends_on=tuple(names.stack(name) for name in sorted(needs) if name in parts),
        number=live.number,
        repository=live.repository,
        commit=live.commit,
        artifact_id=live.artifact_id,
        artifact_digest=live.artifact_digest,
        template_sha256=Sha256(""),
        parameters={},
        outputs={},
    )


def wish_of(plan: DrillPlan, name: str, flow_run: str) -> EphemeralWish:
    """Return the wish for the environment on demand in which a shadow drill rebuilds."""
    by_stack = {one.name: one.service for one in plan.stacks}
    repositories = sorted({one.repository for one in plan.stacks})
    return EphemeralWish(
        name=name,
        owner=SHADOW_OWNER,
        purpose=f"to rebuild what {plan.shadow_of} has live",
        origin=OriginKind.DRILL,
        origin_of=plan.shadow_of,
        repository=", ".join(repositories),
        commit=plan.stacks[0].commit,
        services={
            by_stack[stack]: tuple(by_stack[one] for one in plan.stack(stack).depends_on)
            for wave in plan.rebuild
            for stack in wave
        },
        flow_run=flow_run,
    )


def require_there(state: EphemeralState, name: str) -> None:
    """Raise RefusedInputError if the environment of a drill that rebuilds went down meanwhile."""
    if state in {EphemeralState.COMING_UP, EphemeralState.UP}:
        return
    raise RefusedInputError(
        "drill.shadow_gone",
        f"the environment {name} went down while the drill rebuilt it",
        where=f"environment {name}",
        why=f"it is {state}: somebody took it down, or its time was over",
        state="nothing more is built in it",
        remedy="run the drill again; a longer time is `default_hours` of [ephemeral]",
    )


def require_production(names: Names) -> None:
    """Raise RefusedInputError for an environment that is rebuilt itself."""
    if not names.environment.production:
        raise RefusedInputError(
            "drill.no_production",
            f"{names.environment.name} is no production",
            where=f"environment {names.environment.name}",
            why="a shadow drill is for what no drill may delete",
            state="nothing was called",
            remedy=f"rebuild it itself: `tiercel rebuild {names.environment.name}`",
        )


def require_one_subject(environment: str, shadowed: str) -> None:
    """Raise RefusedInputError unless a drill is of one thing: of itself, or of a shadow."""
    if bool(environment) != bool(shadowed):
        return
    raise RefusedInputError(
        "drill.no_one_subject",
        "a drill is of one environment",
        where="the environment and --shadow",
        why="both are given" if environment else "neither is given",
        state="nothing was called",
        remedy="name an environment that is rebuilt itself, or with --shadow the production whose "
        "live artifacts are",
    )


def compared_shadow(planned: PlannedStack, number: int, token: str | None) -> tuple[str, ...]:
    """Return what is not as the drill built it: `token` is that of the stack's newest operation.

    None stands for a stack that is not there, `number` for the release that built it.
    """
    if token is None:
        return ("it is not there",)
    newest = release_of(token)
    if newest is None or newest[0] != number:
        return (f"{planned.service} was changed since, past the drill",)
    return ()
