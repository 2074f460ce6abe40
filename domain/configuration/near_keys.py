"""Which key was meant by one that nobody knows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any, get_args, get_origin

from pydantic import BaseModel

_ALIKE = 0.6
_OWN_NAME = "NAME"


def hint_for(model: type[BaseModel], path: Sequence[str]) -> str:
    """Return what to say of an unknown key besides that it is one; empty if nothing is alike.

    It is a key of the same table that is spelt much the same, or the one table that has a key of
    that very name.
    """
    if not path:  # of the file itself, or called as Pydantic calls the keys of tables
        return ""
    *parents, key = path
    table = _table_at(model, parents)
    names = list(_keys(table)) if table else []
    near = get_close_matches(key, names, 1, _ALIKE)
    if near:
        return f"; did you mean `{near[0]}`?"
    places = [".".join(place) for place, one in _tables(model) if key in _keys(one)]
    return f"; it belongs to `{places[0]}`" if len(places) == 1 and places[0] else ""


def _keys(table: type[BaseModel]) -> dict[str, Any]:
    """Return the keys that may be written: not the names of tables, nor what is read elsewhere."""
    fields = {name: one for name, one in table.model_fields.items() if not one.exclude}
    return {
        name: one.annotation for name, one in fields.items() if name != "name" or not _named(table)
    }


def _named(table: type[BaseModel]) -> bool:
    """Tell whether a table's own name is its name."""
    return "branch" in table.model_fields or "path" in table.model_fields


def _table_at(model: type[BaseModel], path: Sequence[str]) -> type[BaseModel] | None:
    table: type[BaseModel] | None = model
    names = iter(path)
    for name in names:
        annotation = _keys(table).get(name) if table else None
        table, is_named = _table_in(annotation)
        if is_named:
            next(names, None)
    return table


def _table_in(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """Return the table that a key holds, and whether it holds one for each name, or in a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    found = [_table_in(one)[0] for one in get_args(annotation)]
    table = next((one for one in found if one), None)
    return table, table is not None and get_origin(annotation) in {dict, tuple}


def _tables(
    model: type[BaseModel], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], type[BaseModel]]]:
    yield path, model
    for name, annotation in _keys(model).items():
        table, is_named = _table_in(annotation)
        if table:
            yield from _tables(table, (*path, name, *((_OWN_NAME,) if is_named else ())))
