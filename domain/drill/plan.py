"""The plan of a drill: what goes in which order, what is lost, kept and rebuilt from what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from tiercel.domain.base.digests import ArtifactDigest, ArtifactId, PlanDigest, Sha256, digest_of
from tiercel.domain.base.record import StoredRecord
from tiercel.domain.base.values import Frozen
from tiercel.domain.drill.deletion import (
    Graph,
    Waves,
    deletion_waves,
    dependencies,
    rebuild_waves,
)
from tiercel.domain.drill.inventory import (
    QUEUE_TYPE,
    HeldData,
    Inventory,
    SeenResource,
    SeenStack,
)
from tiercel.domain.release.ledger import Intent
from tiercel.domain.teardown.stack_deletion import BUCKET_TYPE

QUEUE_NAME_SECONDS = 60
"""How long the name of a deleted queue is taken:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteQueue.html."""


class LeftOut(Frozen):
    """A service that is not rebuilt, and why."""

    service: str
    why: str


class Foundation(Frozen):
    """The RuntimeAccount's own resources that a drill destroys and makes again.

    `addresses` are Terraform's, `digest` covers every value that it destroys.
    """

    digest: str
    addresses: tuple[str, ...]


class PlannedStack(Frozen):
    """A stack that is deleted and rebuilt. `number` is the release that it runs and gets again.

    In a shadow drill there is no stack yet, and the release is production's: id, token, parameters,
    outputs and the template's digest are empty.
    """

    name: str
    stack_id: str
    service: str
    token: str
    depends_on: tuple[str, ...]
    number: int
    repository: str
    commit: str
    artifact_id: ArtifactId
    artifact_digest: ArtifactDigest
    template_sha256: Sha256
    parameters: dict[str, str]
    outputs: dict[str, str]
    resources: tuple[SeenResource, ...] = ()
    data: tuple[HeldData, ...] = ()

    @property
    def kept(self) -> tuple[SeenResource, ...]:
        """What stays, because the template says so."""
        return tuple(one for one in self.resources if one.retained)

    @property
    def given_up(self) -> tuple[str, ...]:
        """The names of buckets, which are anybody's once they are deleted."""
        return tuple(
            one.physical_id
            for one in self.resources
            if one.resource_type == BUCKET_TYPE and one.named and not one.retained
        )

    @property
    def wait_seconds(self) -> int:
        """How long after its deletion AWS keeps a name that it needs."""
        named = any(one.resource_type == QUEUE_TYPE and one.named for one in self.resources)
        return QUEUE_NAME_SECONDS if named else 0


class DrillPlan(StoredRecord):
    """What an approval is bound to. Counts of items may grow; nothing else may differ.

    A shadow drill rebuilds what the environment `shadow_of` has live beside it, and deletes that.
    """

    _COUNTED: ClassVar[frozenset[str]] = frozenset({"items", "size"})

    organization: str
    environment: str
    account: str
    alias: str
    stacks: tuple[PlannedStack, ...]
    shadow_of: str = ""
    left_out: tuple[LeftOut, ...] = ()
    foundation: Foundation | None = None

    @property
    def digest(self) -> PlanDigest:
        """The SHA-256 of all that is deleted and rebuilt, without how much data there is."""
        return PlanDigest(digest_of(_without(self.model_dump(mode="json"), self._COUNTED)))

    @property
    def graph(self) -> Graph:
        """The stacks that each stack needs."""
        return {one.name: frozenset(one.depends_on) for one in self.stacks}

    @property
    def deletion(self) -> Waves:
        """The order in which stacks go."""
        return deletion_waves(self.graph)

    @property
    def rebuild(self) -> Waves:
        """The order in which they come back."""
        return rebuild_waves(self.graph)

    @property
    def data(self) -> tuple[HeldData, ...]:
        """What is lost."""
        return tuple(one for stack in self.stacks for one in stack.data)

    @property
    def wait_seconds(self) -> int:
        """The longest that AWS itself makes a rebuild wait."""
        return max((one.wait_seconds for one in self.stacks), default=0)

    def stack(self, name: str) -> PlannedStack:
        """Return the stack of this name; it has to be one of the plan's."""
        return next(one for one in self.stacks if one.name == name)

    def summary(self) -> str:
        """Return the plan in a line."""
        if self.shadow_of:
            return (
                f"{len(self.stacks)} stacks rebuilt beside in {len(self.rebuild)} waves and taken "
                f"down, {len(self.left_out)} services left out"
            )
        items = sum(one.items or 0 for one in self.data)
        kept = sum(len(one.kept) for one in self.stacks)
        return (
            f"{len(self.stacks)} stacks deleted and rebuilt in {len(self.rebuild)} waves, "
            f"{items:,} items of data lost, {kept} resources kept" + self._with_foundation
        )

    @property
    def _with_foundation(self) -> str:
        if not self.foundation:
            return ""
        return f", {len(self.foundation.addresses)} resources of the account destroyed and made"


def _without(value: object, keys: Iterable[str]) -> object:
    if isinstance(value, dict):
        return {key: _without(one, keys) for key, one in value.items() if key not in keys}
    if isinstance(value, list):
        return [_without(one, keys) for one in value]
    return value


def plan_drill(
    organization: str, environment: str, inventory: Inventory, running: Mapping[str, Intent]
) -> DrillPlan:
    """Return the plan for what is there; `running` has each stack's release, all of them.

    Raises RefusedInputError for stacks that need each other in a circle.
    """
    graph = dependencies(inventory.stacks, running)
    plan = DrillPlan(
        organization=organization,
        environment=environment,
        account=inventory.account,
        alias=inventory.alias,
        stacks=tuple(
            _planned(one, running[one.name], sorted(graph[one.name]))
            for one in sorted(inventory.stacks, key=lambda one: one.name)
        ),
    )
    rebuild_waves(graph)
    return plan


def _planned(stack: SeenStack, intent: Intent, needs: Sequence[str]) -> PlannedStack:
    return PlannedStack(
        name=stack.name,
        stack_id=stack.stack_id,
        service=intent.service,
        token=stack.token,
        depends_on=tuple(needs),
        number=intent.number,
        repository=intent.repository,
        commit=intent.commit,
        artifact_id=intent.artifact_id,
        artifact_digest=intent.artifact_digest,
        template_sha256=stack.template_sha256,
        parameters=intent.parameters,
        outputs=stack.outputs,
        resources=stack.resources,
        data=stack.data,
    )


def changes_since(planned: PlannedStack, found: SeenStack) -> tuple[str, ...]:
    """Return what a stack has now that the plan does not know: then it is not deleted."""
    changes: list[str] = []
    if found.stack_id != planned.stack_id:
        changes.append(f"it is another stack: {found.stack_id}")
    if found.token != planned.token:
        changes.append(f"a newer operation: {found.token or 'one without a token'}")
    known = {(one.path, one.physical_id) for one in planned.resources}
    new = [one for one in found.resources if (one.path, one.physical_id) not in known]
    changes += [f"a resource of its own since: {one.path} ({one.physical_id})" for one in new]
    return tuple(changes)
