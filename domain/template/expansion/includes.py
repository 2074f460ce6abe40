"""Parts that templates take from files of the repository by `AWS::Include`.

CloudFormation would read them from a bucket while it makes the change set. They are put into the
template instead when it is packaged: so whatever looks at a template (the permissions boundary,
what it lets in, its limits) sees all of it, and one template serves every environment.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/transform-aws-include.html
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.text import printable
from tiercel.domain.base.values import TemplateDocument
from tiercel.domain.template.expansion.budget import NodeBudget
from tiercel.domain.template.local_files import is_local, mapping, remote_include, walk

_INCLUDE = "AWS::Include"
_SHOWN = 300


def included_paths(template: TemplateDocument, where: str) -> tuple[str, ...]:
    """Return the local files that a template includes, as it names them, none twice.

    Raises RefusedInputError for a part that lies elsewhere.
    """
    found: dict[str, None] = {}
    for pointer, macro in _macros(template):
        location = _location(macro, where)
        if is_local(location):
            found[str(location)] = None
        elif location is not None:
            raise remote_include(pointer, location, where)
    return tuple(found)


def with_parts(
    template: TemplateDocument, parts: Mapping[str, TemplateDocument], where: str
) -> TemplateDocument:
    """Return a template with the parts that it includes, given the content of each path.

    Raises RefusedInputError for a part that includes others, or that has a name which is there
    already, and for more than a template may have.
    """
    if not parts:
        return template
    for path, part in parts.items():
        _require_part(path, part, where)
    return dict(_Filling(parts, where).filled(template, "", ("Transform", "Fn::Transform")))


class _Filling:
    """Puts parts into one template."""

    def __init__(self, parts: Mapping[str, TemplateDocument], where: str) -> None:
        self._parts = parts
        self._where = where
        self._budget = NodeBudget(where)

    def filled(self, value: Any, pointer: str, keys: Collection[str] = ("Fn::Transform",)) -> Any:
        """Return a value in which local files stand for the macros that name them."""
        self._budget.spend()
        if isinstance(value, list):
            return [self.filled(one, f"{pointer}/{index}") for index, one in enumerate(value)]
        if not isinstance(value, dict):
            return value
        result: TemplateDocument = {}
        for name, child in value.items():
            if name in keys:
                self._take(result, child, pointer or "/", name)
            else:
                self._add(result, {name: self.filled(child, f"{pointer}/{name}")}, pointer or "/")
        return result

    def _take(self, result: TemplateDocument, macros: Any, pointer: str, key: str) -> None:
        """Put in what local files hold, and leave the other macros where they were."""
        several = macros if isinstance(macros, list) else [macros]
        others = []
        for macro in several:
            location = _location(macro, self._where) if _is_include(macro) else None
            if is_local(location):
                self._add(result, self.filled(self._parts[str(location)], pointer), pointer)
            else:
                others.append(macro)
        if others:
            result[key] = others if isinstance(macros, list) else others[0]

    def _add(self, result: TemplateDocument, more: TemplateDocument, pointer: str) -> None:
        for name, value in more.items():
            if name in result:
                raise RefusedInputError(
                    "template.include_clash",
                    "an included part has a name that is there already",
                    where=f"{pointer} in {self._where}",
                    why=printable(repr(name), _SHOWN),
                    state="nothing was uploaded or deployed",
                    remedy="rename one of the two, or take it out of the part or the template",
                )
            result[name] = value


def _macros(template: TemplateDocument) -> Iterator[tuple[str, Any]]:
    stated = [("/Transform", template.get("Transform"))]
    stated += [(pointer, node.get("Fn::Transform")) for pointer, node in walk(template)]
    for pointer, value in stated:
        for macro in value if isinstance(value, list) else [value]:
            if _is_include(macro):
                yield pointer, macro


def _is_include(macro: Any) -> bool:
    return isinstance(macro, dict) and macro.get("Name") == _INCLUDE


def _location(macro: TemplateDocument, where: str) -> Any:
    return mapping(macro, "Parameters", where).get("Location")


def _require_part(path: str, part: TemplateDocument, where: str) -> None:
    if any(True for _ in _macros(part)):
        raise RefusedInputError(
            "template.include_in_include",
            "a part that a template includes includes another one",
            where=f"{printable(path, _SHOWN)} in {where}",
            why="CloudFormation reads no part of a part",
            state="nothing was uploaded or deployed",
            remedy="include every part from the template itself",
        )
