"""When CloudFormation is asked what a pull request would change, with which values, and its answer.

Whoever reads a pull request may read all of this: there is no value in it, neither of a parameter
nor of a property.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tiercel.domain.artifact.manifest import TemplateParameter
from tiercel.domain.base.values import Frozen
from tiercel.domain.gitflow.branches import environment_fed_by
from tiercel.domain.gitflow.pull_requests import PullRequest
from tiercel.domain.organization.services import Service
from tiercel.domain.organization.topology import Topology
from tiercel.domain.stack.plan import Change, Plan
from tiercel.domain.stack.states import StackGoal, StackStatus, Step, decide


class StackPlan(Frozen):
    """What CloudFormation says would change of one stack, or for which `reason` it was not asked.

    `outputs_only` tells that no resource would change, though something would. `unseen` tells that
    it could not look into nested stacks.
    """

    changes: tuple[Change, ...] = ()
    outputs_only: bool = False
    unseen: bool = False
    reason: str = ""

    @classmethod
    def of(cls, plan: Plan) -> StackPlan:
        """Return what may be shown of a plan."""
        return cls(
            changes=plan.changes,
            outputs_only=plan.executable and not plan.changes,
            unseen=bool(plan.unseen),
        )


def not_asked(topology: Topology, pull: PullRequest, *, is_new: bool) -> str:
    """Return why CloudFormation is not asked about a service at all, empty if it may be."""
    fed = environment_fed_by(topology, pull.base_branch)
    if fed is None:
        return "the base branch feeds no environment"
    if fed.name != topology.verifying.name:
        return f"the worker of {topology.verifying.name} must not reach {fed.name}"
    if pull.from_fork:
        return "it comes from a fork"
    if is_new:
        return "it is new, and a change set would leave an empty stack"
    return ""


def not_planned(status: StackStatus | None) -> str:
    """Return why a stack is not planned in a status, None if there is no stack; empty if it is."""
    if status is None:
        return "it has no stack yet, and a change set would leave an empty one"
    if decide(status, StackGoal.DEPLOY, production=False).step is not Step.UPDATE:
        return f"its stack is {status}"
    return ""


@dataclass(frozen=True)
class PlannedValues:
    """The values of parameters; those that are `previous` stay as the stack has them.

    `lacking` has no value yet: an output of another service would be one.
    """

    values: dict[str, str]
    previous: tuple[str, ...]
    lacking: tuple[str, ...]


def planned_values(
    service: Service,
    environment: str,
    declared: Sequence[TemplateParameter],
    given: Mapping[str, str],
    live: Mapping[str, str],
) -> PlannedValues:
    """Return the value of each parameter, as a deploy would find it without asking other stacks.

    `given` are those that packaging added, `live` what the stack has. What may come from a service
    in `depends_on` is taken to stay as it is.
    """
    names = {one.name for one in declared}
    known = {name: value for name, value in given.items() if name in names}
    known = service.parameters_in(environment) | known
    rest = [one for one in declared if one.name not in known]
    previous = tuple(
        one.name for one in rest if one.name in live and (one.required or service.depends_on)
    )
    lacking = tuple(one.name for one in rest if one.required and one.name not in live)
    return PlannedValues(known | {name: live[name] for name in previous}, previous, lacking)
