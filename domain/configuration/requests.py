"""What a person or GitHub may give to a flow: checked before anything else happens."""

from __future__ import annotations

import re

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.git_names import is_legal_branch
from tiercel.domain.organization.parts import REPOSITORY_PATTERN

COMMIT_ID_PATTERN = "^([0-9a-f]{40}|[0-9a-f]{64})$"
ENVIRONMENT_PATTERN = "^[a-z][a-z0-9]{1,9}$"
PLAN_DIGEST_PATTERN = "^([0-9a-f]{64})?$"
STACK_PATTERN = "^[A-Za-z][A-Za-z0-9-]{0,127}$"
OPTIONAL_REVISION_PATTERN = r"^([^-\s~^:?*\[\\][^\s~^:?*\[\\]*)?$"
ENVIRONMENT_OR_NONE_PATTERN = "^([a-z][a-z0-9]{1,9})?$"
ON_DEMAND_NAME_PATTERN = "^([a-z][a-z0-9]{1,19})?$"
PURPOSE_PATTERN = "^[^\\n\\r\\t]*$"
SERVICES_PATTERN = "^([a-z][a-z0-9-]{0,38}[a-z0-9]( |$))*$"
REVISION_PATTERN = r"^[^-\s~^:?*\[\\][^\s~^:?*\[\\]*$"
"""What a form can refuse at once; `require_revision` knows the rest of git's rules."""

LONGEST_REPOSITORY = 140
LONGEST_REVISION = 255
LARGEST_NUMBER = 2**31 - 1
LARGEST_ID = 2**53 - 1
LARGEST_RELEASE = 99_999_999
LONGEST_PURPOSE = 100
LONGEST_SERVICES = 2_000
LONGEST_HOURS = 720


def require_repository_name(value: object) -> str:
    """Return the value if it is `owner/name` as GitHub takes it; RefusedInputError if not."""
    if isinstance(value, str) and re.fullmatch(REPOSITORY_PATTERN, value) and "\n" not in value:
        return value
    raise _refused(value, "the name of a repository", "repository", "owner/name, as in acme/shop")


def require_revision(value: object) -> str:
    """Return the value if git takes it for a commit id or a branch; RefusedInputError if not."""
    if isinstance(value, str) and is_legal_branch(value):
        return value
    raise _refused(
        value, "a commit id or the name of a branch", "commit", "a commit id, or a branch"
    )


def require_optional_revision(value: object) -> str:
    """Return the value if it is empty or git takes it; RefusedInputError if not."""
    return "" if value == "" else require_revision(value)


def require_on_demand_name(value: object) -> str:
    """Return the value if an environment on demand may be called so; RefusedInputError if not."""
    if _matches(value, ON_DEMAND_NAME_PATTERN):
        return str(value)
    raise _refused(
        value, "the name of an environment on demand", "name", "2 to 20 of a-z and 0-9, a-z first"
    )


def require_given_on_demand_name(value: object) -> str:
    """Return the value if it is such a name and not empty; RefusedInputError if not."""
    return require_on_demand_name(value or None)


def require_live_of(value: object) -> str:
    """Return the value if it is empty or an environment may be called so; else as above."""
    return "" if value == "" else require_environment_name(value)


def require_services(value: object) -> str:
    """Return the value if it is names of services and single spaces; RefusedInputError if not."""
    if _matches(value, SERVICES_PATTERN) and len(str(value)) <= LONGEST_SERVICES:
        return str(value).strip()
    raise _refused(value, "a list of services", "services", "their names with a space between them")


def require_purpose(value: object) -> str:
    """Return the value if it is a short line; RefusedInputError if not."""
    if isinstance(value, str) and value.isprintable() and len(value) <= LONGEST_PURPOSE:
        return value
    raise _refused(
        value, "a purpose", "purpose", f"one line of at most {LONGEST_PURPOSE} characters"
    )


def require_hours(value: object) -> int:
    """Return the value if it is a number of hours, or 0; RefusedInputError if not."""
    return _number(value, LONGEST_HOURS, "a number of hours", "hours")


def require_pull_request_or_none(value: object) -> int:
    """Return the value if it is the number of a pull request, or 0; RefusedInputError if not."""
    return _number(value, LARGEST_NUMBER, "the number of a pull request", "pull_request")


def require_id_on_github(value: object) -> int:
    """Return the value if GitHub may have given such a number, or 0; RefusedInputError if not."""
    return _number(value, LARGEST_ID, "a number of GitHub's", "asked_by")


def _number(value: object, largest: int, kind: str, parameter: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= largest:
        return value
    raise _refused(value, kind, parameter, f"a number up to {largest}, or 0 for none")


def _matches(value: object, pattern: str) -> bool:
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None and "\n" not in value


def require_commit_id(value: object) -> str:
    """Return the value if it is a full commit id; RefusedInputError if not."""
    if isinstance(value, str) and re.fullmatch(COMMIT_ID_PATTERN, value) and "\n" not in value:
        return value
    raise _refused(value, "a full commit id", "commit", "all 40 digits of the commit, 0-9 and a-f")


def require_pull_request_number(value: object) -> int:
    """Return the value if it is the number of a pull request; RefusedInputError if not."""
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LARGEST_NUMBER:
        return value
    raise _refused(value, "the number of a pull request", "number", "a whole number from 1 on")


def require_environment_name(value: object) -> str:
    """Return the value if an environment may be called so; RefusedInputError if not."""
    if isinstance(value, str) and re.fullmatch(ENVIRONMENT_PATTERN, value) and "\n" not in value:
        return value
    raise _refused(value, "the name of an environment", "environment", "preprod, prod or another")


def require_plan_digest(value: object) -> str:
    """Return the value if it is a plan's digest or empty; RefusedInputError if not."""
    if isinstance(value, str) and re.fullmatch(PLAN_DIGEST_PATTERN, value) and "\n" not in value:
        return value
    raise _refused(value, "a plan's digest", "approve", "all 64 digits of the digest, 0-9 and a-f")


def require_stack_name(value: object) -> str:
    """Return the value if a stack may be called so; RefusedInputError if not."""
    if isinstance(value, str) and re.fullmatch(STACK_PATTERN, value) and "\n" not in value:
        return value
    raise _refused(value, "the name of a stack", "stack", "its name, as `tiercel status` shows it")


def require_earlier_release(value: object) -> int:
    """Return the value if it is a release's number, or 0; RefusedInputError if not."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_RELEASE:
        return value
    raise _refused(value, "the number of a release", "release", "a number from 1 on, or 0")


def _refused(value: object, kind: str, parameter: str, remedy: str) -> RefusedInputError:
    shown = f"{value!r:.100}"
    return RefusedInputError(
        "parameter.malformed",
        f"{shown} is not {kind}",
        where=f"parameter {parameter}",
        state="nothing was called",
        remedy=f"give {remedy}",
    )
