"""What GitHub calls for and how it stands, as a page of Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tiercel.domain.pages.frame import page
from tiercel.domain.pages.markdown import code, escaped, table
from tiercel.domain.triggers.triggered_runs import AttemptStatus, WantedRun


@dataclass(frozen=True)
class FollowedRun:
    """A run that GitHub calls for: its link in Prefect, and whether it was made just now."""

    wanted: WantedRun
    status: AttemptStatus
    is_new: bool
    link: str

    @property
    def words(self) -> str:
        """How it stands, for people."""
        if self.is_new:
            return "**started**"
        return {
            AttemptStatus.LIVE: "under way",
            AttemptStatus.SUCCEEDED: "done",
            AttemptStatus.WAITING: "waiting",
            AttemptStatus.REJECTED: "rejected",
            AttemptStatus.OUTDATED: "outdated",
            AttemptStatus.CANCELLED: "**cancelled, and is not tried again**",
            AttemptStatus.FAILED: "**failed, and is not tried again**",
        }[self.status]


def following_page(
    environment: str,
    runs: Iterable[FollowedRun],
    unfollowed: Sequence[str],
    failed: Sequence[str],
    back_merges: Sequence[str] = (),
) -> str:
    """Return what is wanted in an environment; `failed` says which repositories nobody could read.

    `back_merges` are the pull requests that are open because develop lacks a release's content.
    Texts of GitHub are escaped.
    """
    rows = [
        (
            code(str(one.wanted.parameters.get("repository", ""))),
            escaped(one.wanted.about),
            code(one.wanted.name),
            f"[{one.words}]({one.link})",
        )
        for one in runs
    ]
    parts = [table(("repository", "what", "run of", "standing"), rows)]
    if unfollowed:
        named = ", ".join(code(one) for one in unfollowed)
        parts.append(f"Not followed, because they name no repository: {named}")
    parts += [f"**Open back-merge:** {escaped(one)}" for one in back_merges]
    parts += [f"**Could not be read:** {escaped(one)}" for one in failed]
    return page(f"What GitHub calls for in {environment}", *parts)
