"""What a template's parameters may be, as far as that is known when its packages are made.

One package serves every environment: a value on which it depends has to be the same in each.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tiercel.domain.base.values import TemplateDocument
from tiercel.domain.organization.services import Service
from tiercel.domain.template.intrinsics import UNKNOWN_TEXT, TemplateScope, texts_of

GivenValues = Mapping[str, tuple[str | None, ...]]
"""By the name of a parameter, the texts that are given for it; None where its default counts."""
_RELEASED = ("preprod", "prod")
"""The environments that releases reach; docs/use/configuration.md."""
GIVEN_IN_PART = "${given}"
"""In a text: a value of tiercel.toml of which the artifact id knows nothing."""
_MACHINE = r"(?:x86_64|arm64|(?:dotnet|java|nodejs|provided|python|ruby)[0-9a-z.]{0,12})"
_MACHINES = re.compile(rf"{_MACHINE}(?: *, *{_MACHINE})*")


def names_machines(value: str) -> bool:
    """Tell whether a parameter's value is the name of a runtime or architecture, or several.

    These alone are part of the artifact id: a part of a name, as `3.12`, looks like any number.
    """
    return bool(_MACHINES.fullmatch(value))


def given_values(service: Service) -> dict[str, tuple[str | None, ...]]:
    """Return what a service's parameters are given in the environments, each value once.

    A value that names no machine is not told: no package may depend on it, or it would be another
    one under the same artifact id.
    """
    tables = [service.parameters_in(name) for name in (*_RELEASED, *service.environments)]
    names = dict.fromkeys(name for table in tables for name in table)
    return {
        name: tuple(dict.fromkeys(_told(table.get(name)) for table in tables)) for name in names
    }


def _told(value: str | None) -> str | None:
    return value if value is None or names_machines(value) else GIVEN_IN_PART


def value_scope(template: TemplateDocument, given: GivenValues) -> TemplateScope:
    """Return a template in which each parameter is what it may become at a deploy."""
    declared = template.get("Parameters") or {}
    values = {str(name): _possible(one, given.get(name, (None,))) for name, one in declared.items()}
    return TemplateScope("", {"": template}, values)


def passed_values(resource: TemplateDocument, scope: TemplateScope) -> dict[str, tuple[str, ...]]:
    """Return what a resource that is a nested stack gives to the parameters of its template."""
    properties = resource.get("Properties")
    passed = properties.get("Parameters") if isinstance(properties, dict) else None
    found = passed if isinstance(passed, dict) else {}
    return {str(name): texts_of(value, scope) for name, value in found.items()}


def merge_values(known: GivenValues | None, passed: GivenValues) -> GivenValues:
    """Return what is given by one more that nests the same template, after `known`.

    What only some of them give has its default beside the others.
    """
    if known is None:
        return passed
    both = {**known, **passed}
    unsaid = (None,)
    return {
        name: tuple(dict.fromkeys((*known.get(name, unsaid), *passed.get(name, unsaid))))
        for name in both
    }


def _possible(declared: Any, given: tuple[str | None, ...]) -> tuple[str, ...]:
    """A parameter without a default may be whatever is allowed."""
    parameter = declared if isinstance(declared, dict) else {}
    of_store = str(parameter.get("Type", "")).startswith("AWS::SSM::Parameter")
    if of_store:
        return (UNKNOWN_TEXT,)
    allowed = parameter.get("AllowedValues")
    fallback: list[Any] = [UNKNOWN_TEXT]
    if "Default" in parameter:
        fallback = [parameter["Default"]]
    elif isinstance(allowed, list) and allowed:
        fallback = allowed
    texts = [str(one) for value in given for one in ([value] if value is not None else fallback)]
    return tuple(dict.fromkeys(texts))
