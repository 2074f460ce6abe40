"""Which templates of a repository are stacks of their own, and what their services are called."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import PurePosixPath

from tiercel.domain.base.values import TemplateDocument
from tiercel.domain.configuration.discovery import TEMPLATE_NAMES
from tiercel.domain.onboarding.links import mapping_of
from tiercel.domain.onboarding.seen import RepositorySeen

NOT_SOURCES = frozenset({"node_modules", ".aws-sam", "cdk.out", "tests", "test", ".git", ".venv"})
"""Folders whose templates nobody deploys, and in which no code of a service lies."""
_LONGEST_NAME = 32
_NESTING = {"AWS::CloudFormation::Stack": "TemplateURL", "AWS::Serverless::Application": "Location"}


def is_template(document: object) -> bool:
    """Tell whether a document is a template of CloudFormation or SAM."""
    resources = document.get("Resources") if isinstance(document, dict) else None
    return isinstance(resources, dict) and any(
        isinstance(one, dict) and "::" in str(one.get("Type", "")) for one in resources.values()
    )


def stacks_of(seen: RepositorySeen) -> dict[str, str]:
    """Return the templates that are stacks of their own, by the name of their service.

    Those that another one nests are part of its stack.
    """
    nested = {path for at, one in seen.templates.items() for path in nested_paths(at, one)}
    own = sorted(path for path in seen.templates if path not in nested and _is_source(path))
    named: dict[str, str] = {}
    for path, name in _names(own, seen.name).items():
        named[_free_name(name, named)] = path
    return dict(sorted(named.items()))


def nested_paths(path: str, template: TemplateDocument) -> Iterable[str]:
    """Return the files of the repository that a template nests."""
    for resource in mapping_of(template, "Resources").values():
        if not isinstance(resource, dict):
            continue
        key = _NESTING.get(str(resource.get("Type")))
        named = mapping_of(resource, "Properties").get(key) if key else None
        if isinstance(named, str) and "://" not in named:
            yield _normal(PurePosixPath(path).parent / named)


def _normal(path: PurePosixPath) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and parts:
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def _is_source(path: str) -> bool:
    return not NOT_SOURCES.intersection(PurePosixPath(path).parts)


def _names(own: Collection[str], repository: str) -> dict[str, str]:
    """Return what each template's service is called; folders above tell equal names apart."""
    words = {path: _words(path, repository, own) for path in own}
    used = dict.fromkeys(own, 1)
    while True:
        names = {path: _plain("-".join(reversed(words[path][: used[path]]))) for path in own}
        counts = Counter(names.values())
        more = [one for one in own if counts[names[one]] > 1 and used[one] < len(words[one])]
        if not more:
            return names
        used |= {path: used[path] + 1 for path in more}


def _words(path: str, repository: str, own: Collection[str]) -> list[str]:
    """Return the folders of a template, the nearest first, and before them its own name if its
    folder has several.
    """
    place = PurePosixPath(path)
    alone = sum(PurePosixPath(one).parent == place.parent for one in own) == 1
    folders = [*reversed(place.parent.parts)] or [repository]
    return (
        folders
        if alone or place.name in TEMPLATE_NAMES
        else [place.name.partition(".")[0], *folders]
    )


def _plain(words: str) -> str:
    """Return words as the name of a service, cut between two of them if they are many."""
    plain = re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")
    if len(plain) > _LONGEST_NAME:
        plain = plain[: _LONGEST_NAME + 1].rpartition("-")[0] or plain[:_LONGEST_NAME]
    return plain if re.match(r"[a-z].", plain) else f"service-{plain}".strip("-")


def _free_name(name: str, taken: Mapping[str, str]) -> str:
    """Return the name, with a number behind it if another service has it already."""
    numbers = (f"{name[: _LONGEST_NAME - 4]}-{number}" for number in range(2, 1000))
    return next(one for one in (name, *numbers) if one not in taken)
