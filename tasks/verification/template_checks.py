"""What can be said of a service's templates before anything is built from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import PurePosixPath

from tiercel.domain.artifact.manifest import declared_parameters
from tiercel.domain.artifact.source_tree import source_paths
from tiercel.domain.base.errors import TiercelError
from tiercel.domain.base.values import TemplateDocument
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.services import Service
from tiercel.domain.organization.topology import Topology
from tiercel.domain.review.templates.needed_services import unlisted_services
from tiercel.domain.review.templates.physical_names import names_that_do_not_fit
from tiercel.domain.review.templates.template_faults import FaultAt, TemplateFault, merged, refused
from tiercel.domain.review.templates.template_permissions import types_of
from tiercel.domain.review.templates.unbounded_roles import roles_without_boundary
from tiercel.domain.stack.parameters import parameter_refusals
from tiercel.domain.template.intrinsics import TemplateScope, scope_of
from tiercel.tasks.engine.task import world_task
from tiercel.tasks.packaging.builder import build_folder
from tiercel.tasks.packaging.references import all_references
from tiercel.tasks.packaging.workshop import Workshop
from tiercel.tasks.source.committed import CommittedFiles
from tiercel.tasks.source.export import list_source
from tiercel.tasks.source.repository import Commit
from tiercel.tasks.source.templates import line_in_template
from tiercel.tasks.stack.service_role import read_service_role

_MOST_TEMPLATES = 200


def template_refusals(
    shop: Workshop, topology: Topology, dependencies: Sequence[TemplateDocument | None]
) -> list[TiercelError]:
    """Return everything that would keep a service's templates from being deployed.

    `dependencies` are the templates of services in `depends_on`, None where one cannot be read.
    A template that is not there yet, because a build makes it, is judged when it is deployed.
    """
    scopes = _scopes(shop)
    if not scopes:
        return []
    by_environment = {
        name: _faults(scopes, Names.of(topology, name), shop.service)
        for name in topology.environments
    }

    declared = declared_parameters(scopes[0].template)
    values = parameter_refusals(
        shop.service, list(topology.environments), declared, _promised(dependencies)
    )
    faults = [refused(one, lambda at: _line(shop, at)) for one in merged(by_environment)]
    return [*faults, *values]


@world_task("check names", "check names of {service.name}")
def require_names_on_demand(commit: Commit, service: Service, names: Names) -> None:
    """Return unless a template fixes names that another environment could have as well.

    Raises RefusedInputError with what to write instead. A template that a build makes is not
    there yet: IAM refuses what it names.
    """
    with build_folder() as folder:
        files = CommittedFiles(commit, list_source(commit, source_paths(service)))
        root, scratch, objects = (folder / one for one in ("root", "scratch", "objects"))
        shop = Workshop(service, root, scratch, objects, files)
        scopes = _scopes(shop)
        if not scopes:
            return
        values = _values(scopes[0].template, service.parameters_in(names.environment.name))
        for fault in names_that_do_not_fit(scopes, names, service.name, values):
            raise refused(fault, lambda finding: _line(shop, finding))


def _line(shop: Workshop, finding: FaultAt) -> int:
    body = shop.files.read_template(PurePosixPath(finding.template))
    return line_in_template(body or b"", finding.path)


def _scopes(shop: Workshop) -> list[TemplateScope]:
    """Return the service's own template, and those nested in it as far as they can be read."""
    with suppress(TiercelError):  # packaging says what cannot be read
        for _ in all_references(shop):
            pass
    templates = {str(path): template for path, template in shop.templates.items()}
    own = shop.service.template_path
    if own not in templates:
        return []
    found = [scope_of(own, templates)]
    for scope in found:
        found += [nested for _, nested in scope.nested() if len(found) < _MOST_TEMPLATES]
    return found


def _promised(dependencies: Sequence[TemplateDocument | None]) -> set[str] | None:
    """Return the names of all outputs; None if one template may have more than can be seen."""
    names: set[str] = set()
    for template in dependencies:
        outputs = template.get("Outputs") if template else None
        if template is None or any(str(name).startswith("Fn::") for name in outputs or {}):
            return None
        names |= set(outputs or {})
    return names


def _faults(scopes: Sequence[TemplateScope], names: Names, service: Service) -> list[TemplateFault]:
    role = read_service_role.fn(names.environment, types_of(*(one.template for one in scopes)))
    values = _values(scopes[0].template, service.parameters_in(names.environment.name))
    return [
        *names_that_do_not_fit(scopes, names, service.name, values),
        *unlisted_services(scopes, role.handlers, role.policies, role.offers, names.environment),
        *roles_without_boundary(scopes, names.boundary),
    ]


def _values(template: TemplateDocument, given: Mapping[str, str]) -> dict[str, str]:
    """Return the values of parameters that are known by now."""
    declared = template.get("Parameters") or {}
    defaults = {
        str(name): str(one["Default"])
        for name, one in declared.items()
        if isinstance(one, dict) and "Default" in one
    }
    return {**defaults, **given}
