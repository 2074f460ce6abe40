"""Versions of releases: semantic versioning without pre-releases, https://semver.org."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Self

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.text import printable
from tiercel.domain.base.values import Frozen
from tiercel.domain.gitflow.branches import BranchRole, classify

# Nine digits are more than any release needs and keep every number small.
_NUMBER = r"(0|[1-9][0-9]{0,8})"
_VERSION = re.compile(rf"v?{_NUMBER}\.{_NUMBER}\.{_NUMBER}")
_MEANT_AS_VERSION = re.compile(r"v?[0-9]+\..*", re.DOTALL)


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
                f"`{printable(text, 80)}` is not a version",
                remedy="use three numbers without leading zeros, such as 1.2.3 or v1.2.3",
            )
        return cls(*(int(number) for number in match.groups()))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @property
    def tag(self) -> str:
        """The git tag of the release, with a leading v."""
        return f"v{self}"

    def next_patch(self) -> Version:
        """Return the version after this one when only bugs were fixed."""
        return Version(self.major, self.minor, self.patch + 1)


FIRST_VERSION = Version(0, 1, 0)


def version_of_branch(branch: str) -> Version | None:
    """Return the version that `release/1.2.0` or `hotfix/v1.2.1` names.

    None for every other branch and for a name that is no version, such as
    `hotfix/login`. RefusedInputError for a slip such as `release/1.2`, which would
    otherwise be released under another version than the one it was named for.
    """
    name = branch.partition("/")[2]
    if classify(branch) not in {BranchRole.RELEASE, BranchRole.HOTFIX}:
        return None
    return Version.parse(name) if _MEANT_AS_VERSION.fullmatch(name) else None


def next_version(released: Collection[Version], branch: str | None) -> Version:
    """Return the version of the release that a branch brings to production.

    `released` holds every version but the one of the commit in question. A branch that
    names no version gets the next patch, or 0.1.0 when nothing was released yet.
    Raises RefusedInputError when the branch names a version that is not a new, higher one.
    """
    latest = max(released, default=None)
    named = version_of_branch(branch) if branch else None
    if named is None:
        return latest.next_patch() if latest else FIRST_VERSION
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


class Tag(Frozen):
    """A version tag of the repository and the commit that it names."""

    version: str
    commit: str


def version_at(tags: Iterable[Tag], commit: str) -> Version | None:
    """Return the version with which a commit was tagged by an earlier run, if it was."""
    return max((Version.parse(tag.version) for tag in tags if tag.commit == commit), default=None)
