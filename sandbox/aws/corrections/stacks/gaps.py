"""What the emulator cannot do is said as that, and never as a fault of the template.

Reasons that begin with `SANDBOX_CANNOT` are the sandbox's own: AWS would not say them.
"""
# ruff: noqa: SLF001 - what is corrected has only private names

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from ministack.core import responses
from ministack.services.cloudformation import (
    changesets,
    engine,
    handlers,
    helpers,
    provisioners,
    stacks,
)

from tiercel.domain.stack.causes import SANDBOX_CANNOT
from tiercel.tasks.stack.service_role import published_schema

_R = TypeVar("_R")

_UNRECOGNIZED = re.compile(r"Unrecognized resource types: \[([^\]]*)\]")
# What a handler's own code trips over; what it refuses on purpose is a ValueError.
_DEFECTS = (AttributeError, LookupError, NotImplementedError, TypeError)
_LIMITS = re.compile(
    r"\(metric math\) is not supported|: TargetType .* is not supported|"
    r"^Unsupported resource type|^No delete handler for "
)


def say_which_types_are_missing() -> None:
    """A type that AWS has and the emulator has not is no error of the template."""
    original = engine.validate_template_support

    def validate(*arguments: Any, **more: Any) -> None:
        try:
            original(*arguments, **more)
        except ValueError as error:
            raise _in_other_words(error) from error

    for module in (engine, handlers, changesets):
        module.validate_template_support = validate


def say_what_trips_the_emulator() -> None:
    """What makes the emulator's own code fail, for a resource or a template, is its gap."""
    for name in ("_provision_resource", "_update_resource", "_delete_resource"):
        guarded = _guarded(getattr(stacks, name), "it fails with this resource")
        for module in (provisioners, stacks):
            setattr(module, name, guarded)
    transform = _guarded(engine._apply_transforms, "its transform fails with this template")
    for module in (engine, handlers, changesets):
        module._apply_transforms = transform
    _tell_patterns_apart()
    create = _guarded(handlers._ACTION_HANDLERS["CreateChangeSet"], "it fails with this template")

    def create_change_set(parameters: Any) -> Any:
        try:
            return create(parameters)
        except ValueError as error:
            return helpers._error("ValidationError", str(error))

    handlers._ACTION_HANDLERS["CreateChangeSet"] = create_change_set


def _tell_patterns_apart() -> None:
    """A pattern of a parameter is one of Java's, and not all of those are Python's."""
    original = engine._check_parameter_constraints

    def check(*arguments: Any) -> None:
        try:
            original(*arguments)
        except ValueError as error:
            if "has an invalid AllowedPattern" in str(error):
                raise ValueError(f"{SANDBOX_CANNOT}: {error}") from error
            raise

    engine._check_parameter_constraints = check


def _guarded(function: Callable[..., _R], what: str) -> Callable[..., _R]:
    def guarded(*arguments: Any, **more: Any) -> _R:
        try:
            return function(*arguments, **more)
        except _DEFECTS as error:
            raise ValueError(
                f"{SANDBOX_CANNOT}: {what}: {type(error).__name__}: {error}"
            ) from error
        except ValueError as error:
            if _LIMITS.search(str(error)):
                raise ValueError(f"{SANDBOX_CANNOT}: {error}") from error
            raise

    return guarded


def _in_other_words(error: ValueError) -> ValueError:
    found = _UNRECOGNIZED.search(str(error))
    types = found[1].split(", ") if found else []
    region = responses.get_region()
    wrong = [one for one in types if not published_schema(region, one)]
    if not types or wrong:
        listed = f"Template format error: Unrecognized resource types: [{', '.join(wrong)}]"
        return ValueError(listed) if wrong else error
    return ValueError(f"{SANDBOX_CANNOT}: it does not have {', '.join(types)}, which AWS has")
