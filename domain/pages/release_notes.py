"""The notes of a GitHub release, from the pull requests that it brings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tiercel.domain.gitflow.pull_requests import PullRequest
from tiercel.domain.pages.markdown import code, escaped, table
from tiercel.domain.release.opened_gates import OpenedGate

_BACK_MERGE_MARKER = "<!-- tiercel: back-merge -->"
_MOST_CONFLICTS = 50


def release_notes(
    pulls: Iterable[PullRequest],
    services: Iterable[tuple[str, str, str, str]],
    commit: str,
    opened: Iterable[OpenedGate] = (),
) -> str:
    """Return Markdown; titles, authors and reasons come from the outside and are made harmless.

    `services` has name, digest of the artifact and the release id of each, and where it was
    verified; `opened` are the gates that an approver opened for it.
    """
    gates = "\n".join(f"- {escaped(one.words)}" for one in opened)
    changes = [
        f"- {escaped(pull.title)} by {escaped(pull.author)} in #{pull.number}" for pull in pulls
    ]
    rows = [
        (escaped(name), code(digest), escaped(number), escaped(verified))
        for name, digest, number, verified in services
    ]
    return (
        "## Changes\n\n"
        + ("\n".join(changes) or "No pull request: see the commits.")
        + "\n\n## Artifacts\n\n"
        + table(("service", "digest", "release", "verified in"), rows)
        + (f"\n\n## Gates that were opened\n\n{gates}" if gates else "")
        + f"\n\nCommit {code(commit)}\n"
    )


def back_merge_body(version: str, branches: tuple[str, str], conflicts: Sequence[str]) -> str:
    """Return the text of the pull request that brings a release back into develop.

    `branches` are production's and develop's; `conflicts` the paths that git cannot merge
    by itself, whose names come from the outside.
    """
    production, develop = (code(branch) for branch in branches)
    return (
        f"{_BACK_MERGE_MARKER}\nRelease {escaped(version)} is in {production} and has content "
        f"that {develop} lacks. The next release is refused until this is merged, because it "
        f"would lose that content.\n\n{_conflict_help(production, develop, conflicts)}\n"
    )


def _conflict_help(production: str, develop: str, conflicts: Sequence[str]) -> str:
    if not conflicts:
        return "When this was opened, git merged it without a conflict."
    named = [f"- {code(path)}" for path in conflicts[:_MOST_CONFLICTS]]
    if len(conflicts) > _MOST_CONFLICTS:
        named.append(f"- and {len(conflicts) - _MOST_CONFLICTS} more")
    return (
        "**There are conflicts**, when this was opened in:\n\n"
        + "\n".join(named)
        + f"\n\nMake a branch `bugfix/...` from {develop}, merge {production} into it, solve the "
        f"conflicts there and open a pull request from that branch into {develop}. Once it is "
        "merged, as a merge commit, close this one if GitHub has not done so."
    )
