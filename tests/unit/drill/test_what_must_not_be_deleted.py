"""Ways to have a drill delete what it must not: each is refused, and by its own protection alone.

A case is taken through every rule that a drill asks, in the drill's order, down to the call that
would delete. Without its own protection each reaches that call.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.adversary.frame import Removal
from tests.support.drills import ACCOUNT, NOON, bucket, held, inventory, resource, running, seen
from tests.support.drills import stack_id as id_of
from tiercel.domain.base.errors import TiercelError
from tiercel.domain.drill.failures import newer_than_the_plan
from tiercel.domain.drill.inventory import Inventory, SeenStack
from tiercel.domain.drill.plan import DrillPlan, changes_since, plan_drill
from tiercel.domain.drill.rules import (
    require_drillable,
    require_no_production,
    require_typed_approval,
)
from tiercel.domain.drill.standing_approval import (
    StandingApproval,
    approved_by,
    waiting_for_approval,
)
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.topology import Topology
from tiercel.domain.release.ledger import Intent
from tiercel.domain.stack import states
from tiercel.domain.stack.observed import Stack
from tiercel.domain.stack.states import StackStatus
from tiercel.domain.teardown.stack_deletion import (
    not_deletable,
    require_deletable,
    require_deletable_name,
)

NAME = "acme-preprod-orders"
ORDERS = seen("orders", resources=(resource(),), data=(held(),))
STANDING = StandingApproval(
    by="ada",
    environment="preprod",
    accounts=(ACCOUNT,),
    stacks=("acme-preprod-*",),
    data=("acme-preprod-*",),
    expires=NOON + timedelta(days=1),
)


@dataclass(frozen=True)
class Case:
    """What is asked of a drill: in all but one thing it is a drill that may go on."""

    environment: str = "preprod"
    there: Inventory = field(default_factory=lambda: inventory(ORDERS))
    intents: dict[str, Intent] | None = None
    read: Callable[[DrillPlan], str] = lambda plan: plan.digest
    """The digest that a person approves, given the plan; empty for a scheduled run."""
    typed: str = "acme-try"
    standing: tuple[StandingApproval, ...] = ()
    now: datetime = NOON
    found: SeenStack | None = None
    """How the stack is found when its turn comes, if not as it was planned."""


def deletes(case: Case, topology: Topology) -> bool:
    """Whether the drill comes to its first call that deletes."""
    names = Names.of(topology, case.environment)
    intents = running(*case.there.stacks) if case.intents is None else case.intents
    try:
        require_no_production(names)
        require_drillable(names, case.there, intents)
        known = {**running(*case.there.stacks), **intents}
        plan = plan_drill("acme", case.environment, case.there, known)
        digest = case.read(plan)
        if digest:
            require_typed_approval(plan, digest, case.typed)
        elif approved_by(plan, case.standing, case.now) is None:
            raise waiting_for_approval(plan, case.standing, case.now)
        _delete_one(names, plan, case.found or case.there.stacks[0])
    except TiercelError:
        return False
    return True


def _delete_one(names: Names, plan: DrillPlan, found: SeenStack) -> None:
    planned = plan.stacks[0]
    changes = changes_since(planned, found)
    if changes:
        raise newer_than_the_plan(planned, changes)
    require_deletable_name(names, found.name)
    stack = Stack(
        found.stack_id, found.name, found.status, "", {}, found.token, found.tags, found.protected
    )
    account = names.environment.runtime_account
    require_deletable(stack, account, names.stack_tags(planned.service), planned.stack_id)
    production = names.environment.production
    action = states.decide(
        stack.status, states.StackGoal.DELETE, production=production, protected=stack.protected
    )
    if action.step is states.Step.REFUSE:
        raise not_deletable(stack, action.reason, action.remedy)


RULES = "domain.drill.rules"
ONE = "domain.teardown.stack_deletion"
APPROVAL = "domain.drill.standing_approval:_exceeding"


_RULES = {
    "_name": "yield error",
    "_tags": "if missing or not expected:",
    "_ledger": "if case.intent and case.names.stack(case.intent.service) != case.stack.name:",
    "_protection": "if case.stack.protected:",
    "_rest": "if not is_terminal(case.stack.status):",
    "_importers": "if foreign:",
    "_retained": "if one.retained and one.named:",
    "_bucket_names": "if one.physical_id not in case.given_up:",
}


def rule(name: str) -> Removal:
    """Takes one rule about stacks out."""
    text = _RULES[name]
    return Removal(f"{RULES}:{name}", text, "if False:" if text.endswith(":") else "yield from ()")


PRODUCTION = (
    Removal(f"{RULES}:require_no_production", "if names.environment.production:", "if False:"),
    Removal(f"{ONE}:require_deletable_name", "if names.environment.production:", "if False:"),
    Removal("domain.stack.states:decide", "if production and", "if False and"),
)
NAMES = (
    rule("_name"),
    rule("_ledger"),
    Removal(f"{ONE}:require_deletable_name", "if not re.fullmatch(", "if False and ("),
)
TAGS = (
    rule("_tags"),
    Removal(f"{ONE}:require_deletable", "if missing or not expected_tags:", "if False:"),
)
LEDGER = (rule("_tags"),)
ACCOUNTS = (
    Removal(f"{RULES}:_of_account", "sorted(accounts - {wanted})", "()"),
    Removal(f"{ONE}:require_deletable", "len(found) < 6 or found[4] != account", "False"),
)
PROTECTED = (
    rule("_protection"),
    Removal("domain.stack.states:decide", "if protected and", "if False and"),
)
BUSY = (rule("_rest"),)
IMPORTED = (rule("_importers"),)
RETAINED = (rule("_retained"),)
BUCKETS = (rule("_bucket_names"),)
DIGEST = (Removal(f"{RULES}:require_typed_approval", "digest != plan.digest", "False"),)
ALIAS = (Removal(f"{RULES}:require_typed_approval", "account_name != plan.alias", "False"),)
SOMEBODY = (
    Removal(
        "domain.drill.standing_approval:approved_by",
        "None)",
        "approvals and approvals[0] or True)",
    ),
)
ELSEWHERE = (Removal(APPROVAL, "approval.environment != plan.environment", "False"),)
EXPIRY = (Removal(APPROVAL, "now >= approval.expires", "False"),)
LISTED_ACCOUNT = (Removal(APPROVAL, "plan.account not in approval.accounts", "False"),)
LISTED_STACK = (Removal(APPROVAL, "not _fits(stack.name, approval.stacks)", "False"),)
LISTED_DATA = (Removal(APPROVAL, "not _fits(held.name, approval.data)", "False"),)
NEWER_ID = (
    Removal("domain.drill.plan:changes_since", "found.stack_id != planned.stack_id", "False"),
    Removal(f"{ONE}:require_deletable", "if expected_id and", "if False and"),
)
NEWER_OPERATION = (
    Removal("domain.drill.plan:changes_since", "found.token != planned.token", "False"),
)
NEWER_RESOURCE = (Removal("domain.drill.plan:changes_since", "not in known]", "in ()]"),)


def only(stack: SeenStack, **changes: Any) -> Case:
    return replace(Case(), there=inventory(stack), **changes)


def named(name: str, service: str = "orders", **changes: Any) -> SeenStack:
    return seen(service, name=name, stack_id=id_of(name), **changes)


def scheduled(*approvals: StandingApproval, **changes: Any) -> Case:
    return replace(Case(), read=lambda _: "", standing=approvals, **changes)


def standing(**changes: Any) -> StandingApproval:
    return STANDING.model_copy(update=changes)


def older(**changes: Any) -> Callable[[DrillPlan], str]:
    """What was approved is a plan that differed in one thing."""
    return lambda plan: plan.model_copy(update=changes).digest


def in_prod(service: str) -> Case:
    """Production with everything as a drill would want it."""
    tags = {
        "tiercel:organization": "acme",
        "tiercel:environment": "prod",
        "tiercel:service": service,
    }
    name = f"acme-prod-{service}"
    there = "444444444444"
    stack = seen(service, name=name, stack_id=id_of(name).replace(ACCOUNT, there), tags=tags)
    return replace(Case(), environment="prod", there=inventory(stack, account=there))


FOREIGN_ID = id_of(NAME).replace(ACCOUNT, "444444444444")
FORGED = ORDERS.tags | {"tiercel:service": "billing"}
OTHER_TAGS = ORDERS.tags | {"tiercel:organization": "other"}
PROD_TAGS = ORDERS.tags | {"tiercel:environment": "prod"}
WITH_NEW = ORDERS.model_copy(update={"resources": (*ORDERS.resources, resource("New"))})

ATTACKS: dict[str, tuple[Case, tuple[Removal, ...]]] = {
    "production": (in_prod("orders"), PRODUCTION),
    "another service of production": (in_prod("catalog"), PRODUCTION),
    "a stack of production in the list": (only(named("acme-prod-orders")), NAMES),
    "a stack of another organization": (only(named("other-preprod-orders")), NAMES),
    "a stack on demand": (only(named("acme-ephemeral-x-orders")), NAMES),
    "a stack whose name has the prefix inside": (only(named(f"x{NAME}")), NAMES),
    "a stack of another account": (only(seen("orders", stack_id=FOREIGN_ID)), ACCOUNTS),
    "credentials of another account": (
        replace(Case(), there=inventory(ORDERS, account="444444444444")), ACCOUNTS,
    ),
    "a stack without tags": (only(seen("orders", tags={})), TAGS),
    "a stack with the tags of another organization": (only(seen("orders", tags=OTHER_TAGS)), TAGS),
    "a stack with the tags of production": (only(seen("orders", tags=PROD_TAGS)), TAGS),
    "tags that a template forged, without a release": (only(ORDERS, intents={}), LEDGER),
    "a stack that the ledger has under another service": (
        only(ORDERS, intents=running(seen("billing", name=NAME))), (rule("_ledger"), *TAGS),
    ),
    "tags forged to those of another service": (only(seen("orders", tags=FORGED)), TAGS),
    "a protected stack": (only(seen("orders", protected=True)), PROTECTED),
    "a stack that was protected since": (
        replace(Case(), found=ORDERS.model_copy(update={"protected": True})), PROTECTED[1:],
    ),
    "a stack that somebody is updating": (
        only(seen("orders", status=StackStatus.UPDATE_IN_PROGRESS)), BUSY,
    ),
    "a stack that is being created": (
        only(seen("orders", status=StackStatus.CREATE_IN_PROGRESS)), BUSY,
    ),
    "exports that a stranger imports": (only(seen("orders", imported_by=("theirs",))), IMPORTED),
    "a retained name": (
        only(seen("orders", resources=(resource(named=True, retained=True),))), RETAINED,
    ),
    "a bucket with a name of its own": (
        only(seen("orders", resources=(bucket(named=True),))), BUCKETS,
    ),
    "no plan that anybody has read": (replace(Case(), read=lambda _: "a" * 64), DIGEST),
    "the first digits of the digest": (replace(Case(), read=lambda plan: plan.digest[:12]), DIGEST),
    "a plan with a stack less": (replace(Case(), read=older(stacks=())), DIGEST),
    "a plan of another account": (replace(Case(), read=older(account="4" * 12)), DIGEST),
    "a plan of another environment": (replace(Case(), read=older(environment="staging")), DIGEST),
    "the alias of another account": (replace(Case(), typed="acme-prod"), ALIAS),
    "no alias": (replace(Case(), typed=""), ALIAS),
    "the account's id where it has an alias": (replace(Case(), typed=ACCOUNT), ALIAS),
    "nobody's approval": (scheduled(), SOMEBODY),
    "a standing approval of another environment": (
        scheduled(standing(environment="staging")), ELSEWHERE,
    ),
    "an expired approval": (scheduled(standing(expires=NOON - timedelta(days=1))), EXPIRY),
    "an approval that expires at this moment": (scheduled(standing(expires=NOON)), EXPIRY),
    "an approval of another account": (scheduled(standing(accounts=("4" * 12,))), LISTED_ACCOUNT),
    "an approval of other stacks": (scheduled(standing(stacks=("acme-preprod-b*",))), LISTED_STACK),
    "an approval of a stack with a shorter name": (
        scheduled(standing(stacks=("acme-preprod-order",))), LISTED_STACK,
    ),
    "an approval without the data": (scheduled(standing(data=())), LISTED_DATA),
    "an approval of other data": (scheduled(standing(data=("acme-preprod-t*",))), LISTED_DATA),
    "a namesake that was made since": (
        replace(Case(), found=ORDERS.model_copy(update={"stack_id": id_of(NAME, 2)})), NEWER_ID,
    ),
    "a release since": (
        replace(Case(), found=ORDERS.model_copy(update={"token": "release-8-attempt-1"})),
        NEWER_OPERATION,
    ),
    "a change by hand since": (
        replace(Case(), found=ORDERS.model_copy(update={"token": ""})), NEWER_OPERATION,
    ),
    "a resource since": (replace(Case(), found=WITH_NEW), NEWER_RESOURCE),
}  # fmt: skip


def test_a_drill_that_nothing_forbids_deletes(topology: Topology) -> None:
    assert deletes(Case(), topology)
    assert deletes(scheduled(STANDING), topology)


def test_there_are_ways_and_protections_enough() -> None:
    assert len(ATTACKS) >= 30
    assert len({removals for _, removals in ATTACKS.values()}) >= 15


@pytest.mark.parametrize("name", ATTACKS)
def test_what_must_not_be_deleted_is_refused_by_its_own_protection(
    name: str, topology: Topology
) -> None:
    case, removals = ATTACKS[name]
    assert not deletes(case, topology)
    with ExitStack() as without:
        for one in removals:
            without.enter_context(one.applied())
        assert deletes(case, topology), "something else stops it as well"
    assert not deletes(case, topology)
