"""How two releases, commits or environments differ, service by service, without any value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum

from tiercel.domain.base.values import Frozen, TemplateDocument
from tiercel.domain.release.ledger import Intent
from tiercel.domain.review.templates.template_changes import template_changes
from tiercel.domain.stack.plan import Change
from tiercel.domain.template.boundary import BOUNDARY_PARAMETER
from tiercel.domain.template.locations import ASSET_BUCKET_PARAMETER

_OF_THE_ENVIRONMENT = frozenset({ASSET_BUCKET_PARAMETER, BOUNDARY_PARAMETER})
"""What packaging adds: it differs between any two environments, and says nothing."""


class ServiceContents(Frozen):
    """What one side has of a service: its artifact, its parameters and its template.

    Of a commit only those parameters are known that its tiercel.toml gives; it is `partial`. The
    template is None where nobody has published it. `words` say which release or commit it is.
    """

    words: str
    artifact_id: str
    parameters: Mapping[str, str]
    template: TemplateDocument | None
    partial: bool = False

    @classmethod
    def of_release(cls, intent: Intent, template: TemplateDocument | None) -> ServiceContents:
        """Return what a release of the ledger has deployed."""
        return cls(
            words=f"release {intent.number}",
            artifact_id=intent.artifact_id,
            parameters=intent.parameters,
            template=template,
        )


class Presence(StrEnum):
    """On which side a service is, and whether it is the same on both."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    SAME = "same"


class ServiceDifference(Frozen):
    """How a service differs. Of parameters there are the names only: a value may be a secret.

    `resources` are what the templates' text tells; `template_unknown` says that one of them is not
    there to be compared.
    """

    service: str
    presence: Presence
    before: str = ""
    after: str = ""
    artifact_differs: bool = False
    parameters_added: tuple[str, ...] = ()
    parameters_removed: tuple[str, ...] = ()
    parameters_changed: tuple[str, ...] = ()
    resources: tuple[Change, ...] = ()
    template_unknown: bool = False

    @property
    def parameter_words(self) -> str:
        """The names of parameters that differ, each with a sign."""
        signs = (
            ("+", self.parameters_added),
            ("-", self.parameters_removed),
            ("~", self.parameters_changed),
        )
        return " ".join(f"{sign}{name}" for sign, names in signs for name in names)


def release_differences(
    before: Mapping[str, ServiceContents], after: Mapping[str, ServiceContents]
) -> list[ServiceDifference]:
    """Return how each service of two sides differs, in the order of their names."""
    names = sorted({*before, *after})
    return [_difference(name, before.get(name), after.get(name)) for name in names]


def _difference(
    name: str, before: ServiceContents | None, after: ServiceContents | None
) -> ServiceDifference:
    if before is None or after is None:
        presence = Presence.ADDED if before is None else Presence.REMOVED
        return ServiceDifference(
            service=name,
            presence=presence,
            before=before.words if before else "",
            after=after.words if after else "",
        )
    differs = before.artifact_id != after.artifact_id
    unknown = differs and (before.template is None or after.template is None)
    resources = (
        template_changes(before.template, after.template)
        if before.template is not None and after.template is not None
        else ()
    )
    added, removed, changed = _parameters(before, after)
    same = not (differs or resources or added or removed or changed)
    return ServiceDifference(
        service=name,
        presence=Presence.SAME if same else Presence.CHANGED,
        before=before.words,
        after=after.words,
        artifact_differs=differs,
        parameters_added=added,
        parameters_removed=removed,
        parameters_changed=changed,
        resources=resources,
        template_unknown=unknown,
    )


def _parameters(
    before: ServiceContents, after: ServiceContents
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return the names of parameters that one side alone has, and of those whose values differ.

    What a partial side lacks may come from another stack: it is no difference.
    """
    old, new = _told(before), _told(after)
    added = () if before.partial else tuple(sorted(set(new) - set(old)))
    removed = () if after.partial else tuple(sorted(set(old) - set(new)))
    both = sorted(set(old) & set(new))
    return added, removed, tuple(name for name in both if old[name] != new[name])


def _told(one: ServiceContents) -> dict[str, str]:
    return {
        name: value for name, value in one.parameters.items() if name not in _OF_THE_ENVIRONMENT
    }


def resources_of(differences: list[ServiceDifference]) -> Iterator[tuple[str, Change]]:
    """Yield what changes of each service's resources."""
    for one in differences:
        for change in one.resources:
            yield one.service, change
