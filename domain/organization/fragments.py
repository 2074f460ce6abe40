"""A team's own services of stacks: what the environment's policies say of them.

Each is a file beside tiercel.toml, of the same form as `policies/services/NAME.json`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from string import Template
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationError

from tiercel.domain.base.errors import ConfigurationError
from tiercel.domain.base.text import printable
from tiercel.domain.base.values import Frozen

OWN_FRAGMENTS = "stack-services"
"""The folder beside tiercel.toml that holds them, NAME.json each."""
FRAGMENT_NAME = r"^[a-z][a-z0-9-]{0,38}[a-z0-9]$"
_PLACEHOLDERS = frozenset(
    {"environment", "named", "organization", "partition", "prefix", "region", "runtime_account"}
)
_LONGEST = 10_000
# Wildcards in front of the colon could stand for any service.
_ACTION = re.compile(r"[A-Za-z0-9-]+:[A-Za-z0-9*?]+")
_EVERY_ACTION = "*"
# What a fragment opens to stacks is no more than its own service. IAM reads actions in any case.
_NEVER = re.compile(r"\*|(iam|sts|organizations|account|sso|cloudformation):.*")
_OF_POLICIES = re.compile(
    r"iam:((create|delete|get|tag|untag)policy|(create|delete|get)policyversion"
    r"|setdefaultpolicyversion|list(policyversions|entitiesforpolicy))"
)
_PASSING = "iam:passrole"
# With no more than a wildcard behind its name: `cognito-i*` stands for two services of one kind.
_SERVICE = re.compile(r"[a-z0-9-]{2,}\.[a-z0-9.*-]+|[a-z0-9-]{4,}\*")
# Terraform reads fragments as templates of its own, in which this begins a directive.
_DIRECTIVE = "%{"

_Text = Annotated[str, StringConstraints(min_length=1, max_length=512)]


class _Statement(Frozen):
    Sid: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z0-9]{1,60}$")]
    Effect: Literal["Allow", "Deny"]
    Action: Annotated[tuple[_Text, ...], Field(min_length=1)]
    Resource: Annotated[tuple[_Text, ...], Field(min_length=1)]
    Condition: dict[_Text, dict[_Text, _Text | tuple[_Text, ...]]] | None = None


class _Groups(Frozen):
    manage: tuple[_Statement, ...] = ()
    use: tuple[_Statement, ...] = ()
    read: tuple[_Statement, ...] = ()


class Fragment(Frozen):
    """One service's part of the policies, as JSON with placeholders."""

    name: str
    text: str


def may_be_allowed(action: str) -> bool:
    """Tell whether a fragment may allow an action, roles and policies of stacks apart."""
    return _NEVER.fullmatch(action.lower()) is None


def read_fragment(name: str, text: str, source: str) -> Fragment:
    """Return a team's own fragment; ConfigurationError that says what is wrong with it."""
    if len(text) > _LONGEST:
        raise _wrong(source, f"it is longer than {_LONGEST} characters")
    try:
        groups = _Groups.model_validate(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise _wrong(source, printable(_reason(error), 300)) from error
    used = json.dumps(groups.model_dump(exclude_none=True, mode="json"))
    for fault in _faults(name, used, groups):
        raise _wrong(source, fault)
    return Fragment(name=name, text=used)


def _reason(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"


def _faults(name: str, used: str, groups: _Groups) -> Iterator[str]:
    """Find what is wrong; `used` is the text that policies are made of, without JSON's escapes."""
    if not re.fullmatch(FRAGMENT_NAME, name):
        yield f"the name must match {FRAGMENT_NAME}"
    for placeholder in Template(used).get_identifiers():
        if placeholder not in _PLACEHOLDERS:
            yield f"${{{placeholder}}} is none of {', '.join(sorted(_PLACEHOLDERS))}"
    if not Template(used).is_valid():
        yield "a $ stands for no placeholder"
    if _DIRECTIVE in used:
        yield f"{_DIRECTIVE} begins a directive of Terraform"
    for group in ("manage", "use", "read"):
        statements: tuple[_Statement, ...] = getattr(groups, group)
        for statement in statements:
            yield from _malformed(statement)
            yield from _faults_of(group, statement)


def _malformed(statement: _Statement) -> Iterator[str]:
    for action in statement.Action:
        if action != _EVERY_ACTION and not _ACTION.fullmatch(action):
            yield (
                f"{statement.Sid}: {action!r} is no action: SERVICE:NAME, with * and ? "
                "in the name alone"
            )


def _faults_of(group: str, statement: _Statement) -> Iterator[str]:
    if statement.Effect == "Deny":
        if group == "use":
            yield f"{statement.Sid}: what functions use is allowed and not denied"
        return
    for action in statement.Action:
        is_spared = group == "manage" and _is_bounded(action, statement)
        if not may_be_allowed(action) and not is_spared:
            yield f"{statement.Sid}: no fragment allows {action}"


def _is_bounded(action: str, statement: _Statement) -> bool:
    """Tell whether roles and policies are those of stacks, and roles go to named services."""
    if action.lower() == _PASSING and _names_services(statement):
        return all(one.endswith(":role/${prefix}*") for one in statement.Resource)
    is_of_policies = _OF_POLICIES.fullmatch(action.lower()) is not None
    return is_of_policies and all(one.endswith(":policy/${prefix}*") for one in statement.Resource)


def _names_services(statement: _Statement) -> bool:
    """Tell whether each service is named that roles are given to."""
    given = (statement.Condition or {}).get("StringLike", {}).get("iam:PassedToService", ())
    named = (given,) if isinstance(given, str) else given
    return bool(named) and all(_SERVICE.fullmatch(one) for one in named)


def _wrong(source: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        "configuration.fragment",
        "a fragment of a service cannot be used",
        where=source,
        why=why,
        state="nothing was called",
        remedy="correct it; policies/services has examples of all that a fragment may say",
    )
