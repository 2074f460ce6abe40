"""What stacks take from each other: by parameters named as outputs, and by exports."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tiercel.domain.base.values import Frozen, TemplateDocument
from tiercel.domain.onboarding.seen import Unclear
from tiercel.domain.template.local_files import walk

_VARIABLE = re.compile(r"\$\{([^!{}][^{}]*)\}")
_BY_STACK = "${AWS::StackName}"


class Taken(Frozen):
    """What a service takes from another; `names_stack` is a parameter that has its stack's name."""

    service: str
    giver: str
    names: tuple[str, ...]
    names_stack: str = ""


class StackLinks(Frozen):
    """What services take from each other, and what of it could not be told."""

    taken: tuple[Taken, ...] = ()
    unclear: tuple[Unclear, ...] = ()

    def depends_on(self, service: str) -> tuple[str, ...]:
        """Return the services whose stacks have to be there before this one's."""
        return tuple(sorted({one.giver for one in self.taken if one.service == service}))

    def stacks_named_by(self, service: str) -> dict[str, str]:
        """Return by parameter of a service the service whose stack's name it gets."""
        own = (one for one in self.taken if one.service == service and one.names_stack)
        return {one.names_stack: one.giver for one in own}


def links_between(templates: Mapping[str, TemplateDocument]) -> StackLinks:
    """Return what services take from each other, given the template of each.

    What more than one other gives, and what closes a circle, is told as unclear and left out.
    """
    found: list[Taken] = []
    unclear: list[Unclear] = []
    for service, template in templates.items():
        nowhere: list[str] = []
        for name, givers, parameter in _wanted(service, template, templates):
            if len(givers) == 1:
                found.append(_taken(service, givers[0], name, parameter))
            elif givers:
                unclear.append(
                    Unclear(
                        what=f"{service} takes {name}, which {' and '.join(givers)} both give",
                        do=f"name the right one in services.{service}.depends_on",
                    )
                )
            elif parameter is not None:
                nowhere.append(name)
        if nowhere:
            unclear.append(
                Unclear(
                    what=f"{service} imports {', '.join(nowhere)}, which no template here exports",
                    do="let the stack that exports it be there first, in the same account",
                )
            )
    kept, circles = _without_circles(found)
    return StackLinks(taken=tuple(kept), unclear=(*unclear, *circles))


def _taken(service: str, giver: str, name: str, parameter: str | None) -> Taken:
    return Taken(service=service, giver=giver, names=(name,), names_stack=parameter or "")


def _wanted(
    service: str, template: TemplateDocument, templates: Mapping[str, TemplateDocument]
) -> Iterator[tuple[str, list[str], str | None]]:
    """Yield what a service takes, who gives it, and, of an import, the parameter in its name."""
    others = {name: one for name, one in templates.items() if name != service}
    outputs = {name: set(mapping_of(one, "Outputs")) for name, one in others.items()}
    for parameter, declared in mapping_of(template, "Parameters").items():
        givers = sorted(name for name, given in outputs.items() if parameter in given)
        if givers and "Default" not in (declared if isinstance(declared, dict) else {}):
            yield parameter, givers, None
    for imported in dict.fromkeys(_imports(template)):
        exporting = {
            name: fitting
            for name, one in others.items()
            if (fitting := [export for export in _exports(one) if _fits(imported, export)])
        }
        by_stack = all(one.startswith(_BY_STACK) for found in exporting.values() for one in found)
        parameter = _stack_parameter(imported, template) if by_stack else ""
        yield imported, sorted(exporting), parameter


def mapping_of(template: TemplateDocument, section: str) -> TemplateDocument:
    """Return a section of a template, empty if it is none."""
    found = template.get(section)
    return found if isinstance(found, dict) else {}


def _imports(template: TemplateDocument) -> Iterator[str]:
    for _, node in walk(template):
        if "Fn::ImportValue" in node and (name := _name_in(node["Fn::ImportValue"])):
            yield name


def _exports(template: TemplateDocument) -> Iterator[str]:
    for output in mapping_of(template, "Outputs").values():
        export = output.get("Export") if isinstance(output, dict) else None
        if isinstance(export, dict) and (name := _name_in(export.get("Name"))):
            yield name


def _name_in(value: Any) -> str:
    """Return a name with its variables as Fn::Sub has them; empty if it cannot be told."""
    match value:
        case str():
            return value
        case {"Ref": str(name)}:
            return f"${{{name}}}"
        case {"Fn::Sub": str(text)} | {"Fn::Sub": [str(text), *_]}:
            return text
        case {"Fn::Join": [str(between), list(parts)]}:
            names = [_name_in(part) for part in parts]
            return between.join(names) if all(names) else ""
        case _:
            return ""


def _fits(imported: str, exported: str) -> bool:
    """Tell whether an import can mean an export: their literal parts are the same."""
    literals = [_VARIABLE.sub("\0", name) for name in (imported, exported)]
    return literals[0] == literals[1] and literals[0].strip("\0") != ""


def _stack_parameter(imported: str, template: TemplateDocument) -> str:
    """Return the one parameter without a default in a name, which is that of a stack."""
    names = [name for name in _VARIABLE.findall(imported) if not name.startswith("AWS::")]
    declared = mapping_of(template, "Parameters")
    known = [name for name in names if isinstance(declared.get(name), dict)]
    return known[0] if len(names) == len(known) == 1 and imported.startswith("${") else ""


def _without_circles(found: list[Taken]) -> tuple[list[Taken], list[Unclear]]:
    kept: list[Taken] = []
    unclear: list[Unclear] = []
    for one in found:
        if _reaches(kept, one.giver, one.service):
            unclear.append(
                Unclear(
                    what=f"{one.service} takes {', '.join(one.names)} from {one.giver}, which "
                    "takes something from it",
                    do="break the circle: one of the two has to be deployed first",
                )
            )
        else:
            kept.append(one)
    return kept, unclear


def _reaches(taken: list[Taken], start: str, end: str) -> bool:
    seen, waiting = set[str](), {start}
    while waiting:
        seen |= waiting
        waiting = {one.giver for one in taken if one.service in waiting} - seen
    return end in seen
