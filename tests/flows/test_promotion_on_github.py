"""What a promotion means on GitHub: version, tag, notes, deployment, back-merge and its gate."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from github.PullRequest import PullRequest
from prefect import flow

from tests.flows.conftest import Become
from tests.support.artifacts import newest_page
from tests.support.place import Place
from tests.support.templates import queue, services
from tiercel.domain.base.errors import RefusedInputError
from tiercel.flows.engine.concurrency import call
from tiercel.flows.promote import promote_to_prod
from tiercel.flows.release.back_merges import keep_back_merge
from tiercel.flows.release.results import Released
from tiercel.sandbox.aws.journal import journal_size, read_journal
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.sandbox.repositories import git_in
from tiercel.tasks.source.fetch import fetch_commit
from tiercel.tasks.source.services import load_topology
from tiercel.tasks.source.topology_file import config_path

READS = ("Get", "Head", "List", "Describe", "AssumeRole")
HOSTILE_TITLE = "<img src=x onerror=alert(1)> **bold** [link](https://evil.example) \u202egnp.exe"
HOSTILE_PATH = "src/a\nb $(touch>x) ` | <i>"
HOSTILE_AUTHOR = "\u202eeve\u2066 <script>"


def promoted(place: Place, become: Become, commit: str) -> dict[str, Released]:
    become("prod")
    try:
        return asyncio.run(promote_to_prod(place.repository.name, commit))
    finally:
        become("preprod")


def service(name: str, **properties: Any) -> dict[str, str]:
    return {"tiercel.toml": services(**{name: ""}), f"{name}/template.json": queue(**properties)}


def released(place: Place, become: Become, version: str, files: dict[str, str]) -> str:
    """Bring files to Prod as a release: by develop, Preprod and a release branch."""
    place.released_to_preprod(place.merged(f"feature/for-{version}", files))
    commit = place.merged(f"release/{version}", {}, base="main")
    promoted(place, become, commit)
    return commit


def back_merges(place: Place) -> list[PullRequest]:
    return list(place.remote.get_pulls(state="open", base="develop"))


def kept(place: Place, become: Become) -> str:
    """What the flow that follows GitHub does about the newest release's back-merge."""

    @flow
    async def keep() -> str:
        topology = await call(load_topology, config_path())
        commit = await call(fetch_commit, place.repository.name, "main", "main")
        return await keep_back_merge(topology, topology.environment("prod"), commit)

    become("prod")
    try:
        return asyncio.run(keep())
    finally:
        become("preprod")


def tags(place: Place) -> dict[str, str]:
    return {tag.name: tag.commit.sha for tag in place.remote.get_tags()}


def github_lines(sandbox: Sandbox) -> list[str]:
    return (sandbox.state / "github" / "journal.jsonl").read_text().splitlines()


def is_write(line: str) -> bool:
    return '"method": "GET"' not in line and "git-upload-pack" not in line


def test_a_promotion_is_tagged_announced_and_shown_as_a_deployment(
    place: Place, become: Become
) -> None:
    place.released_to_preprod(place.merged("feature/parcels", service("parcels")))
    commit = place.merged("release/1.0.0", {}, base="main")

    promoted(place, become, commit)

    assert tags(place) == {"v1.0.0": commit}
    release = place.remote.get_latest_release()
    assert "Merge feature/parcels by author in #1" in release.body
    assert "acme\\-prod\\-parcels release 1" in release.body
    (deployment,) = place.remote.get_deployments(environment="prod")
    assert (deployment.sha, deployment.production_environment) == (commit, True)
    assert [status.state for status in deployment.get_statuses()] == ["success", "in_progress"]
    assert back_merges(place) == [], "develop has all content of main"


def test_a_promotion_that_is_run_again_changes_nothing_and_says_so(
    sandbox: Sandbox, place: Place, become: Become
) -> None:
    commit = released(place, become, "1.0.0", service("repeatable"))
    aws, github = journal_size(sandbox.journal), len(github_lines(sandbox))

    result = promoted(place, become, commit)

    assert not result["repeatable"].changed
    calls = [entry.operation for entry in read_journal(sandbox.journal, aws)]
    assert [name for name in calls if not name.startswith(READS)] == []
    assert [line for line in github_lines(sandbox)[github:] if is_write(line)] == []


def test_a_release_waits_for_the_back_merge_of_the_one_before_and_a_hotfix_does_not(
    place: Place, become: Become
) -> None:
    place.released_to_preprod(place.merged("feature/one", service("wait")))
    first = place.merged("release/1.0.0", {"NOTES.md": "Fixed on the branch.\n"}, base="main")
    promoted(place, become, first)
    (back_merge,) = back_merges(place)
    assert back_merge.title == "Merge v1.0.0 back into develop"
    assert "git merged it without a conflict" in back_merge.body
    linked = f"[#{back_merge.number}]({back_merge.html_url})"
    assert f"{linked} into `develop`" in newest_page("live-prod")
    back_merge.edit(state="closed")
    for _ in range(2):
        assert "develop lacks content of v1.0.0" in kept(place, become)
    (back_merge,) = back_merges(place)

    place.released_to_preprod(place.merged("feature/two", service("wait", DelaySeconds=1)))
    number, head = place.opened("release/1.1.0", {}, base="main")
    said = place.verified(number, head)["tiercel/prod/promotion to prod"]
    assert said.description == "release v1.0.0 is not merged back into develop"
    second = place.team.approve_and_merge(number)
    with pytest.raises(RefusedInputError, match=r"release v1\.0\.0 is not merged back") as refused:
        promoted(place, become, second)
    assert refused.value.remedy.startswith(f"merge pull request #{back_merge.number} into develop")
    assert tags(place) == {"v1.0.0": first}

    hotfix = place.merged(
        "hotfix/1.0.1", {"RUNBOOK.md": "What to do.\n"}, base="main", start="main"
    )
    promoted(place, become, hotfix)
    assert tags(place) == {"v1.0.0": first, "v1.0.1": hotfix}

    place.team.approve_and_merge(back_merge.number)
    third = place.merged("release/1.2.0", {}, base="main")
    promoted(place, become, third)
    assert tags(place)["v1.2.0"] == third
    assert kept(place, become) == ""
    # Others may have one open: the board is Prod's, and has all repositories.
    assert f"/{place.repository.name}/pull/" not in newest_page("live-prod")


def test_a_back_merge_with_conflicts_names_them_and_the_way_out(
    place: Place, become: Become
) -> None:
    place.released_to_preprod(place.merged("feature/clash", service("clash")))
    place.team.push("release/1.0.0", "develop", {"NOTES.md": "release\n"}, "Notes of the release")
    place.merged("feature/notes", {"NOTES.md": "develop\n"})
    commit = place.merged("release/1.0.0", {}, base="main")

    promoted(place, become, commit)

    (back_merge,) = back_merges(place)
    assert "**There are conflicts**" in back_merge.body
    assert "- `NOTES.md`" in back_merge.body
    assert not back_merge.mergeable


def test_content_that_came_back_by_a_squash_is_not_asked_for_again(
    place: Place, become: Become
) -> None:
    place.released_to_preprod(place.merged("feature/squash", service("squash")))
    commit = place.merged("release/1.0.0", {"NOTES.md": "x\n"}, base="main")
    place.merged("feature/same-notes", {"NOTES.md": "x\n"})

    promoted(place, become, commit)

    assert back_merges(place) == []


def test_a_version_that_is_not_a_new_higher_one_is_refused(
    sandbox: Sandbox, place: Place, become: Become
) -> None:
    first = released(place, become, "1.0.0", service("versions"))
    place.remote.get_git_ref("heads/release/1.0.0").delete()
    place.released_to_preprod(place.merged("feature/more", service("versions", DelaySeconds=1)))
    again = place.merged("release/1.0.0", {"again": "1"}, base="main")
    lower = place.merged("release/0.9.0", {"lower": "1"}, base="main")
    before = journal_size(sandbox.journal)

    with pytest.raises(RefusedInputError, match=r"version 1\.0\.0 was released already"):
        promoted(place, become, again)
    with pytest.raises(RefusedInputError, match=r"version 0\.9\.0 is lower than 1\.0\.0"):
        promoted(place, become, lower)

    assert tags(place) == {"v1.0.0": first}
    assert not list(read_journal(sandbox.journal, before)), "AWS was called before the refusal"


def test_a_plain_push_is_the_next_patch_and_an_old_merge_brings_no_old_code_back(
    sandbox: Sandbox, place: Place, become: Become
) -> None:
    first = released(place, become, "1.0.0", service("replayed"))
    second = place.pushed("main", {"README.md": "A word.\n"})
    promoted(place, become, second)
    assert tags(place) == {"v1.0.0": first, "v1.0.1": second}
    before = journal_size(sandbox.journal)

    with pytest.raises(RefusedInputError, match=r"is older than release v1\.0\.1"):
        promoted(place, become, first)

    assert not list(read_journal(sandbox.journal, before))


def test_hostile_names_travel_the_whole_way_and_run_and_break_nothing(
    place: Place, become: Become, tmp_path: Path
) -> None:
    files = service("hostile") | {f"hostile/{HOSTILE_PATH}": "x"}
    place.team.push("feature/$(touch>x)", "develop", files, HOSTILE_TITLE)
    git_in(
        place.team.work_tree,
        "commit", "--quiet", "--amend", "--no-edit", f"--author={HOSTILE_AUTHOR} <eve@localhost>",
    )  # fmt: skip
    commit = place.force_pushed("feature/$(touch>x)")
    number = place.team.open("feature/$(touch>x)", "develop", HOSTILE_TITLE)

    checks = place.verified(number, commit)
    place.released_to_preprod(place.team.approve_and_merge(number))
    result = promoted(place, become, place.merged("release/1.0.0", {}, base="main"))

    assert {check.state for check in checks.values()} == {"success"}
    assert result["hostile"].changed
    shown = [*place.comments(number), place.remote.get_latest_release().body]
    assert not any(re.search(r"(?<!\\)<(img|script)|[\u202e\u2066]", text) for text in shown)
    assert any(r"\<img" in text for text in shown), "nobody showed the title"
    assert list(tmp_path.rglob("x")) == []
