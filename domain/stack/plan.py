"""The reviewed change set of one stack."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from tiercel.domain.base.digests import PlanDigest, Sha256, digest_of
from tiercel.domain.base.values import Frozen
from tiercel.domain.stack.validations import Validation, path_of

_PERMISSION_TYPES = (
    "AWS::Cognito::IdentityPoolRoleAttachment",
    "AWS::IAM::",
    "AWS::Lambda::Permission",
    "AWS::Lambda::LayerVersionPermission",
    "AWS::Lambda::Url",
    "AWS::KMS::Grant",
    "AWS::KMS::Key",
    "AWS::RAM::",
    "AWS::SSO::",
)
_DRIFTED = ("MODIFIED", "DELETED")
_POLICY_SUFFIXES = ("Policy", "PolicyAttachment")
# Properties of other types that hold a policy, or name the role as which something acts.
_POLICY_PROPERTIES = {
    "AccessControl",
    "AccessPolicies",
    "AccessPolicy",
    "ExecutionRoleArn",
    "FileSystemPolicy",
    "IamInstanceProfile",
    "KeyPolicy",
    "Policy",
    "PolicyDocument",
    "PublicAccessBlockConfiguration",
    "RepositoryPolicyText",
    "ResourcePolicy",
    "Role",
    "RoleArn",
    "RoleARN",
    "ServiceRole",
    "TaskRoleArn",
}


class Aftermath(StrEnum):
    """What becomes of the resource that a change takes away."""

    UNTOLD = ""
    DELETED = "deleted"
    KEPT = "kept"
    SNAPSHOT = "a snapshot stays"


_AFTERMATHS = {
    "Delete": Aftermath.DELETED,
    "Retain": Aftermath.KEPT,
    "Snapshot": Aftermath.SNAPSHOT,
    "ReplaceAndDelete": Aftermath.DELETED,
    "ReplaceAndRetain": Aftermath.KEPT,
    "ReplaceAndSnapshot": Aftermath.SNAPSHOT,
}
_OF_THE_OLD_ONE = {
    Aftermath.KEPT: "the old one is kept",
    Aftermath.SNAPSHOT: "a snapshot of the old one stays",
}


class Change(Frozen):
    """What CloudFormation will do to one resource.

    `nested_in` is the path of the nested stack that has it, empty for the stack itself.
    """

    action: str
    logical_id: str
    resource_type: str
    replacement: str = ""
    properties: tuple[str, ...] = ()
    policy_action: str = ""
    """What becomes of the resource that goes, such as `Delete` or `ReplaceAndRetain`."""
    nested_in: str = ""

    @property
    def path(self) -> str:
        """Where the resource is, from the stack that is deployed: `Inner/Queue`."""
        return path_of(self.nested_in, self.logical_id)

    @property
    def replaces(self) -> bool:
        """Whether the resource is created anew; `aftermath` has what becomes of the old one."""
        return self.replacement == "True"

    @property
    def may_replace(self) -> bool:
        """Whether that depends on a value that is known only when it is carried out."""
        return self.replacement == "Conditional"

    @property
    def aftermath(self) -> Aftermath:
        """What becomes of the resource that goes, as CloudFormation's `PolicyAction` tells it."""
        return _AFTERMATHS.get(self.policy_action, Aftermath.UNTOLD)

    @property
    def aftermath_words(self) -> str:
        """What is said of that beside the action; nothing of an old one that is simply deleted."""
        if self.action == "Remove":
            return self.aftermath.value
        return _OF_THE_OLD_ONE.get(self.aftermath, "")

    @property
    def changes_permissions(self) -> bool:
        """Whether the resource, or what changes of it, decides who may do what."""
        return (
            self.resource_type.startswith(_PERMISSION_TYPES)
            or self.resource_type.endswith(_POLICY_SUFFIXES)
            or not _POLICY_PROPERTIES.isdisjoint(self.properties)
        )


class Overwritten(Frozen):
    """What a drift-aware change set finds changed past CloudFormation, and brings back.

    `state` is MODIFIED or DELETED; values are left out, because some are secret.
    """

    path: str
    resource_type: str
    state: str
    properties: tuple[str, ...] = ()


class Plan(Frozen):
    """Every change of one stack and those nested in it, as CloudFormation computed them.

    `warnings` are what it found and does not stop at. `unseen` says why it could not look into
    nested stacks, and is empty where it could. `overwrites` is what a drift-aware plan brings back,
    `not_reverted` why it is none although one was asked for.
    """

    stack: str
    stack_id: str = ""
    change_set_id: str
    template_sha256: Sha256
    parameters: dict[str, str]
    changes: tuple[Change, ...]
    executable: bool
    """Whether CloudFormation would do something. It lists no change where only outputs differ."""
    warnings: tuple[Validation, ...] = ()
    unseen: str = ""
    overwrites: tuple[Overwritten, ...] = ()
    not_reverted: str = ""

    @property
    def digest(self) -> PlanDigest:
        """What an approval is bound to: what is done, not as which change set of which stack."""
        told = {"warnings", "unseen", "overwrites", "not_reverted"}
        unbound = {"change_set_id", "stack_id", "executable"} | told
        return PlanDigest(digest_of(self.model_dump(mode="json", exclude=unbound)))

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to execute."""
        return not self.executable

    @property
    def own(self) -> tuple[Change, ...]:
        """The changes of the stack itself."""
        return tuple(change for change in self.changes if not change.nested_in)

    def summary(self) -> str:
        """Return a sentence such as `3 to add, 1 to modify (1 replaced), 0 to remove`."""
        if self.executable and not self.changes:
            return "no resource changes, outputs only"
        count = {"Add": 0, "Modify": 0, "Remove": 0}
        for change in self.changes:
            count[change.action] = count.get(change.action, 0) + 1
        notes = {
            "replaced": sum(change.replaces for change in self.changes),
            "may be replaced": sum(change.may_replace for change in self.changes),
        }
        listed = ", ".join(f"{number} {what}" for what, number in notes.items() if number)
        note = f" ({listed})" if listed else ""
        return (
            f"{count['Add']} to add, {count['Modify']} to modify{note}, {count['Remove']} to remove"
        )


def change_of(resource_change: Mapping[str, Any], nested_in: str = "") -> Change:
    """Translate one `ResourceChange` of DescribeChangeSet."""
    names = {
        str(detail.get("Target", {}).get("Name") or detail.get("Target", {}).get("Attribute") or "")
        for detail in resource_change.get("Details", ())
    }
    return Change(
        action=resource_change["Action"],
        logical_id=resource_change["LogicalResourceId"],
        resource_type=resource_change["ResourceType"],
        replacement=resource_change.get("Replacement", ""),
        properties=tuple(sorted(names - {""})),
        policy_action=resource_change.get("PolicyAction", ""),
        nested_in=nested_in,
    )


def overwritten_of(resource_change: Mapping[str, Any], nested_in: str = "") -> Overwritten | None:
    """Return what one `ResourceChange` of a drift-aware change set brings back, None for nothing.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
    """
    state = str(resource_change.get("ResourceDriftStatus", ""))
    if state not in _DRIFTED:
        return None
    targets = [one.get("Target", {}) for one in resource_change.get("Details", ())]
    paths = {one.get("Path") or one.get("Name", "") for one in targets if one.get("Drift")}
    return Overwritten(
        path=path_of(nested_in, resource_change["LogicalResourceId"]),
        resource_type=resource_change["ResourceType"],
        state=state,
        properties=tuple(sorted(paths - {""})),
    )
