"""As whom a verification of a pull request speaks to GitHub: somebody who can do little else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# https://docs.github.com/rest/authentication/permissions-required-for-github-apps
_PERMISSIONS = {
    "contents": "read",
    "metadata": "read",
    "pull_requests": "write",
    "statuses": "write",
}
_verifies: ContextVar[bool] = ContextVar("verifies", default=False)


@contextmanager
def only_verifying() -> Iterator[None]:
    """Speak to GitHub in this block with a token that reads, and says how a verification ended.

    GITHUB_VERIFY_TOKEN, if there is one; of a GitHub App a token that may do no more than that.
    """
    token = _verifies.set(True)
    try:
        yield
    finally:
        _verifies.reset(token)


def is_verifying() -> bool:
    """Tell whether such a block is under way."""
    return _verifies.get()


def narrow_token() -> str:
    """Return the token for verifications alone; empty outside of one, and where there is none."""
    return os.environ.get("GITHUB_VERIFY_TOKEN", "").strip() if is_verifying() else ""


def narrow_permissions() -> dict[str, str]:
    """Return what the token of an App may do in a verification."""
    return dict(_PERMISSIONS)
