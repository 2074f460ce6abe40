"""What is seen in a RuntimeAccount when leftovers are looked for, and whose are looked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.on_demand import stacks_on_demand
from tiercel.domain.stack.states import StackStatus

STACK_ID_TAG = "aws:cloudformation:stack-id"
"""Only CloudFormation gives it: nobody can put tags that begin with `aws:` on a resource."""
STACK_NAME_TAG = "aws:cloudformation:stack-name"
FUNCTION_LOGS = "/aws/lambda/"
"""Where Lambda logs to by default, followed by the function's name."""


@dataclass(frozen=True)
class ReapScope:
    """Whose leftovers are looked for: those of one environment and of the ones on demand in it."""

    organization: str
    environment: str
    account: str
    region: str
    permanent: str
    """What the names of the environment's own stacks and their resources begin with."""
    ephemeral: str
    """What those of environments on demand begin with."""
    on_demand: bool = False
    """Whether there are environments on demand here, and so the roles that act in them."""
    check_stack: str = ""

    @classmethod
    def of(cls, names: Names, *, on_demand: bool = False) -> Self:
        """Return an environment's scope; RefusedInputError for production."""
        place = names.environment
        if place.production:
            raise RefusedInputError(
                "reap.production",
                "nothing of production is ever reaped",
                where=place.name,
                why=f"{place.name} is production",
                state="nothing was called",
                remedy="name the environment that verifies what production gets",
            )
        return cls(
            organization=names.organization,
            environment=place.name,
            account=place.runtime_account,
            region=place.region,
            permanent=names.prefix,
            ephemeral=stacks_on_demand(names.organization),
            on_demand=on_demand,
            check_stack=names.check_stack,
        )

    def has(self, name: str) -> bool:
        """Tell whether a name is one of Tiercel's in this scope."""
        return name.startswith((self.permanent, self.ephemeral))

    def is_on_demand(self, name: str) -> bool:
        """Tell whether a thing, a function's log group too, is called as things on demand are."""
        return name.removeprefix(FUNCTION_LOGS).startswith(self.ephemeral)


@dataclass(frozen=True)
class StackThere:
    """A stack that exists, nested ones too."""

    name: str
    stack_id: str
    status: StackStatus
    created: datetime
    tags: Mapping[str, str] = field(default_factory=dict)
    is_nested: bool = False


@dataclass(frozen=True)
class ChangeSetThere:
    """A change set of a stack. `is_at_work` while CloudFormation makes, carries out or deletes."""

    stack: str
    name: str
    change_set_id: str
    created: datetime
    is_at_work: bool = False


@dataclass(frozen=True)
class TaggedResource:
    """A resource with a tag of Tiercel's, as the tagging API lists it."""

    arn: str
    tags: Mapping[str, str]


@dataclass(frozen=True)
class LogGroupThere:
    """The log group of a function. `function_exists` is None where that is not known."""

    name: str
    function_exists: bool | None
    is_owned: bool = False
    """By a stack, whatever became of its function."""
    size: int = 0


@dataclass(frozen=True)
class StagedObject:
    """An object of the staging bucket, and when it was written."""

    key: str
    written: datetime
    size: int = 0


@dataclass(frozen=True)
class LeftoversSeen:
    """What was seen in the account, and what the ledger says of it.

    `released` are the stacks of which the ledger has releases, `open_releases` those without an
    outcome; `needed` the keys of packages that the newest releases of every stack need, None if
    that is not known; `first_seen` since when each thing was seen without an owner, by its key.
    """

    stacks: tuple[StackThere, ...] = ()
    change_sets: tuple[ChangeSetThere, ...] = ()
    resources: tuple[TaggedResource, ...] = ()
    log_groups: tuple[LogGroupThere, ...] = ()
    staged: tuple[StagedObject, ...] = ()
    released: frozenset[str] = frozenset()
    open_releases: frozenset[tuple[str, int]] = frozenset()
    needed: frozenset[str] | None = None
    first_seen: Mapping[str, datetime] = field(default_factory=dict)
