"""Pages of commits, and what other pages show of them: statuses and changed files."""

from __future__ import annotations

from collections.abc import Iterable

from tiercel.sandbox.github.git.commits_and_trees import read_commit, read_commits
from tiercel.sandbox.github.git.differences import FileChange, changes
from tiercel.sandbox.github.memory.activities import StatusRecord
from tiercel.sandbox.github.memory.check_runs import CheckRunRecord
from tiercel.sandbox.github.pages.place import ShownRepository
from tiercel.sandbox.pages.frame import html_page
from tiercel.sandbox.pages.markup import Markup, element, link, side_by_side
from tiercel.sandbox.pages.parts import (
    code_text,
    facts,
    html_table,
    moment,
    section,
    state,
    written,
)

_MOST_FILES = 50
_MOST_COMMITS = 50


def commit_page(place: ShownRepository, name: str) -> bytes | None:
    """Return the page of a commit; None if there is none."""
    sha = place.git.commit(name)
    if sha is None:
        return None
    commit = read_commit(place.git, sha)
    subject, _, rest = commit.message.partition("\n")
    files = changes(place.git, commit.parents[0] if commit.parents else None, sha)
    return html_page(
        subject or sha,
        place.trail,
        facts(
            ("commit", code_text(sha)),
            ("tree", code_text(commit.tree)),
            (
                "parents",
                side_by_side(piece for one in commit.parents for piece in (place.commit(one), " ")),
            ),
            ("author", f"{commit.author.name} <{commit.author.email}>"),
            ("written", moment(commit.author.date)),
        ),
        written(rest.strip()) if rest.strip() else "",
        statuses(place, sha),
        changed_files(files),
    )


def statuses(place: ShownRepository, sha: str) -> Markup:
    """Return the newest status of each context, and the check runs."""
    latest = {
        one.context: one for one in place.world.store.find(StatusRecord, place.repository.id, sha)
    }
    rows = [
        (state(one.state), link(one.context, one.target_url or ""), one.description or "")
        for one in latest.values()
    ]
    rows += [
        (
            state(run.conclusion or run.status),
            link(run.name, run.details_url or ""),
            run.title or "",
        )
        for run in place.world.store.find(CheckRunRecord, place.repository.id, sha)
    ]
    return section("Statuses", html_table(("state", "context", "what"), rows))


def commits_between(place: ShownRepository, base: str, head: str) -> Markup:
    """Return the commits that one has and the other has not, the newest first."""
    shas = place.git.history(f"--max-count={_MOST_COMMITS}", f"^{base}", head, "--")
    rows = [
        (place.commit(one.sha), one.message.partition("\n")[0], one.author.name)
        for one in read_commits(place.git, shas)
    ]
    return section("Commits", html_table(("commit", "what", "by"), rows))


def changed_files(files: Iterable[FileChange]) -> Markup:
    """Return what changed, file by file."""
    all_of_them = tuple(files)
    shown = [
        side_by_side(
            [
                element(
                    "p",
                    code_text(file.path),
                    f" {file.status}, +{file.additions} -{file.deletions}",
                ),
                written(file.patch) if file.patch else "",
            ]
        )
        for file in all_of_them[:_MOST_FILES]
    ]
    more = len(all_of_them) - len(shown)
    rest = [element("p", f"and {more} more files", class_="quiet")] if more else []
    return section(f"Changed files ({len(all_of_them)})", *shown, *rest)
