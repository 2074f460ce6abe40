"""Versions of releases: semantic versioning without pre-releases, https://semver.org."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.text import printable
from tiercel.domain.gitflow.branches import BranchRole, classify

_LONGEST_SHOWN = 80
# Nine digits are more than any release needs and keep every number small.
NUMBER = r"(0|[1-9][0-9]{0,8})"
"""One part of a version, as a pattern."""
_VERSION = re.compile(rf"v?{NUMBER}\.{NUMBER}\.{NUMBER}")
# A hotfix may be named for what it mends, `hotfix/openssl-3.0.1`; a release is named for itself.
_MEANT_AS_VERSION = {
    BranchRole.HOTFIX: re.compile(r"[vV]?[0-9]+\."),
    BranchRole.RELEASE: re.compile(r"[vV]?[0-9]+\.|[vV][0-9]|.*[0-9]\.[0-9]", re.DOTALL),
}


@dataclass(frozen=True, order=True)
class Version:
    """A release's version; it orders as semantic versioning does."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the version that `1.2.3` or `v1.2.3` names; RefusedInputError for all else."""
        match = _VERSION.fullmatch(text)
        if match is None:
            raise RefusedInputError(
                "version.malformed",
                f"`{printable(text, _LONGEST_SHOWN)}` is not a version",
                remedy="use three numbers without leading zeros, such as 1.2.3 or v1.2.3",
            )
        return cls(*(int(number) for number in match.groups()))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    def next_patch(self) -> Version:
        """Return the version after this one when only bugs were fixed."""
        return Version(self.major, self.minor, self.patch + 1)

    def next_minor(self) -> Version:
        """Return the version after this one when there is something new."""
        return Version(self.major, self.minor + 1, 0)


FIRST_VERSION = Version(0, 1, 0)


def version_of_branch(branch: str) -> Version | None:
    """Return the version that `release/1.2.0` or `hotfix/v1.2.1` names.

    None for every other branch and for a name that is no version, such as
    `hotfix/login`. RefusedInputError for a slip such as `release/1.2`, which would
    otherwise be released under another version than the one it was named for.
    """
    role, name = classify(branch), branch.partition("/")[2]
    meant = _MEANT_AS_VERSION.get(role)
    if meant is None or not meant.match(name):
        return None
    try:
        return Version.parse(name)
    except RefusedInputError as error:
        raise error.but(
            where=f"branch {printable(branch, _LONGEST_SHOWN)}",
            state="nothing was released",
            remedy=f"bring it as {role}/<major>.<minor>.<patch>, three numbers and nothing more, "
            "by a pull request of its own",
        ) from error


def next_version(
    released: Collection[Version], branch: str | None, first: Version = FIRST_VERSION
) -> Version:
    """Return the version of the release that a branch brings to production.

    `released` holds every version but the one of the commit in question. A release branch that
    names no version gets the next minor one, everything else the next patch, and `first` when
    nothing was released yet. Raises RefusedInputError when the branch names a version that is
    not a new, higher one.
    """
    latest = max(released, default=None)
    named = version_of_branch(branch) if branch else None
    if named is None:
        return _unnamed(latest, branch) if latest else first
    if latest and named <= latest:
        known = "was released already" if named in released else f"is lower than {latest}"
        raise RefusedInputError(
            "version.not_higher",
            f"version {named} {known}",
            where=f"branch {branch}",
            state=f"the latest release is {latest}",
            remedy=f"name the branch for a higher version, {latest.next_patch()} or above",
        )
    return named


def _unnamed(latest: Version, branch: str | None) -> Version:
    is_release = branch is not None and classify(branch) is BranchRole.RELEASE
    return latest.next_minor() if is_release else latest.next_patch()
