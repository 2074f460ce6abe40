"""What is wrong with a service's templates, as it is told: all of it, and each thing once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum, auto

from tiercel.domain.base.errors import RefusedInputError, TiercelError
from tiercel.domain.base.text import printable
from tiercel.domain.base.values import Frozen

_MOST_TOLD = 100
_LONGEST_LINE = 400


class FaultAt(Frozen):
    """One place in a template that has a fault; `path` are the keys that lead to it."""

    template: str
    path: tuple[str, ...]
    text: str


class FaultKind(Enum):
    """What a fault is about."""

    NAME = auto()
    ROLE = auto()
    SERVICE = auto()


class TemplateFault(Frozen):
    """One kind of fault, wherever the templates have it; `remedy` is what to write."""

    kind: FaultKind
    remedy: str
    findings: tuple[FaultAt, ...]


LineOf = Callable[[FaultAt], int]
"""The line of a template in which a finding stands, from 1."""


def merged(by_environment: Mapping[str, Iterable[TemplateFault]]) -> list[TemplateFault]:
    """Return the faults of all environments; what only some of them have names them."""
    found: dict[FaultKind, list[tuple[str, TemplateFault]]] = {}
    for environment, faults in by_environment.items():
        for fault in faults:
            found.setdefault(fault.kind, []).append((environment, fault))
    return [_one_of(alike, len(by_environment)) for alike in found.values()]


def _one_of(alike: Sequence[tuple[str, TemplateFault]], environments: int) -> TemplateFault:
    having: dict[FaultAt, list[str]] = {}
    for environment, fault in alike:
        for finding in fault.findings:
            having.setdefault(finding, []).append(environment)
    findings = tuple(
        finding
        if len(names) == environments
        else finding.model_copy(update={"text": f"{finding.text} (in {', '.join(names)})"})
        for finding, names in having.items()
    )
    remedy = "\n".join(dict.fromkeys(fault.remedy for _, fault in alike))
    return alike[0][1].model_copy(update={"findings": findings, "remedy": remedy})


def refused(fault: TemplateFault, line_of: LineOf) -> RefusedInputError:
    """Return the error of a fault, which names the line of each finding."""
    match fault.kind:
        case FaultKind.NAME:
            return _refusal(
                "template.name_without_prefix",
                "names in the template do not begin with the environment's prefix",
                fault,
                line_of,
            )
        case FaultKind.ROLE:
            return _refusal(
                "template.role_without_boundary",
                "a role would not have the environment's permissions boundary",
                fault,
                line_of,
            )
        case FaultKind.SERVICE:
            return _refusal(
                "template.service_not_listed",
                "the template needs a service that the environment's stacks may not use",
                fault,
                line_of,
            )


def _refusal(code: str, what: str, fault: TemplateFault, line_of: LineOf) -> RefusedInputError:
    lines = [
        printable(f"{one.template}:{line_of(one)}: {'.'.join(one.path)}: {one.text}", _LONGEST_LINE)
        for one in fault.findings[:_MOST_TOLD]
    ]
    if len(fault.findings) > _MOST_TOLD:
        lines.append(f"and {len(fault.findings) - _MOST_TOLD} more")
    return RefusedInputError(
        code, what, why="\n".join(lines), state="nothing was deployed", remedy=fault.remedy
    )


def one_error(errors: Sequence[TiercelError], where: str) -> TiercelError:
    """Return one error for all that is wrong with a service, which is told as a whole."""
    if len(errors) == 1:
        return errors[0]
    return type(errors[0])(
        "verify.several_faults",
        f"{len(errors)} kinds of faults would keep the service from being deployed",
        where=where,
        state="nothing was deployed",
        remedy="see each of them",
        causes=[one.failure for one in errors],
    )
