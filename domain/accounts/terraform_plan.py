"""What Terraform would change in an environment's accounts, read from `terraform show -json`.

https://developer.hashicorp.com/terraform/internals/json-format
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tiercel.domain.base.digests import digest_of
from tiercel.domain.base.errors import RefusedInputError, TiercelError
from tiercel.domain.base.values import Frozen

_FORMAT = "1."
_NOTHING = (["no-op"], ["read"])
_ACTIONS = {
    ("create",): "create",
    ("update",): "update",
    ("delete",): "delete",
    ("forget",): "forget",
    ("delete", "create"): "replace",
    ("create", "delete"): "replace",
    ("create", "forget"): "replace",
}
_PERMISSION_TYPES = ("aws_iam_", "aws_kms_", "aws_s3_bucket_policy", "aws_s3_bucket_public_access")
_KEPT = ("address", "previous_address", "type", "change", "action_reason")


class ResourceChange(Frozen):
    """What Terraform will do to one resource, and which of its attributes change."""

    address: str
    resource_type: str
    action: str
    attributes: tuple[str, ...] = ()

    @property
    def changes_permissions(self) -> bool:
        """Whether the resource decides who may do what."""
        return self.resource_type.startswith(_PERMISSION_TYPES)


class TerraformPlan(Frozen):
    """Every change of one environment's accounts. An approval is bound to the digest."""

    environment: str
    digest: str
    changes: tuple[ResourceChange, ...]
    changes_outputs: bool

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to apply."""
        return not self.changes and not self.changes_outputs

    def summary(self) -> str:
        """Return a sentence such as `3 to create, 1 to update, 0 to replace, 0 to delete`."""
        count = dict.fromkeys(("create", "update", "replace", "delete"), 0)
        for change in self.changes:
            count[change.action] = count.get(change.action, 0) + 1
        return ", ".join(f"{number} to {action}" for action, number in count.items())


def read_terraform_plan(environment: str, document: Mapping[str, Any]) -> TerraformPlan:
    """Return the plan that Terraform printed as JSON.

    The digest covers every value of every change, so another state, another configuration
    or another version of a policy has another digest; when it was made has no part in it.
    Raises TiercelError for a format or an action that this version does not know.
    """
    if not str(document.get("format_version", "")).startswith(_FORMAT):
        raise TiercelError(
            "terraform.unknown_plan_format",
            "Terraform's plan has an unknown format",
            why=f"format version {document.get('format_version')!r}",
            state="nothing was changed",
            remedy="use a version of Terraform that the runbook provision-accounts names",
        )
    resources = [
        {key: found[key] for key in _KEPT if key in found}
        for found in document.get("resource_changes", ())
        if found["change"]["actions"] not in _NOTHING or "importing" in found["change"]
    ]
    outputs = {
        name: change
        for name, change in document.get("output_changes", {}).items()
        if change["actions"] not in _NOTHING
    }
    covered = {"environment": environment, "resources": resources, "outputs": outputs}
    return TerraformPlan(
        environment=environment,
        digest=digest_of(covered),
        changes=tuple(_change_of(found) for found in resources),
        changes_outputs=bool(outputs),
    )


def require_approval(plan: TerraformPlan, approved: str) -> None:
    """Raise RefusedInputError unless the approved digest is this plan's."""
    where, state = f"{plan.environment}: {plan.summary()}", "nothing was changed"
    remedy = f"read the plan; `tiercel provision {plan.environment} --approve {plan.digest}`"
    if not approved:
        raise RefusedInputError(
            "terraform.not_approved",
            "the plan needs approval",
            where=where,
            state=state,
            remedy=remedy,
        )
    if approved != plan.digest:
        raise RefusedInputError(
            "terraform.other_plan_approved",
            "the plan is not the one that was approved",
            where=where,
            why=f"approved {approved}, planned {plan.digest}",
            state=state,
            remedy=remedy,
        )


def _change_of(found: Mapping[str, Any]) -> ResourceChange:
    change = found["change"]
    actions = tuple(change["actions"])
    action = "import" if "importing" in change and actions == ("no-op",) else _ACTIONS.get(actions)
    if action is None:
        raise TiercelError(
            "terraform.unknown_action",
            "Terraform plans an action that Tiercel does not know",
            where=str(found["address"]),
            why=", ".join(actions),
            state="nothing was changed",
            remedy="use a version of Terraform that the runbook provision-accounts names",
        )
    return ResourceChange(
        address=found["address"],
        resource_type=found["type"],
        action=action,
        attributes=_changed(change),
    )


def _changed(change: Mapping[str, Any]) -> tuple[str, ...]:
    before, after = change.get("before") or {}, change.get("after") or {}
    unknown = {name for name, value in (change.get("after_unknown") or {}).items() if value}
    names = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    return tuple(sorted(names | unknown))
