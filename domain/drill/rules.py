"""What forbids a drill: every reason by itself, each with its remedy."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from tiercel.domain.base.digests import PlanDigest, Sha256, short
from tiercel.domain.base.errors import RefusedInputError, TiercelError, combined
from tiercel.domain.base.git_names import short_commit
from tiercel.domain.drill.inventory import Inventory, SeenStack
from tiercel.domain.drill.plan import DrillPlan
from tiercel.domain.organization.names import Names
from tiercel.domain.release.ledger import Intent, is_candidate
from tiercel.domain.stack.states import is_terminal
from tiercel.domain.teardown.stack_deletion import BUCKET_TYPE, require_deletable_name

_UNTOUCHED = "nothing was deleted"
_UNHEEDED = {
    "--shadow": ("--approve", "--account", "--free-name", "--foundation", "--give-up"),
    "--foundation": ("--give-up",),
    "--plan-only": ("--approve", "--account", "--give-up"),
}
"""Options of `tiercel rebuild` of which nothing is heard beside another one."""


def require_no_production(names: Names) -> None:
    """Raise RefusedInputError for production, before anything is called."""
    if names.environment.production:
        raise RefusedInputError(
            "drill.production",
            f"{names.environment.name} is never deleted",
            where=f"environment {names.environment.name}",
            why="it is production",
            state="nothing was called",
            remedy="name an environment that is no production",
        )


def require_heeded(given: Collection[str]) -> None:
    """Raise RefusedInputError for options of the command that would be ignored as they are given.

    Who gives a drill up while it goes on deleting has asked for the contrary of what happens.
    """
    for other, unheeded in _UNHEEDED.items():
        found = [one for one in unheeded if one in given]
        if other in given and found:
            raise _unheeded(found, f"{other} takes none of it", f", or {other}")
    if "--account" in given and "--approve" not in given:
        raise _unheeded(["--account"], "it is typed with a digest", ", or give --approve with it")


def _unheeded(options: list[str], why: str, otherwise: str) -> RefusedInputError:
    told = ", ".join(options)
    return RefusedInputError(
        "drill.option_unheeded",
        f"{told} would not be heeded",
        where=told,
        why=why,
        state="nothing was called",
        remedy=f"leave out {told}{otherwise}",
    )


def require_drillable(
    names: Names,
    inventory: Inventory,
    running: Mapping[str, Intent],
    given_up: Collection[str] = (),
) -> None:
    """Raise RefusedInputError with every reason for which this must not be deleted.

    `given_up` are the names of buckets that may become anybody's.
    """
    require_no_production(names)
    found: list[TiercelError] = [*_of_account(names, inventory)]
    for stack in inventory.stacks:
        found += [
            error
            for rule in _RULES
            for error in rule(_Case(names, inventory, running, given_up, stack))
        ]
    if found:
        raise combined(found)


class _Case:
    """One stack, and all that its rules look at."""

    def __init__(
        self,
        names: Names,
        inventory: Inventory,
        running: Mapping[str, Intent],
        given_up: Collection[str],
        stack: SeenStack,
    ) -> None:
        self.names = names
        self.stack = stack
        self.known = {one.name for one in inventory.stacks}
        self.intent = running.get(stack.name)
        self.given_up = given_up


def _of_account(names: Names, inventory: Inventory) -> Iterator[RefusedInputError]:
    wanted = names.environment.runtime_account
    accounts = {inventory.account, *(one.stack_id.split(":")[4] for one in inventory.stacks)}
    for account in sorted(accounts - {wanted}):
        yield RefusedInputError(
            "drill.wrong_account",
            "stacks of another account were found",
            where=f"account {account}",
            why=f"the RuntimeAccount of {names.environment.name} is {wanted}",
            state=_UNTOUCHED,
            remedy="correct the accounts in tiercel.toml",
        )
    if not inventory.stacks:
        yield RefusedInputError(
            "drill.nothing_there",
            f"{names.environment.name} has no stack",
            where=f"account {wanted}",
            state=_UNTOUCHED,
            remedy="release something first",
        )


def _name(case: _Case) -> Iterator[TiercelError]:
    try:
        require_deletable_name(case.names, case.stack.name)
    except RefusedInputError as error:
        yield error


def _tags(case: _Case) -> Iterator[TiercelError]:
    stack = case.stack
    expected = case.names.stack_tags(case.intent.service) if case.intent else {}
    missing = [f"{key}={value}" for key, value in expected.items() if stack.tags.get(key) != value]
    if missing or not expected:
        yield _refused(
            "drill.stack_not_ours", stack, "was not made by Tiercel",
            f"it has not the tags {', '.join(missing)}" if expected else
            "the ledger of this environment has no release that it runs",
            "whoever made it deletes it; or, if it is Tiercel's, release its service again",
        )  # fmt: skip


def _ledger(case: _Case) -> Iterator[TiercelError]:
    """A tag that a template forged does not bring a stack into the ledger under another name."""
    if case.intent and case.names.stack(case.intent.service) != case.stack.name:
        yield _refused(
            "drill.other_service", case.stack, "is not that of the service in the ledger",
            f"the ledger says {case.intent.service}", "find out who wrote that entry",
        )  # fmt: skip


def _candidate(case: _Case) -> Iterator[TiercelError]:
    """Whoever rebuilt it would keep for good what is there only to be verified."""
    if case.intent and is_candidate(case.intent):
        yield _refused(
            "drill.runs_candidate", case.stack, "runs a candidate",
            f"release {case.intent.number} was there to be verified, and its run was killed",
            "deploy what is to stay, which puts the stack in order",
        )  # fmt: skip


def _protection(case: _Case) -> Iterator[TiercelError]:
    if case.stack.protected:
        yield _refused(
            "drill.protected", case.stack, "is protected against termination", "",
            "an administrator of the account takes the termination protection off",
        )  # fmt: skip


def _rest(case: _Case) -> Iterator[TiercelError]:
    if not is_terminal(case.stack.status):
        yield _refused(
            "drill.stack_busy", case.stack, "is being changed", f"it is {case.stack.status}",
            "wait for its end, then run it again",
        )  # fmt: skip


def _importers(case: _Case) -> Iterator[TiercelError]:
    foreign = sorted(set(case.stack.imported_by) - case.known)
    if foreign:
        yield _refused(
            "drill.imported_elsewhere", case.stack, "cannot go: others import its exports",
            f"{', '.join(foreign)} import them and are not of this drill",
            "delete those stacks first, or take their imports off",
        )  # fmt: skip


def _retained(case: _Case) -> Iterator[TiercelError]:
    for one in case.stack.resources:
        if one.retained and one.named:
            yield _refused(
                "drill.retained_name", case.stack, "could not be built again",
                f"{one.path} is retained, and its name {one.physical_id} would be taken",
                "let CloudFormation name it, or take the DeletionPolicy off and release that",
            )  # fmt: skip


def _bucket_names(case: _Case) -> Iterator[TiercelError]:
    for one in case.stack.resources:
        if one.resource_type != BUCKET_TYPE or not one.named or one.retained:
            continue
        if one.physical_id not in case.given_up:
            yield _refused(
                "drill.name_would_be_free", case.stack, "has a bucket with a name of its own",
                f"once {one.physical_id} is deleted, its name is anybody's, and if it were kept, "
                "the stack could not be built again",
                "let CloudFormation name it; or, if the name may be lost, name it in the approval",
            )  # fmt: skip


_RULES: tuple[Callable[[_Case], Iterator[TiercelError]], ...] = (
    _name,
    _tags,
    _ledger,
    _candidate,
    _protection,
    _rest,
    _importers,
    _retained,
    _bucket_names,
)


def require_typed_approval(plan: DrillPlan, digest: str, account_name: str) -> None:
    """Return if a person approved exactly this plan and knows which account it is in.

    Raises RefusedInputError for another digest, or another alias (or id) of the account.
    """
    if digest != plan.digest:
        raise RefusedInputError(
            "drill.other_plan",
            "what would be deleted now is not what was approved",
            where=f"environment {plan.environment}",
            why=f"the plan is {short(plan.digest)}, approved was {short(_as_digest(digest))}",
            state=_UNTOUCHED,
            remedy="read the plan of now, and approve its digest",
        )
    if account_name != plan.alias:
        raise RefusedInputError(
            "drill.other_account",
            "the account is not called that",
            where=f"account {plan.account}",
            why=f"what was typed is {account_name!r}",
            state=_UNTOUCHED,
            remedy="type the alias of the RuntimeAccount, or its id if it has none",
        )


def of_another_source(service: str, stack: str, repository: str, commit: str) -> RefusedInputError:
    """Return the error of an artifact that its commit does not describe any more."""
    return RefusedInputError(
        "drill.artifact_gone",
        f"{service} could not be rebuilt: its artifact is gone",
        where=f"stack {stack}",
        why=f"commit {short_commit(commit)} of {repository} has no such source",
        state=_UNTOUCHED,
        remedy="release its service again, then plan again",
    )


def _as_digest(text: str) -> PlanDigest:
    return PlanDigest(Sha256(text))


def _refused(code: str, stack: SeenStack, what: str, why: str, remedy: str) -> RefusedInputError:
    return RefusedInputError(
        code,
        f"stack {stack.name} {what}",
        where=f"stack {stack.stack_id}",
        why=why,
        state=_UNTOUCHED,
        remedy=f"{remedy}; then plan again",
    )
