"""The JSON Schema of tiercel.toml, for editors: https://taplo.tamasfe.dev/configuration/directives.html."""

from __future__ import annotations

from typing import Any

from tiercel.domain.organization.topology import Topology

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_NAMED = ("Environment", "Service")
_EITHER = (
    {"required": ["organization", "environments"]},
    {"required": ["services"], "not": {"required": ["environments"]}},
)
"""The worker's own file, and the file of a repository that describes its services alone."""


def configuration_schema() -> dict[str, Any]:
    """Return the schema that both kinds of tiercel.toml are valid by.

    What keys say together, such as that services wait in no circle, no schema tells:
    `tiercel config check` does.
    """
    schema = _strict(Topology.model_json_schema())
    del schema["required"]
    for name in _NAMED:
        table = schema["$defs"][name]
        del table["properties"]["name"]
        table["required"] = [one for one in table["required"] if one != "name"]
    rules = schema["$defs"]["StackRules"]
    del rules["properties"]["fragments"], schema["$defs"]["Fragment"]
    return {
        "$schema": _DIALECT,
        **schema,
        "title": "tiercel.toml",
        "anyOf": [dict(one) for one in _EITHER],
    }


def _strict(node: Any) -> Any:
    """Return a schema without what is no news to an editor, in which names have to be right."""
    if isinstance(node, list):
        return [_strict(one) for one in node]
    if not isinstance(node, dict):
        return node
    kept = {
        key: _strict(value)
        for key, value in node.items()
        if key != "title" or isinstance(value, dict)
    }
    if "patternProperties" in kept:
        kept["additionalProperties"] = False
    choices = [one for one in kept.get("anyOf", ()) if one != {"type": "null"}]
    if len(choices) == 1:  # TOML has no null: such a key is left out
        rest = {key: value for key, value in kept.items() if key not in {"anyOf", "default"}}
        return rest | choices[0]
    return kept
