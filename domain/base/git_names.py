"""The names that git accepts."""

from __future__ import annotations

import re

_LONGEST_BRANCH_BYTES = 255
_SHORT_COMMIT = 7


def is_legal_branch(name: str) -> bool:
    """Tell whether git accepts the name for a branch, in at most 255 bytes.

    https://git-scm.com/docs/git-check-ref-format with --branch; 255 bytes are what a
    file system grants a name.
    """
    if not name or name in {"@", "HEAD"} or name.startswith("-") or name.endswith("."):
        return False
    if re.search(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{", name):
        return False
    if len(name.encode("utf-8", "surrogatepass")) > _LONGEST_BRANCH_BYTES:
        return False
    return all(
        part and not part.startswith(".") and not part.endswith(".lock") for part in name.split("/")
    )


def short_commit(sha: str) -> str:
    """Return as much of a commit's id as git itself shows: 7 digits."""
    return sha[:_SHORT_COMMIT]
