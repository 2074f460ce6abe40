"""Which services of an environment's list the resources of templates need besides."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tiercel.domain.base.values import PolicyDocument, TemplateDocument
from tiercel.domain.organization.fragments import OWN_FRAGMENTS
from tiercel.domain.organization.topology import Environment
from tiercel.domain.review.templates.drafted_fragments import drafted_services
from tiercel.domain.review.templates.sam_types import WITH_ROLE, made_types
from tiercel.domain.review.templates.template_faults import FaultAt, FaultKind, TemplateFault
from tiercel.domain.stack.needed_actions import Handlers, Lack, lacking_actions
from tiercel.domain.stack.plan import Change
from tiercel.domain.stack.policy_evaluation import RolePolicies, could_allow
from tiercel.domain.template.intrinsics import TemplateScope

DRAFTING = "tiercel config fragment"
"""The command that drafts a fragment for types."""
_WIDTH = 96
"""Of a list that is to be pasted: a terminal cuts longer lines."""
Offers = Mapping[str, PolicyDocument]
"""What a service of the list would let the service role do, by its name."""


def unlisted_services(
    scopes: Iterable[TemplateScope],
    published: Mapping[str, Handlers],
    role: RolePolicies,
    offers: Offers,
    environment: Environment,
) -> Iterator[TemplateFault]:
    """Yield the fault of resources that the role cannot make, if there are any.

    What AWS publishes nothing of is neither good nor bad. A nested template counts as often as
    it is used.
    """
    findings: list[FaultAt] = []
    wanted: set[str] = set()
    unknown: set[str] = set()
    for scope in scopes:
        for logical_id, resource in scope.all_resources():
            for kind in _types(scope, resource):
                made = Change(action="Add", logical_id=logical_id, resource_type=kind)
                for lack in lacking_actions([made], published, role).lacks:
                    if lack.certain:
                        services = offering(lack, offers, published)
                        wanted.update(services)
                        unknown.update(() if services else (kind,))
                        text = _told(lack, services)
                        path = ("Resources", logical_id)
                        findings.append(FaultAt(template=scope.path, path=path, text=text))
    if findings:
        yield TemplateFault(
            kind=FaultKind.SERVICE,
            remedy=_remedy(environment, sorted(wanted), {one: published[one] for one in unknown}),
            findings=tuple(dict.fromkeys(findings)),
        )


def _types(scope: TemplateScope, resource: TemplateDocument) -> tuple[str, ...]:
    """Return the types that a resource makes; a connector's follow from what it connects.

    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-connector.html
    """
    if resource.get("Type") != "AWS::Serverless::Connector":
        return made_types(resource)
    properties = resource.get("Properties")
    source = properties.get("Source") if isinstance(properties, dict) else None
    named = scope.resources.get(str(source.get("Id")), {}) if isinstance(source, dict) else {}
    has_role = named.get("Type") in WITH_ROLE
    return ("AWS::IAM::ManagedPolicy",) if has_role else ()


def offering(lack: Lack, offers: Offers, published: Mapping[str, Handlers]) -> tuple[str, ...]:
    """Return the services by which the role could make the resource; none if they do not do.

    One is enough where one offers all that lacks; an instance of EC2 takes two.
    """
    for name, policy in offers.items():
        if all(could_allow(policy, action) for action in lack.certain):
            return (name,)
    parts = {
        name: policy
        for name, policy in offers.items()
        if any(could_allow(policy, action) for action in lack.certain)
    }
    whole = {"Statement": [one for policy in parts.values() for one in policy["Statement"]]}
    made = Change(action="Add", logical_id=lack.logical_id, resource_type=lack.resource_type)
    together = RolePolicies(identity=whole, boundary=whole)
    lacks = lacking_actions([made], published, together).lacks
    return () if any(one.certain for one in lacks) else tuple(parts)


def _told(lack: Lack, services: Sequence[str]) -> str:
    listed = f"the service {' and '.join(services)}" if services else "a service that is not known"
    return f"{lack.resource_type} needs {listed}, for {', '.join(lack.certain[:3])}"


def _remedy(
    environment: Environment, wanted: Sequence[str], unknown: Mapping[str, Handlers]
) -> str:
    place = f"[environments.{environment.name}.stacks] of the worker's tiercel.toml"
    drafted = drafted_services(unknown)
    lines = [
        f"let `{DRAFTING} {' '.join(types)}` write {OWN_FRAGMENTS}/{service}.json beside the "
        "worker's tiercel.toml, and look at it"
        for service, types in drafted.items()
    ]
    listed = dict.fromkeys([*environment.stacks.services, *wanted, *drafted])
    if wanted or drafted:
        names = ", ".join(f'"{one}"' for one in listed)
        lines.append(f"write under {place}:")
        lines += textwrap.wrap(
            f"services = [{names}]", _WIDTH, subsequent_indent="  ", break_on_hyphens=False
        )
        lines.append(f"then run `tiercel provision {environment.name}`; or leave the resources out")
    never = sorted(unknown.keys() - {one for types in drafted.values() for one in types})
    if never:
        lines.append(f"leave out {', '.join(never)}: no stack may have them")
    return "\n".join(lines)
