"""The reviewed change set of one stack."""

from __future__ import annotations

from typing import Any

from domain.digests import digest_of
from domain.topology import Frozen

_PERMISSION_TYPES = (
    "AWS::IAM::",
    "AWS::Lambda::Permission",
    "AWS::Lambda::LayerVersionPermission",
    "AWS::KMS::Grant",
    "AWS::RAM::",
    "AWS::SSO::",
)
_POLICY_SUFFIXES = ("Policy", "PolicyAttachment")


class Change(Frozen):
    """What CloudFormation will do to one resource."""

    action: str
    logical_id: str
    resource_type: str
    replacement: str = ""
    properties: tuple[str, ...] = ()

    @property
    def replaces(self) -> bool:
        """Whether the resource is, or may be, deleted and created anew."""
        return self.replacement in ("True", "Conditional")

    @property
    def changes_permissions(self) -> bool:
        """Whether the resource decides who may do what."""
        return self.resource_type.startswith(_PERMISSION_TYPES) or self.resource_type.endswith(
            _POLICY_SUFFIXES
        )


class Plan(Frozen):
    """Every change of one stack, as CloudFormation computed it from one template."""

    stack: str
    change_set_id: str
    template_sha256: str
    parameters: dict[str, str]
    changes: tuple[Change, ...]

    @property
    def digest(self) -> str:
        """What an approval is bound to; the change set's own id is not part of it."""
        return digest_of(self.model_dump(mode="json", exclude={"change_set_id"}))

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to execute."""
        return not self.changes

    def summary(self) -> str:
        """Return a sentence such as `3 to add, 1 to modify (1 replaced), 0 to remove`."""
        count = {"Add": 0, "Modify": 0, "Remove": 0}
        for change in self.changes:
            count[change.action] = count.get(change.action, 0) + 1
        replaced = sum(change.replaces for change in self.changes)
        note = f" ({replaced} replaced)" if replaced else ""
        return (
            f"{count['Add']} to add, {count['Modify']} to modify{note}, {count['Remove']} to remove"
        )


def change_of(resource_change: dict[str, Any]) -> Change:
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
    )
