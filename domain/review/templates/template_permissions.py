"""What two versions of a template need of the service role, and how that differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tiercel.domain.base.values import Frozen, TemplateDocument
from tiercel.domain.review.templates.changed_values import Templates
from tiercel.domain.review.templates.sam_types import made_types
from tiercel.domain.review.templates.template_changes import all_changes
from tiercel.domain.stack.needed_actions import Handlers, RoleCheck, lacking_actions
from tiercel.domain.stack.plan import Change
from tiercel.domain.stack.policy_evaluation import RolePolicies
from tiercel.domain.template.assets import written_resources

_LIFE = ("create", "read", "update", "delete")


class PermissionChange(Frozen):
    """Actions that only the newer version may need, only the older one, and what is lacking."""

    needed: tuple[str, ...] = ()
    no_longer: tuple[str, ...] = ()
    check: RoleCheck = RoleCheck()


def types_of(*templates: TemplateDocument | None) -> frozenset[str]:
    """Return the types of everything that the templates make, with what SAM makes of them."""
    return frozenset(
        made
        for template in templates
        for resource in written_resources(template or {}).values()
        for made in made_types(resource)
    )


def permission_change(
    before: Templates,
    after: Templates,
    published: Mapping[str, Handlers],
    role: RolePolicies,
) -> PermissionChange:
    """Compare what two versions may need in their life, and what the role lacks for the newer.

    Each version is a service's template with those nested in it.

    Lacking is what the difference between the two needs: added resources are created,
    changed ones updated, removed ones deleted. Conditions of the template are not evaluated.
    """
    old, new = _needed(before, published), _needed(after, published)
    return PermissionChange(
        needed=tuple(sorted(new - old)),
        no_longer=tuple(sorted(old - new)),
        check=lacking_actions(_made_changes(before, after), published, role),
    )


def _needed(templates: Templates, published: Mapping[str, Handlers]) -> set[str]:
    return {
        action
        for one in types_of(*templates.values())
        for step in _LIFE
        for action in published.get(one, {}).get(step, ())
    }


def _made_changes(before: Templates, after: Templates) -> Iterator[Change]:
    """Yield a change for everything that SAM makes of a changed resource."""
    for change in all_changes(before, after):
        template = (before if change.action == "Remove" else after).get(change.nested_in, {})
        resource = written_resources(template).get(change.logical_id)
        if resource is None or not change.resource_type:
            continue
        policy = str(resource.get("DeletionPolicy", ""))
        for made in made_types(resource):
            # Which of SAM's resources a property changes is not known here.
            known = made == change.resource_type
            yield change.model_copy(
                update={
                    "resource_type": made,
                    "properties": change.properties if known else (),
                    "policy_action": policy,
                }
            )
