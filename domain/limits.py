"""AWS's limits that are checked before the first call.

Sources: CloudFormation quotas
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html,
Lambda quotas https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from domain.errors import RefusedInputError

MAX_TEMPLATE_BYTES = 1_000_000
MAX_TEMPLATE_NODES = 100_000
MAX_PARAMETERS = 200
MAX_RESOURCES = 500
MAX_OUTPUTS = 200
MAX_UNZIPPED_BYTES = 250 * 1024 * 1024
MAX_PACKAGE_FILES = 65_534
MAX_NAME_BYTES = 1_024


def check_template(template: dict[str, Any], where: str) -> None:
    """Raise RefusedInputError if the template has more than CloudFormation takes, or nothing."""
    resources = template.get("Resources")
    if not isinstance(resources, dict) or not resources:
        raise RefusedInputError(
            "the template has no Resources",
            where=where,
            state="nothing was uploaded",
            remedy="give it at least one resource, or name another file as the template",
        )
    for section, limit in (
        ("Resources", MAX_RESOURCES),
        ("Parameters", MAX_PARAMETERS),
        ("Outputs", MAX_OUTPUTS),
    ):
        entries = template.get(section) or {}
        if not isinstance(entries, dict):
            raise RefusedInputError(f"{section} must be a mapping", where=where)
        _at_most(len(entries), limit, f"{section} of the template", where)
    for name, declared in (template.get("Parameters") or {}).items():
        if not isinstance(declared, dict):
            raise RefusedInputError(f"Parameters.{name} must be a mapping", where=where)


def check_template_size(size: int, where: str) -> None:
    """Raise RefusedInputError if a template is longer than CloudFormation reads, in bytes."""
    _at_most(size, MAX_TEMPLATE_BYTES, "bytes of the template", where)


def check_package(names: Iterable[str], unzipped: int, where: str) -> None:
    """Raise RefusedInputError if a package cannot be a Lambda function or layer.

    Names that differ only in case overwrite each other on some systems, and names that
    are not UTF-8 are read in different ways, so both are refused as well.
    """
    _at_most(unzipped, MAX_UNZIPPED_BYTES, "unzipped bytes", where)
    seen: dict[str, str] = {}
    for count, name in enumerate(names, start=1):
        _at_most(count, MAX_PACKAGE_FILES, "files", where)
        _at_most(_name_bytes(name, where), MAX_NAME_BYTES, "bytes in a file's name", where)
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            raise RefusedInputError(
                "two files of a package differ only in case",
                where=where,
                why=f"{other!r} and {name!r}",
                state="nothing was uploaded",
                remedy="rename one of them",
            )


def _name_bytes(name: str, where: str) -> int:
    try:
        return len(name.encode())
    except UnicodeEncodeError as error:
        raise RefusedInputError(
            "a file's name is not UTF-8",
            where=where,
            why=repr(name),
            state="nothing was uploaded",
            remedy="rename it",
        ) from error


def _at_most(value: int, limit: int, unit: str, where: str) -> None:
    if value > limit:
        raise RefusedInputError(
            f"too many {unit}: {value:,}; AWS takes {limit:,}",
            where=where,
            state="nothing was uploaded",
            remedy="make it smaller, or split the service",
        )
