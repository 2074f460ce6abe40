"""AWS's limits that are checked before the first call.

Sources: CloudFormation quotas
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html,
Lambda quotas https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html,
S3 keys https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html. What is
inside of archives is checked in `archives.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tiercel.domain.base.errors import RefusedInputError

MAX_TEMPLATE_BYTES = 1_000_000
MAX_TEMPLATE_FILE_BYTES = 4_000_000
"""Of a template as it is written: what is sent has neither comments nor white space."""
MAX_TEMPLATE_NODES = 100_000
MAX_TEMPLATE_LEVELS = 60
MAX_PARAMETERS = 200
MAX_RESOURCES = 500
MAX_OUTPUTS = 200
MAX_MAPPINGS = 200
MAX_DESCRIPTION_BYTES = 1_024
MAX_PARAMETER_BYTES = 4_096
MAX_KEY_BYTES = 1_024
MAX_RECORD_BYTES = 8 * 1024 * 1024
"""Of what Tiercel writes but packages: 200 parameters as long as they may be, each byte escaped
as six, are 5 MB."""

_LOGICAL_ID = re.compile("[A-Za-z0-9]{1,255}")


def require_template_limits(template: dict[str, Any], where: str) -> None:
    """Raise RefusedInputError if the template has more than CloudFormation takes, or nothing."""
    resources = template.get("Resources")
    if not isinstance(resources, dict) or not resources:
        raise RefusedInputError(
            "template.no_resources",
            "the template has no Resources",
            where=where,
            state="nothing was uploaded",
            remedy="give it at least one resource, or name another file as the template",
        )
    for section, limit in (
        ("Resources", MAX_RESOURCES),
        ("Parameters", MAX_PARAMETERS),
        ("Outputs", MAX_OUTPUTS),
        ("Mappings", MAX_MAPPINGS),
    ):
        entries = template.get(section) or {}
        if not isinstance(entries, dict):
            raise not_a_mapping(section, where)
        at_most(len(entries), limit, f"{section} of the template", where)
        _check_names(section, entries, where)
    description = str(template.get("Description") or "")
    at_most(len(description.encode()), MAX_DESCRIPTION_BYTES, "bytes of the Description", where)
    for name, declared in (template.get("Parameters") or {}).items():
        if not isinstance(declared, dict):
            raise not_a_mapping(f"Parameters.{name}", where)


def too_complex(where: str) -> RefusedInputError:
    """Return the error of a template that has more in it than is looked at."""
    return RefusedInputError(
        "template.too_complex",
        f"the template has more than {MAX_TEMPLATE_NODES:,} values "
        f"or more than {MAX_TEMPLATE_LEVELS} levels",
        where=where,
        state="nothing was built",
        remedy="make it smaller, or split it into nested stacks",
    )


def not_a_mapping(what: str, where: str) -> RefusedInputError:
    """Return the error of a part of a template that has no keys."""
    return RefusedInputError(
        "template.not_a_mapping",
        f"{what} must be a mapping",
        where=where,
        state="nothing was uploaded",
        remedy="correct the template",
    )


def _check_names(section: str, entries: Mapping[str, Any], where: str) -> None:
    """Logical ids are letters and digits; `Fn::Transform` and `Fn::ForEach::` make others."""
    for name in entries:
        if not _LOGICAL_ID.fullmatch(name) and not name.startswith("Fn::"):
            raise RefusedInputError(
                "template.bad_name",
                f"a name in {section} has more than letters and digits, or more than 255",
                where=where,
                why=repr(name)[:300],
                state="nothing was uploaded",
                remedy="rename it",
            )


def require_template_size(size: int, where: str) -> None:
    """Raise RefusedInputError if a template is longer than CloudFormation reads, in bytes.

    That is what it reads from S3: Tiercel never sends a template in a call.
    """
    at_most(size, MAX_TEMPLATE_BYTES, "bytes of the template", where)


def require_template_file_size(size: int, where: str) -> None:
    """Raise RefusedInputError if a template is longer than is read, in bytes as it is written."""
    at_most(size, MAX_TEMPLATE_FILE_BYTES, "bytes of the template's file", where)


def require_parameter_limits(values: Mapping[str, str], where: str) -> None:
    """Raise RefusedInputError if CloudFormation would not take so many or so long values."""
    at_most(len(values), MAX_PARAMETERS, "parameters", where)
    for name, value in values.items():
        size = len(value.encode(errors="replace"))
        at_most(size, MAX_PARAMETER_BYTES, f"bytes in parameter {name}", where)


def require_object_key(key: str, where: str) -> None:
    """Raise RefusedInputError for a key that S3 does not take, or that is read as another path."""
    at_most(len(key.encode(errors="replace")), MAX_KEY_BYTES, "bytes in a key", where)
    if not key or not key.isprintable() or {".", ".."} & set(key.split("/")):
        raise RefusedInputError(
            "artifact.bad_key",
            "a key cannot be used",
            where=where,
            why=repr(key),
            state="nothing was written",
            remedy="rename what the key is made of",
        )


def at_most(value: int, limit: int, unit: str, where: str) -> None:
    """Raise RefusedInputError, with both numbers, for a value above its limit."""
    if value > limit:
        raise RefusedInputError(
            "artifact.too_large",
            f"too many {unit}: {value:,}; AWS takes {limit:,}",
            where=where,
            state="nothing was uploaded",
            remedy="make it smaller, or split the service",
        )
