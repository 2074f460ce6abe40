"""Whether a smoke test names what the template has."""

from __future__ import annotations

from collections.abc import Iterable

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.values import TemplateDocument
from tiercel.domain.organization.services import Service

_SAM = "AWS::Serverless-2016-10-31"
_LOOP = "Fn::ForEach"


def require_smoke_target(service: Service, template: TemplateDocument) -> None:
    """Raise RefusedInputError if the template lacks what the smoke test is about.

    A template that macros or loops make more of is judged after the deploy alone. What SAM makes
    of a resource has a name that begins with the resource's.
    """
    test = service.smoke_test
    if test is None or _grows(template):
        return
    section, key, name = (
        ("Resources", "invoke", test.invoke) if test.invoke else ("Outputs", "http", test.http)
    )
    known = template.get(section)
    if isinstance(known, dict) and (name in known or _is_made(name, known, template)):
        return
    raise RefusedInputError(
        "smoke_test.no_target",
        f"the smoke test names {name}, which is not in {section} of the template",
        where=f"services.{service.name}.smoke_test.{key} and {service.template_path}",
        state="nothing was deployed",
        remedy=f"add it to the template, or correct services.{service.name}.smoke_test.{key}",
    )


def _is_made(name: str | None, known: Iterable[object], template: TemplateDocument) -> bool:
    by_sam = template.get("Transform") is not None
    return by_sam and name is not None and name.startswith(tuple(str(one) for one in known))


def _grows(template: TemplateDocument) -> bool:
    """Tell whether the deploy may make resources and outputs that the template does not name."""
    transforms = template.get("Transform") or []
    named = transforms if isinstance(transforms, list) else [transforms]
    sections = (template.get("Resources"), template.get("Outputs"))
    return any(one != _SAM for one in named) or any(
        isinstance(section, dict)
        and any(str(key).startswith((_LOOP, "Fn::Transform")) for key in section)
        for section in sections
    )
