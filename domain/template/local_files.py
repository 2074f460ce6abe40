"""Paths that templates name, and the refusals of what cannot be packaged.

Local ones would reach CloudFormation as they are and fail there later and less clearly. What lies
elsewhere could be changed after it was reviewed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.limits import not_a_mapping
from tiercel.domain.base.text import printable
from tiercel.domain.base.values import TemplateDocument

_WITH_IMAGE = ("AWS::Lambda::Function", "AWS::Serverless::Function")


def refuse_images(
    logical_id: str, properties: TemplateDocument, resource: TemplateDocument, where: str
) -> None:
    """Raise RefusedInputError for a function whose container image would have to be built.

    `properties` are its own and those that it inherits.
    """
    if resource.get("Type") not in _WITH_IMAGE:
        return
    image = properties.get("ImageUri")
    code = properties.get("Code")
    if isinstance(code, dict) and "ImageUri" in code:
        image = code["ImageUri"]
    if mapping(resource, "Metadata", where).get("Dockerfile"):
        why = "its Metadata names a Dockerfile"
    elif is_local(image) and "dkr.ecr." not in str(image):
        why = f"ImageUri names {printable(repr(image), 300)}, which is no image in ECR"
    elif image is None and properties.get("PackageType") == "Image":
        why = "its PackageType is Image, and no ImageUri says which"
    else:
        return
    raise RefusedInputError(
        "template.container_image",
        f"{logical_id} needs a container image that is not built yet",
        where=where,
        why=f"{why}; Tiercel packages zips, and builds no images",
        state="nothing was uploaded or deployed",
        remedy="use PackageType Zip, with layers for what is large; or build the image elsewhere, "
        "and name it by its address and digest in ECR. Images that are built and promoted by "
        "Tiercel are planned",
    )


def repository_path(template: PurePosixPath, path: str, named_by: str) -> PurePosixPath:
    """Return a path that a template names, from the root of the repository.

    Raises RefusedInputError for one that leaves the repository.
    """
    parts: list[str] = []
    for part in (template.parent / path).parts:
        if part == ".." and parts:
            parts.pop()
        elif part in ("..", "/") or "\x00" in part:
            raise RefusedInputError(
                "template.path_leads_out",
                "a local path leaves the repository",
                where=f"{named_by} in {template}",
                why=repr(path),
                remedy="refer to files of the repository only",
            )
        else:
            parts.append(part)
    return PurePosixPath(*parts)


def is_local(value: Any) -> bool:
    """Tell whether a property's value names something in the repository."""
    return isinstance(value, str) and "://" not in value and not value.startswith("arn:")


def mapping(parent: TemplateDocument, key: str, where: str) -> TemplateDocument:
    """Return the mapping below a key, an empty one if there is none; RefusedInputError for text."""
    value = parent.get(key) or {}
    if not isinstance(value, dict):
        raise not_a_mapping(key, where)
    return value


def walk(value: Any, pointer: str = "") -> Iterator[tuple[str, TemplateDocument]]:
    """Yield every mapping of a value, itself first, with the keys that lead to it."""
    if isinstance(value, dict):
        yield pointer or "/", value
        for key, child in value.items():
            yield from walk(child, f"{pointer}/{key}")
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from walk(child, f"{pointer}/{index}")


def refused_loop(loop: str, where: str) -> RefusedInputError:
    """Return the error of a loop over local paths that only a deploy would know."""
    return RefusedInputError(
        "template.loop_unknown",
        f"{loop} makes resources with local files, and only a deploy knows for what",
        where=where,
        why="its collection is neither a list nor found in Mappings by names",
        state="nothing was uploaded or deployed",
        remedy="write the collection as a list in the template, or as a mapping of it",
    )


def remote_include(pointer: str, location: Any, where: str) -> RefusedInputError:
    """Return the error of a part that a template would read from elsewhere."""
    return _elsewhere(
        "template.remote_include",
        "a template includes a part that lies elsewhere",
        where=f"{pointer} in {where}",
        why=_shown(location),
    )


def require_not_elsewhere(place: str, value: Any, kind: str, where: str) -> None:
    """Raise RefusedInputError for a property of a packaged kind that names something elsewhere.

    What lies elsewhere can be changed after it was reviewed and signed. `kind` is that of the
    asset; `value` is no local path.
    """
    if not _lies_elsewhere(value):
        return
    where, why = f"{place} in {where}", _shown(value)
    if kind in ("code", "layer"):
        raise _elsewhere(
            "template.remote_code", "a function's code lies elsewhere", where=where, why=why
        )
    if kind == "template":
        raise _elsewhere(
            "template.remote_template", "a nested template lies elsewhere", where=where, why=why
        )
    raise _elsewhere(
        "template.remote_definition", "a definition lies elsewhere", where=where, why=why
    )


def _lies_elsewhere(value: Any) -> bool:
    """Inline code and images are no places, on whichever side of a condition."""
    if not isinstance(value, dict):
        return isinstance(value, str)
    if isinstance(value.get("Fn::If"), list):
        return any(_lies_elsewhere(one) for one in value["Fn::If"][1:])
    return bool(value) and not {"ZipFile", "ImageUri"} & value.keys() and not _is_no_value(value)


def _is_no_value(value: TemplateDocument) -> bool:
    return value == {"Ref": "AWS::NoValue"}


def _shown(value: Any) -> str:
    return f"it is read from {printable(json.dumps(value), 300)} when the stack is deployed"


def _elsewhere(code: str, what: str, *, where: str, why: str) -> RefusedInputError:
    return RefusedInputError(
        code,
        what,
        where=where,
        why=why,
        state="nothing was uploaded or deployed",
        remedy="put it into the repository, and name it by its path there",
    )
