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
REVISION_PATTERN = r"^[^-\s~^:?*\[\\][^\s~^:?*\[\\]*$"
"""What a form can refuse at once; `require_revision` knows the rest of git's rules."""

LONGEST_REPOSITORY = 140
LONGEST_REVISION = 255
LARGEST_NUMBER = 2**31 - 1
LARGEST_RELEASE = 99_999_999


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
