"""Takes a template through what a pull request's verification does, by the product's functions.

Nothing here decides: a refusal is the product's own, and its code is the outcome's kind.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

from tests.corpus.checkouts import Subject
from tests.corpus.lint import report
from tests.corpus.values import configured_values, given_values
from tiercel.domain.artifact.handlers import handler_files
from tiercel.domain.artifact.source_tree import SourceTree
from tiercel.domain.base.errors import RefusedInputError, TiercelError
from tiercel.domain.organization.fragments import Fragment, read_fragment
from tiercel.domain.organization.services import Service
from tiercel.domain.organization.stack_rules import LISTED_SERVICES, STACK_SERVICES, StackRules
from tiercel.domain.organization.topology import Builds, Environment, Topology
from tiercel.domain.review.templates.drafted_fragments import drafted_fragment, drafted_services
from tiercel.domain.review.templates.needed_services import offering
from tiercel.domain.review.templates.template_permissions import types_of
from tiercel.domain.stack.needed_actions import Handlers, lacking_actions
from tiercel.domain.stack.plan import Change
from tiercel.domain.template.outside import OutsideKind, OutsideReference
from tiercel.domain.template.outside_rules import require_allowed
from tiercel.tasks.build.job import BuildJob, BuildStep, Place
from tiercel.tasks.engine.policy_files import require_fitting_policies
from tiercel.tasks.packaging.builder import Built, Work, build_and_package, build_work
from tiercel.tasks.packaging.references import LocalReference, all_references, read_references
from tiercel.tasks.source.named_paths import with_named_paths
from tiercel.tasks.source.repository import Commit
from tiercel.tasks.stack.service_role import (
    published_handlers,
    service_role_policies,
    unlisted_service,
)
from tiercel.tasks.verification.linting import lint
from tiercel.tasks.verification.template_checks import template_refusals

_REGION = "us-east-1"
_LEAST = "logs"
"""A service that every template is taken to use."""
OWN = "own services"
"""The word for a fragment that the owner lets be drafted, beside services of the list."""
_NAMED = "template.name_without_prefix"
_UNLISTED = "template.service_not_listed"
_ACCOUNT = re.compile(r"(?<![0-9])[0-9]{12}(?![0-9])")
_SOMEBODY = re.compile(r"(?<![0-9])[0-9]{12}(?![0-9])|o-[a-z0-9]{10,32}|[0-9a-f]{64}")


class Unbuilt(Place):
    """Runs no command, so that packages hold what the repository holds."""

    name: ClassVar[str] = "unbuilt"
    holds: ClassVar[bool] = True

    def lacking(self, _builds: Builds, _programs: Iterable[str]) -> list[str]:
        """See Place."""
        return []

    def build(self, job: BuildJob) -> None:
        """See Place."""

    def test(self, job: BuildJob) -> None:
        """See Place."""

    def inspect(self, job: BuildJob, step: BuildStep) -> None:
        """Run cfn-lint, the only program that is asked for, in this process."""
        report(step.command, job.root / step.folder)


@dataclass(frozen=True)
class Packaged:
    """A template that was packaged, as it is and as it is sent to CloudFormation.

    `refusals` are what verification has against it, `words` the keys of the environment that
    its owner has to fill for it, `values` those of parameters without a default.
    """

    built: Built
    template: dict[str, Any]
    sent: Path
    tools: tuple[str, ...]
    words: tuple[str, ...]
    values: dict[str, str]
    refusals: tuple[TiercelError, ...]


def package(subject: Subject, place: Place, topology: Topology, folder: Path) -> Packaged:
    """Verify a template as a service of its own, without its tests; raises what packaging does.

    The environment's owner is taken to have listed what a template needs, where that can be, and
    the repository's to have left names of roles to CloudFormation where they do not fit.
    """
    packaged = _packaged(subject, place, topology, folder, {})
    if not any(one.code == _NAMED for one in packaged.refusals):
        return packaged
    again = _packaged(subject, place, topology, folder, {"role_names": "stack"})
    return replace(again, words=(*again.words, "role_names"))


def _packaged(
    subject: Subject, place: Place, topology: Topology, folder: Path, settings: dict[str, str]
) -> Packaged:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    checkout = subject.checkout
    commit = Commit(repository=checkout.name, sha=checkout.commit, mirror=checkout.git)
    alone = Service(name="corpus", path=subject.folder, template=subject.name)
    service = with_named_paths(commit, {alone.name: alone})[alone.name].model_copy(update=settings)
    work = build_work(commit, service, place, topology.builds, folder, verifying=True)
    template = _template(work, subject)
    values = given_values(template)
    given = {"parameters": configured_values(template, values)}
    work.shop.service = service.model_copy(update=given)
    refusals, words = _refusals(work, topology)
    if isinstance(place, Unbuilt):
        _pretend(work)
    tree = SourceTree(service="corpus", objects={subject.folder: "0" * 40}, template=subject.path)
    built = build_and_package(place, work, tree)
    environment, more = _written_for(built, topology.verifying)
    require_allowed(built.manifest.outside, environment, None)
    lint(place, work)
    sent = built.files[built.manifest.template.sha256]
    tools = tuple(sorted({one for step in work.job.build for one in _tools(step)}))
    return Packaged(built, template, sent, tools, (*words, *more), values, tuple(refusals))


def _pretend(work: Work) -> None:
    """Make empty files in the place of those that a build would make and that handlers name."""
    for found in _every_reference(work):
        copy = work.shop.copies.get(found.key)
        if copy is None:
            continue
        made = copy.made or copy.code
        made.mkdir(parents=True, exist_ok=True)
        wanted = handler_files(found.asset.runtime, found.asset.handler)
        if copy.made and not wanted:
            wanted = ("built",)  # a layer has no handler, and what a build makes is not known
        if wanted:
            target = made / wanted[0]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()


def _every_reference(work: Work) -> Iterator[LocalReference]:
    """Yield what the templates refer to; one folder as often as functions come out of it."""
    for _ in all_references(work.shop):
        pass
    root = PurePosixPath(work.shop.service.template_path)
    for path in work.shop.templates:
        yield from read_references(work.shop, path, () if path == root else (root,))[1]


def _template(work: Work, subject: Subject) -> dict[str, Any]:
    path = PurePosixPath(subject.path)
    return read_references(work.shop, path, ())[0]


def _refusals(work: Work, topology: Topology) -> tuple[list[TiercelError], tuple[str, ...]]:
    """Return what is wrong with the templates, as far as no line of the owner's can help.

    What no service of the list offers the owner lets `tiercel config fragment` draft.
    """
    found = template_refusals(work.shop, topology, ())
    if not any(one.code == _UNLISTED for one in found):
        return found, ()
    services, own = _needed(work)
    listed = listing(topology, services + tuple(one.name for one in own), own)
    require_fitting_policies(listed, "tiercel.toml")
    words = ("services", OWN) if own else ("services",)
    return template_refusals(work.shop, listed, ()), words


def _needed(work: Work) -> tuple[tuple[str, ...], tuple[Fragment, ...]]:
    """Return the services that a template's types need, and the drafts of those not listed."""
    kinds = types_of(*work.shop.templates.values())
    services = STACK_SERVICES + LISTED_SERVICES
    offers = {name: unlisted_service(name) for name in services}
    bare = service_role_policies(StackRules(services=(_LEAST,)))
    changes = [Change(action="Add", logical_id=one, resource_type=one) for one in kinds]
    published = published_handlers(_REGION, kinds)
    lacks = [one for one in lacking_actions(changes, published, bare).lacks if one.certain]
    found = {name for one in lacks for name in offering(one, offers, published)}
    unknown = [one.resource_type for one in lacks if not offering(one, offers, published)]
    drafted = drafted_services({one: published[one] for one in unknown})
    own = tuple(_drafted(name, types, published) for name, types in drafted.items())
    return tuple(one for one in services if one in found or one == _LEAST), own


def _drafted(service: str, types: Iterable[str], published: Mapping[str, Handlers]) -> Fragment:
    name = f"own-{service}"
    text = drafted_fragment(service, [published[one] for one in types])
    return read_fragment(name, text, name)


def listing_all(topology: Topology) -> Topology:
    """Return the organization with every service that Tiercel knows listed everywhere."""
    return listing(topology, STACK_SERVICES + LISTED_SERVICES)


def listing(
    topology: Topology, services: tuple[str, ...], own: tuple[Fragment, ...] = ()
) -> Topology:
    """Return the organization with these services listed everywhere."""
    stacks = StackRules(fragments=own, services=services)
    environments = {
        name: one.model_copy(update={"stacks": stacks})
        for name, one in topology.environments.items()
    }
    return topology.model_copy(update={"environments": environments})


def _tools(step: BuildStep) -> tuple[str, ...]:
    """Return the names of the programs that a step runs."""
    return tuple(step.programs) or (PurePosixPath(step.command[0]).name,)


def _written_for(built: Built, environment: Environment) -> tuple[Environment, tuple[str, ...]]:
    """Return the environment as its owner would describe it for a template, and what is written.

    What a template lets in from outside is for the owner to allow: a line for each kind.
    """
    found = built.manifest.outside
    try:
        require_allowed(found, environment, None)
    except RefusedInputError:
        wanted = {
            "trusts": sorted({m for one in found if one.kind is OutsideKind.TRUST
                              for m in _SOMEBODY.findall(one.text)} | {"*"}),
            "layers_from": sorted({m for one in found if one.kind is OutsideKind.LAYER
                                   for m in _ACCOUNT.findall(one.text)}),
            "reads_from": sorted({one.text.rpartition("/")[0] + "/" for one in found
                                  if one.kind is OutsideKind.PLACE and "/" in one.text}),
            "images_from": sorted({re.sub(":[^:/]*$", "", one.text) for one in found
                                   if one.kind is OutsideKind.IMAGE}),
        }  # fmt: skip
        needed: list[str] = []
        for key, values in wanted.items():
            more = environment.model_copy(update={key: tuple(values)})
            if _says(found, more) != _says(found, environment):
                environment, needed = more, [*needed, key]
        return environment, tuple(needed)
    return environment, ()


def _says(found: Sequence[OutsideReference], environment: Environment) -> str:
    """Return what is refused, empty if nothing is."""
    try:
        require_allowed(found, environment, None)
    except RefusedInputError as error:
        return f"{error.code}: {error.why}"
    return ""
