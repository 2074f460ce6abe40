"""The page of a Terraform plan: what would change in an environment's accounts."""

from __future__ import annotations

from tiercel.domain.accounts.terraform_plan import ResourceChange, TerraformPlan
from tiercel.domain.pages.markdown import code, table


def terraform_plan_page(plan: TerraformPlan) -> str:
    """Return the plan as Markdown: permissions apart, no values, which may be secret."""
    permissions = [change for change in plan.changes if change.changes_permissions]
    others = [change for change in plan.changes if not change.changes_permissions]
    return "\n\n".join(
        (
            f"# Terraform's plan for {code(plan.environment)}",
            f"{plan.summary()}.",
            f"Plan digest {code(plan.digest)}",
            "## Resources",
            _rows(others),
            "## Permissions",
            _rows(permissions),
        )
    )


def _rows(changes: list[ResourceChange]) -> str:
    rows = [
        (
            f"**{change.action}**" if change.action in ("replace", "delete") else change.action,
            code(change.address),
            code(", ".join(change.attributes)) if change.action == "update" else "",
        )
        for change in changes
    ]
    return table(("action", "resource", "attributes"), rows) if rows else "none"
