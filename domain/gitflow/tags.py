"""Tags that name versions, in whichever form a repository writes them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from tiercel.domain.base.values import Frozen
from tiercel.domain.gitflow.versions import FIRST_VERSION, NUMBER, Version, next_version

_DEFAULT_FORM = "v"
# What stands before the numbers: nothing or `v`, the words of git-flow's own setting, and the
# name of the project, as Maven's release plugin has it.
_WORDS = r"(?:releases?[-/])?[vV]?"
_NUMBERS = rf"{NUMBER}\.{NUMBER}(?:\.{NUMBER})?(-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?"


class Tag(Frozen):
    """A tag that names a version, and the commit that it names.

    `form` is what stands before the numbers. A pre-release, such as `1.4.0-rc.1`, is not `final`:
    it says that 1.4.0 is to come.
    """

    name: str
    commit: str
    version: Version
    form: str = _DEFAULT_FORM
    final: bool = True


def parse_tag(name: str, commit: str, project: str = "") -> Tag | None:
    """Return the version that a tag names, None for a tag of something else.

    `project` is the repository's own name. Two numbers, as in `1.4`, stand for 1.4.0. Tags of
    parts of a repository, such as `parser/v1.2.0`, are none of its versions.
    """
    own = rf"(?:{re.escape(project)}-)?" if project else ""
    match = re.fullmatch(rf"((?i:{own}){_WORDS}){_NUMBERS}", name)
    if match is None:
        return None
    form, major, minor, patch, early = match.groups()
    version = Version(int(major), int(minor), int(patch or 0))
    return Tag(name=name, commit=commit, version=version, form=form, final=not early)


def tag_at(tags: Iterable[Tag], commit: str) -> Tag | None:
    """Return the tag of the release that a commit became in an earlier run, if it did."""
    return _newest(tag for tag in tags if tag.commit == commit)


def newest_other(tags: Iterable[Tag], commit: str) -> Tag | None:
    """Return the tag of the newest release that is another commit, None if there is none."""
    return _newest(tag for tag in tags if tag.commit != commit)


def next_tag(tags: Collection[Tag], branch: str | None) -> str:
    """Return the tag of the release that a branch brings to production.

    It is written as the newest one is, with `v` if there is none. While nothing but pre-releases
    is tagged, the first version is the one that they announce. Raises RefusedInputError as
    `next_version` does.
    """
    newest = max(tags, key=_order, default=None)
    first = max((tag.version for tag in tags if not tag.final), default=FIRST_VERSION)
    released = {tag.version for tag in tags if tag.final}
    version = next_version(released, branch, first)
    return f"{newest.form if newest else _DEFAULT_FORM}{version}"


def _newest(tags: Iterable[Tag]) -> Tag | None:
    return max((tag for tag in tags if tag.final), key=_order, default=None)


def _order(tag: Tag) -> tuple[bool, Version, int, str]:
    """Order by version; of `1.4` and `1.4.0` the whole one counts, as `1.4` may be moved along."""
    return tag.final, tag.version, tag.name.count("."), tag.name
