"""Loops over resources, written out where it is known before a deploy what they loop over.

What stands in a loop is packaged, bounded and reviewed like any other resource then.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-foreach.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.text import printable
from tiercel.domain.base.values import TemplateDocument
from tiercel.domain.template.boundary import LOOP
from tiercel.domain.template.expansion.budget import NodeBudget

_PARTS = 3
ANY_ITEM = "${?}"
"""Stands for the item of a loop that stays one."""
_SHOWN = 300


class LoopedResource(NamedTuple):
    """What a loop makes that stays one: as many resources as only a deploy knows.

    In `logical_id` and `resource` the loop's variable is unknown; `written` has it.
    """

    written: str
    logical_id: str
    resource: TemplateDocument


def looped_resources(template: TemplateDocument) -> Iterator[LoopedResource]:
    """Yield what stands in a template's loops, and in the loops in those."""
    found = template.get("Resources")
    for name, value in found.items() if isinstance(found, dict) else ():
        if str(name).startswith(LOOP):
            yield from _looped(str(name), value, ())


def _looped(name: str, value: Any, variables: tuple[_Variable, ...]) -> Iterator[LoopedResource]:
    if name.startswith(LOOP):
        if isinstance(value, list) and len(value) == _PARTS and isinstance(value[2], dict):
            inner = _Variable(str(value[0]), ANY_ITEM, ANY_ITEM)
            for key, body in value[2].items():
                yield from _looped(str(key), body, (*variables, inner))
        return
    logical_id, resource = name, value
    for variable in variables:
        logical_id, resource = _filled(logical_id, variable), _filled(resource, variable)
    if isinstance(resource, dict):
        yield LoopedResource(name, logical_id, resource)


def unrolled(template: TemplateDocument, where: str) -> TemplateDocument:
    """Return a template with the resources that its loops make, as AWS::LanguageExtensions does.

    A loop over what only a deploy knows, such as a parameter, stays one. Raises RefusedInputError
    for two resources of one name, and for more than a template may have.
    """
    found = template.get("Resources")
    if not isinstance(found, dict) or not any(str(name).startswith(LOOP) for name in found):
        return template
    writer = _Writer(template.get("Mappings"), where)
    return template | {"Resources": writer.written(found)}


class _Writer:
    """Writes out the loops of one template."""

    def __init__(self, mappings: Any, where: str) -> None:
        self._mappings = mappings
        self._where = where
        self._budget = NodeBudget(where)

    def written(self, entries: TemplateDocument) -> TemplateDocument:
        result: TemplateDocument = {}
        for name, value in entries.items():
            for made, body in self._of(str(name), value):
                if made in result:
                    raise self._clash(made)
                result[made] = body
        return result

    def _of(self, name: str, value: Any) -> Iterator[tuple[str, Any]]:
        known = self._known_loop(name, value)
        if known is None:
            yield name, value
            return
        identifier, items, body = known
        for item in items:
            yield from self.written(self._with(body, identifier, item)).items()

    def _known_loop(self, name: str, value: Any) -> tuple[str, list[str], TemplateDocument] | None:
        if not name.startswith(LOOP) or not isinstance(value, list) or len(value) != _PARTS:
            return None
        identifier, collection, body = value
        items = self._items(collection)
        if not isinstance(identifier, str) or not isinstance(body, dict) or items is None:
            return None
        return identifier, items, body

    def _items(self, collection: Any) -> list[str] | None:
        """Return what is looped over, None if only a deploy knows it."""
        if isinstance(collection, dict) and collection.keys() == {"Fn::FindInMap"}:
            collection = self._mapped(collection["Fn::FindInMap"])
        if not isinstance(collection, list) or any(isinstance(x, dict | list) for x in collection):
            return None
        return [_text(item) for item in collection]

    def _mapped(self, keys: Any) -> Any:
        node = self._mappings
        for key in keys if isinstance(keys, list) else [None]:
            node = node.get(key) if isinstance(node, dict) and isinstance(key, str) else None
        return node

    def _with(self, value: Any, identifier: str, item: str) -> Any:
        letters = re.sub("[^A-Za-z0-9]", "", item)
        return _filled(value, _Variable(identifier, item, letters), self._budget.spend)

    def _clash(self, name: str) -> RefusedInputError:
        return RefusedInputError(
            "template.loop_clash",
            "two resources of a template have the same name once its loops are written out",
            where=self._where,
            why=printable(repr(name), _SHOWN),
            state="nothing was uploaded or deployed",
            remedy="use the loop's variable in the name, as in `Table${Name}`",
        )


class _Variable(NamedTuple):
    """A loop's variable, and what takes its place: an item, or its letters and digits."""

    name: str
    item: str
    letters: str


def _filled(value: Any, variable: _Variable, spend: Callable[[], None] = lambda: None) -> Any:
    """Return a value of a loop's body for one item.

    `${Name}` is the item, `&{Name}` its letters and digits.
    """
    spend()
    if isinstance(value, str):
        plain = value.replace(f"${{{variable.name}}}", variable.item)
        return plain.replace(f"&{{{variable.name}}}", variable.letters)
    if isinstance(value, list):
        return [_filled(one, variable, spend) for one in value]
    if not isinstance(value, dict):
        return value
    if value == {"Ref": variable.name}:
        return variable.item
    return {
        _filled(name, variable, spend): _filled(one, variable, spend) for name, one in value.items()
    }


def _text(item: Any) -> str:
    """CloudFormation writes truth values in small letters."""
    return str(item).lower() if isinstance(item, bool) else str(item)
