"""The sides of `tiercel diff`: a release, what an environment runs, or a commit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tiercel.cli.terminal.settings import Settings
from tiercel.domain.base.errors import RefusedInputError, TiercelError
from tiercel.domain.base.git_names import short_commit
from tiercel.domain.base.text import printable
from tiercel.domain.review.release_differences import Presence, ServiceContents

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tiercel.cli.terminal.output import Output
    from tiercel.domain.base.values import TemplateDocument
    from tiercel.domain.organization.access import Records
    from tiercel.domain.release.ledger import Intent
    from tiercel.domain.review.release_differences import ServiceDifference

_RELEASE = re.compile(r"([A-Za-z][A-Za-z0-9-]*)/([0-9]{1,8})")
_COMMIT = re.compile(r"([^/@\s]+/[^/@\s]+)@(\S+)")

SideContents = dict[str, ServiceContents]
"""What one side has, by service."""


def side_of(settings: Settings, word: str) -> SideContents:
    """Return what a word names; RefusedInputError if it names neither of the three."""
    if word in settings.topology().environments:
        return _environment(settings, word)
    if release := _RELEASE.fullmatch(word):
        return _release(settings, release[1], int(release[2]))
    if commit := _COMMIT.fullmatch(word):
        return _commit(settings, commit[1], commit[2])
    raise RefusedInputError(
        "diff.unknown_side",
        f"{printable(word, 100)!r} names nothing that can be compared",
        state="nothing was called",
        remedy="write an environment, a release as STACK/NUMBER, or a commit as OWNER/NAME@COMMIT",
    )


def released_contents(records: Records, intent: Intent) -> ServiceContents:
    """Return what a release has deployed; its template is None where its artifact is gone."""
    return ServiceContents.of_release(intent, _template(records, intent))


def _template(records: Records, intent: Intent) -> TemplateDocument | None:
    from tiercel.tasks.records.artifacts import read_artifact
    from tiercel.tasks.verification.unexecuted_plans import read_packaged_template

    try:
        manifest = read_artifact.fn(
            records, intent.service, intent.artifact_id, intent.artifact_digest
        )
        return read_packaged_template.fn(records, manifest)
    except TiercelError:
        return None


def _environment(settings: Settings, name: str) -> SideContents:
    from tiercel.tasks.records.ledger import read_live_releases

    names = settings.names(name)
    records = settings.target(names).records
    live = [
        one.running.intent
        for one in read_live_releases.fn(records)
        if one.running and one.stack.startswith(names.stack_prefix)
    ]
    return {intent.service: released_contents(records, intent) for intent in live}


def _release(settings: Settings, stack: str, number: int) -> SideContents:
    from tiercel.domain.organization.names import names_of_stack
    from tiercel.tasks.records.ledger import no_release, read_release

    names = names_of_stack(settings.topology(), stack)
    records = settings.target(names).records
    found = read_release.fn(records, stack, number)
    if found is None:
        raise no_release(stack, number, records.bucket)
    return {found.intent.service: released_contents(records, found.intent)}


def _commit(settings: Settings, repository: str, revision: str) -> SideContents:
    """Return what a commit describes, and of it what the verifying environment has published."""
    from tiercel.domain.artifact.source_tree import paths_of_all, source_trees
    from tiercel.domain.configuration.requests import require_repository_name, require_revision
    from tiercel.tasks.records.artifacts import find_artifact
    from tiercel.tasks.source.fetch import fetch_commit
    from tiercel.tasks.source.repository import find_objects
    from tiercel.tasks.source.services import load_services
    from tiercel.tasks.verification.unexecuted_plans import read_packaged_template

    require_repository_name(repository)
    require_revision(revision)
    topology = settings.topology()
    place = topology.verifying.name
    records = settings.target(settings.names(place)).records
    commit = fetch_commit.fn(topology.current_name(repository), revision, "")
    services = load_services.fn(commit, topology).services
    objects = find_objects.fn(commit, paths_of_all(services.values()))
    trees = source_trees(services.values(), {path: one.id for path, one in objects.items()})
    found: SideContents = {}
    for name, service in services.items():
        manifest = find_artifact.fn(records, trees[name])
        template = read_packaged_template.fn(records, manifest) if manifest else None
        found[name] = ServiceContents(
            words=short_commit(commit.sha) + ("" if manifest else ", not published"),
            artifact_id=trees[name].artifact_id,
            parameters=service.parameters_in(place),
            template=template,
            partial=True,
        )
    return found


def show_differences(
    output: Output, title: str, found: Sequence[ServiceDifference], more: Mapping[str, object]
) -> None:
    """Print how two sides differ: services, then resources; as a document all of it."""
    from tiercel.domain.review.release_differences import resources_of

    output.document("diff", {**more, "services": [one.model_dump(mode="json") for one in found]})
    if output.as_json:
        return
    output.table(
        title,
        ("service", "difference", "before", "after", "artifact", "parameters"),
        [
            (
                one.service,
                one.presence.value,
                one.before,
                one.after,
                _artifact(one),
                one.parameter_words,
            )
            for one in found
        ],
        least=("after", "before"),
    )
    rows = [
        (
            service,
            change.action,
            change.logical_id,
            change.resource_type,
            ", ".join(change.properties),
            "yes" if change.changes_permissions else "",
        )
        for service, change in resources_of(list(found))
    ]
    if rows:
        header = ("service", "action", "resource", "type", "properties", "permissions")
        output.table("Resources, as the templates say", header, rows, least=("properties",))
    differing = sum(one.presence is not Presence.SAME for one in found)
    output.result(f"{differing} of {len(found)} services differ")


def _artifact(one: ServiceDifference) -> str:
    if one.presence in {Presence.ADDED, Presence.REMOVED}:
        return ""
    if one.template_unknown:
        return "differs; a template is not there"
    return "differs" if one.artifact_differs else "same"
