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
_MARKING = {"checks": "write", "metadata": "read"}
_verifies: ContextVar[bool] = ContextVar("verifies", default=False)
_marks: ContextVar[bool] = ContextVar("marks", default=False)


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


@contextmanager
def only_marking() -> Iterator[None]:
    """Speak to GitHub in this block with an App's token that may write check runs and no more.

    An App that was installed without that permission can give no such token: therefore it is none
    of those of a verification, which needs it for nothing else.
    """
    token = _marks.set(True)
    try:
        yield
    finally:
        _marks.reset(token)


def narrow_token() -> str:
    """Return the token for verifications alone; empty outside of one, and where there is none."""
    return os.environ.get("GITHUB_VERIFY_TOKEN", "").strip() if _verifies.get() else ""


def narrow_permissions() -> dict[str, str] | None:
    """Return what the token of an App may do in such a block; None outside of both."""
    if _marks.get():
        return dict(_MARKING)
    return dict(_PERMISSIONS) if _verifies.get() else None
