"""The notes of a GitHub release, from the pull requests that it brings."""

from __future__ import annotations

from collections.abc import Iterable

from domain.markdown import code, escaped, table
from domain.pull_requests import PullRequest

_BACK_MERGE_MARKER = "<!-- tiercel: back-merge -->"


def release_notes(
    pulls: Iterable[PullRequest], services: Iterable[tuple[str, str, str]], commit: str
) -> str:
    """Return Markdown; titles and authors come from the outside and are made harmless.

    `services` has name, digest of the artifact and the release id of each.
    """
    changes = [
        f"- {escaped(pull.title)} by {escaped(pull.author)} in #{pull.number}" for pull in pulls
    ]
    rows = [(escaped(name), code(digest), escaped(number)) for name, digest, number in services]
    return (
        "## Changes\n\n"
        + ("\n".join(changes) or "No pull request: see the commits.")
        + "\n\n## Artifacts\n\n"
        + table(("service", "digest", "release"), rows)
        + f"\n\nCommit {code(commit)}\n"
    )


def back_merge_body(version: str, production: str) -> str:
    """Return the text of the pull request that brings a release back into develop."""
    return (
        f"{_BACK_MERGE_MARKER}\nRelease {escaped(version)} is in {code(production)} and has "
        "content that develop lacks. The next release is refused until this is merged, "
        "because it would lose that content.\n\n"
        "**If GitHub shows a conflict:** make a branch from "
        f"{code(production)}, merge develop into it, solve the conflict there and open a pull "
        "request from that branch into develop instead of this one.\n"
    )
