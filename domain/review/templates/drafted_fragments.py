"""The draft of a team's own fragment, for types that no service of Tiercel's offers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from pydantic import TypeAdapter, ValidationError

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.text import printable
from tiercel.domain.organization.fragments import may_be_allowed
from tiercel.domain.organization.parts import Region
from tiercel.domain.stack.needed_actions import Handlers, own_service

_LOOKS = ("Describe*", "Get*", "List*")
_REGION = TypeAdapter[str](Region)


def require_region(text: str) -> str:
    """Return the name of a region as `tiercel.toml` takes it, else raise RefusedInputError.

    One of which nothing is published yet is one too: its types are the usual ones.
    """
    try:
        return _REGION.validate_python(text)
    except ValidationError:
        raise RefusedInputError(
            "fragment.no_region",
            f"{printable(text, 40)!r} is no region of AWS",
            where="--region",
            state="nothing was written",
            remedy="give the environment's region, such as eu-central-1",
        ) from None


def drafted_services(published: Mapping[str, Handlers]) -> dict[str, tuple[str, ...]]:
    """Return the types by the service whose actions are about them, without those of none.

    What no fragment may allow, such as users of IAM, is in none either.
    """
    found: dict[str, list[str]] = {}
    for resource_type in sorted(published):
        service = own_service(resource_type, published[resource_type])
        if service and may_be_allowed(f"{service}:*"):
            found.setdefault(service, []).append(resource_type)
    return {service: tuple(types) for service, types in sorted(found.items())}


def service_of(types: Iterable[str], published: Mapping[str, Handlers]) -> str:
    """Return the one service whose fragment types need; RefusedInputError if there is not one."""
    drafted = drafted_services(published)
    lines = [f"AWS publishes nothing of {one}" for one in types if one not in published]
    of_one = {one for group in drafted.values() for one in group}
    lines += [f"no stack may have {one}" for one in published if one not in of_one]
    if len(drafted) > 1:
        lines += [f"{name} has {', '.join(group)}" for name, group in drafted.items()]
    if lines or not drafted:
        raise RefusedInputError(
            "fragment.not_drafted",
            "no fragment can be drafted for these types",
            why="\n".join(lines),
            state="nothing was written",
            remedy="name types of one service, as templates do: AWS::DMS::Endpoint",
        )
    return next(iter(drafted))


def drafted_fragment(service: str, published: Iterable[Handlers]) -> str:
    """Return the text of `stack-services/NAME.json` that lets stacks hold what these handlers make.

    It has the service's own actions that AWS publishes for the types, in the region of the
    environment, on everything: which ARNs are a stack's own only the owner can say.
    """
    actions = {
        action
        for handlers in published
        for step in handlers.values()
        for action in step
        if action.partition(":")[0].lower() == service
    }
    manage = {
        "Sid": "ManageWhatStacksHold",
        "Effect": "Allow",
        "Action": sorted(actions),
        "Resource": ["*"],
        "Condition": {"StringEquals": {"aws:RequestedRegion": "${region}"}},
    }
    read = {
        "Sid": "DescribeWhatStacksCreate",
        "Effect": "Allow",
        "Action": [f"{service}:{verb}" for verb in _LOOKS],
        "Resource": ["*"],
    }
    return json.dumps({"manage": [manage], "use": [], "read": [read]}, indent=2) + "\n"
