from __future__ import annotations

import asyncio
import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterDeploymentId
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import Cancelled, Cancelling

from tests.conftest import ROOT
from tests.support.codes import because
from tests.support.place import Place
from tests.support.templates import queue, services, template
from tiercel.cli.commands.release.verify import show_checks
from tiercel.cli.terminal.output import Output
from tiercel.domain.base.errors import RefusedInputError, UnreachableError
from tiercel.domain.review.statuses import Status, StatusState, status_of
from tiercel.flows.deploy import deploy_to_preprod
from tiercel.flows.publish import publish_artifact
from tiercel.flows.verify import verify_pull_request
from tiercel.flows.verify_merge_group import verify_merge_group
from tiercel.sandbox.aws.journal import journal_size, read_journal
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.sandbox.repositories import git_in
from tiercel.tasks.build.isolation.availability import can_isolate
from tiercel.tasks.github.transport.client import forget_github

HOSTILE_TITLE = "<img src=x onerror=alert(1)> **bold** [link](https://evil.example) \u202egnp.exe"


def test_a_changed_service_is_verified_and_its_changes_are_shown(
    sandbox: Sandbox, place: Place
) -> None:
    before = journal_size(sandbox.journal)
    more = template({"Queue": {"Type": "AWS::SQS::Queue"}, "Topic": {"Type": "AWS::SNS::Topic"}})
    number, commit = place.opened("feature/topic", {"inbox/template.json": more})

    checks = place.verified(number, commit)

    assert checks["tiercel/preprod"].state is StatusState.SUCCESS
    assert place.statuses(commit) == {
        "tiercel/preprod": "success",
        "tiercel/preprod/inbox": "success",
    }
    (comment,) = place.comments(number)
    assert "| inbox | added | `Topic` | AWS::SNS::Topic |" in comment
    asked = [(one.service, one.operation) for one in read_journal(sandbox.journal, before)]
    assert {name for one, name in asked if one == "cloudformation"} == {"DescribeStacks"}
    assert {one for one, _ in asked} <= {"cloudformation", "s3", "sts"}
    assert not [name for _, name in asked if name.startswith(("Create", "Delete", "Put"))]


def test_what_a_merge_queue_would_merge_is_verified_on_its_own_commit(place: Place) -> None:
    number, _ = place.opened("feature/queued", {"inbox/template.json": queue(DelaySeconds=3)})
    remote = place.remote
    base = remote.get_branch("develop").commit.sha
    merge = remote.get_git_ref(f"pull/{number}/merge").object.sha
    branch = f"gh-readonly-queue/develop/pr-{number}-{base}"
    remote.create_git_ref(f"refs/heads/{branch}", merge)

    for commit, code in ((base, "source.queue_moved_on"), (merge, "")):
        if code:
            with pytest.raises(RefusedInputError, check=because(code)):
                asyncio.run(verify_merge_group(remote.full_name, branch, commit))
        else:
            asyncio.run(verify_merge_group(remote.full_name, branch, commit))

    assert place.statuses(merge) == {
        "tiercel/preprod": "success",
        "tiercel/preprod/inbox": "success",
    }
    assert place.comments(number) == []


def test_verifying_twice_says_nothing_twice(place: Place) -> None:
    number, commit = place.opened("feature/twice", {"inbox/template.json": queue(DelaySeconds=1)})
    place.verified(number, commit)
    place.verified(number, commit)

    commits = place.github.get_repo(place.repository.name).get_commit(commit)
    assert sorted((one.context, one.state) for one in commits.get_statuses()) == [
        ("tiercel/preprod", "pending"),
        ("tiercel/preprod", "success"),
        ("tiercel/preprod/inbox", "success"),
    ]
    assert len(place.comments(number)) == 1


def test_an_unchanged_service_is_skipped_and_that_is_said(place: Place) -> None:
    number, commit = place.opened("feature/readme", {"README.md": "Read this."})

    assert (
        place.verified(number, commit)["tiercel/preprod/inbox"].description == "unchanged: skipped"
    )


def test_what_changes_beside_the_source_is_run_and_shown(place: Place) -> None:
    named = {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Ref": "Topic"}}}
    news = template({"News": named}, Parameters={"Topic": {"Type": "String"}})
    before = services(inbox='test = ["true"]\nparameters = { Topic = "a" }', outbox="")
    templates = {"inbox/template.json": news, "outbox/template.json": queue()}
    place.merged("feature/settings", {"tiercel.toml": before} | templates)
    after = services(inbox='test = ["false"]\nparameters = { Topic = "b" }')
    number, commit = place.opened("feature/only-settings", {"tiercel.toml": after})

    checks = place.verified(number, commit)

    assert checks["tiercel/preprod/inbox"].state is StatusState.FAILURE, (
        "its changed test was not run"
    )
    (comment,) = place.comments(number)
    assert '| inbox | `parameters.Topic` | `"a"` | `"b"` |' in comment
    assert "- `outbox` is dropped." in comment
    assert "delete-stack --stack-name acme-prod-outbox" in comment


def test_what_the_promotion_would_refuse_is_said_on_the_pull_request(place: Place) -> None:
    place.remote.create_git_ref("refs/tags/1.4.0", place.remote.get_branch("main").commit.sha)
    number, commit = place.opened("release/1.2", {"README.md": "Read this."}, base="main")

    place.verified(number, commit)

    assert place.statuses(commit) == {
        "tiercel/prod": "failure",
        "tiercel/prod/inbox": "success",
        "tiercel/prod/promotion to prod": "failure",
    }
    assert "`1.2` is not a version" in place.comments(number)[0]


def test_a_feature_into_main_is_the_wrong_branch(place: Place) -> None:
    number, commit = place.opened("feature/shortcut", {"a": "b"}, base="main")

    check = place.verified(number, commit)["tiercel/prod"]

    assert check.state is StatusState.FAILURE
    assert check.description.startswith("wrong branch: ")
    assert "next release branch" in place.comments(number)[0]


def test_a_conflict_has_a_status_of_its_own(place: Place) -> None:
    number, commit = place.opened("feature/mine", {"README.md": "mine"})
    other, _ = place.opened("feature/yours", {"README.md": "yours"})
    place.team.approve_and_merge(other)

    check = place.verified(number, commit)["tiercel/preprod"]

    assert check.description == "merge conflict with develop"
    assert place.statuses(commit) == {"tiercel/preprod": "failure"}


@pytest.mark.parametrize(
    ("content", "said"),
    [("mine", "verified: 0 built, 1 unchanged"), ("other", "merge conflict with develop")],
)
def test_a_fresh_pull_request_is_no_conflict_while_github_does_not_know(
    place: Place, sandbox: Sandbox, content: str, said: str
) -> None:
    assert sandbox.github
    sandbox.github.control("PATCH", "/settings", unknown_mergeable_reads=2)
    try:
        number, commit = place.opened("feature/fresh", {"README.md": "mine"})
        place.merged("feature/earlier", {"README.md": content})
    finally:
        sandbox.github.control("PATCH", "/settings", unknown_mergeable_reads=0)

    check = place.verified(number, commit)["tiercel/preprod"]

    assert check.description == said


def test_a_head_that_moved_is_left_to_its_successor(place: Place) -> None:
    number, old = place.opened("feature/moving", {"a": "1"})
    new = place.team.push("feature/moving", "develop", {"a": "2"}, "Go on")

    assert place.verified(number, old)["tiercel/preprod"].description == (
        f"superseded: the head moved to {new[:7]}"
    )
    assert place.statuses(old) == {"tiercel/preprod": "error"}
    assert place.comments(number) == []


@pytest.mark.parametrize(
    ("base", "more", "name"),
    [
        ("main", {}, "Rejected"),
        ("develop", {}, "Completed"),
        ("develop", {"a": "2"}, "Outdated"),
    ],
)
def test_a_run_whose_verdict_is_bad_is_completed_under_a_name_of_its_own(
    place: Place, base: str, more: dict[str, str], name: str, run_log: list[logging.LogRecord]
) -> None:
    number, commit = place.opened("feature/judged", {"a": "1"}, base=base)
    if more:
        place.team.push("feature/judged", "develop", more, "Go on")

    async def ended() -> tuple[State[Any], list[Status]]:
        state = await verify_pull_request(place.repository.name, number, commit, return_state=True)
        return state, await state.aresult()

    state, checks = asyncio.run(ended())

    assert (state.name, state.is_completed()) == (name, True), state.message
    whole = checks[-1].short
    assert [one.getMessage() for one in run_log][-1] == whole
    assert state.message == (None if name == "Completed" else whole)


def test_a_head_that_moves_while_it_is_verified_has_no_comment_of_the_old_one(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its build pushes, which only an unprotected one can.
    config = tmp_path / "tiercel.toml"
    text = (ROOT / "tiercel.toml").read_text()
    config.write_text(text.replace('where = "isolated"', 'where = "here"'))
    monkeypatch.setenv("TIERCEL_CONFIG", str(config))
    branch = "feature/overtaken"
    tree = place.team.work_tree
    pushed = ["git", "-C", str(tree), "push", "--force", "origin", f"HEAD:refs/heads/{branch}"]
    files = {
        "tiercel.toml": services(inbox=f"build = {json.dumps(pushed)}"),
        "inbox/template.json": queue(DelaySeconds=5),
    }
    number, old = place.opened(branch, files)
    git_in(tree, "commit", "--quiet", "--allow-empty", "--message", "Go on")

    assert place.verified(number, old)["tiercel/preprod"].state is StatusState.SUCCESS

    assert place.remote.get_pull(number).head.sha != old
    assert place.statuses(old) == {"tiercel/preprod": "success", "tiercel/preprod/inbox": "success"}
    assert place.comments(number) == []


# What the first step of a takeover was: the build looks for the worker's credentials, and for the
# Prefect server with which to start a run of its own. It fails if it finds anything.
LOOKING = """
import glob, os, socket, sys
seen = [name for name in os.environ if name.startswith(("AWS_", "GITHUB_", "PREFECT_", "TIERCEL_"))]
for file in glob.glob("/proc/[0-9]*/environ"):
    seen += [file] if b"GITHUB_TOKEN" in open(file, "rb").read() else []
seen += [path for path in (sys.argv[1:]) if os.path.exists(path)]
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[1])), 2)
    seen.append("the network")
except OSError:
    pass
sys.exit(", ".join(seen) or 0)
"""


@pytest.mark.skipif(not can_isolate(), reason="this machine cannot isolate")
def test_the_build_of_a_pull_request_finds_nothing_of_the_worker(
    sandbox: Sandbox, place: Place
) -> None:
    port = sandbox.aws_endpoint.rpartition(":")[2]
    found = [str(sandbox.state), str(sandbox.credentials_file), os.environ["TIERCEL_CACHE_DIR"]]
    command = json.dumps(["python3", "look.py", port, *found])
    files = {
        "tiercel.toml": services(inbox=f"build = {command}\ntest = {command}\nnetwork = true"),
        "inbox/template.json": queue(DelaySeconds=5),
        "inbox/look.py": LOOKING,
    }
    number, commit = place.opened("feature/takeover", files)

    checks = place.verified(number, commit)

    assert checks["tiercel/preprod/inbox"].state is StatusState.SUCCESS, checks[
        "tiercel/preprod/inbox"
    ].details


def test_a_broken_template_has_a_status_with_the_reason(place: Place) -> None:
    number, commit = place.opened("feature/broken", {"inbox/template.json": "not a template"})

    checks = place.verified(number, commit)

    assert checks["tiercel/preprod/inbox"].state is StatusState.FAILURE
    reason = "the template must be a mapping"
    assert checks["tiercel/preprod/inbox"].description == reason


def test_what_a_template_has_wrong_is_marked_at_its_line_where_tiercel_is_an_app(
    sandbox: Sandbox, place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert sandbox.github
    app, key = sandbox.github.app, tmp_path / "app.pem"
    key.write_text(app.private_key)
    monkeypatch.delenv("GITHUB_TOKEN")
    monkeypatch.setenv("GITHUB_APP_ID", str(app.app_id))
    monkeypatch.setenv("GITHUB_APP_PRIVATE_KEY_FILE", str(key))
    monkeypatch.setenv("GITHUB_APP_INSTALLATION_ID", str(app.installation_id))
    forget_github()
    number, commit = place.opened("feature/broken", {"inbox/template.json": queue(Delay=5)})

    checks = place.verified(number, commit)

    assert checks["tiercel/preprod/inbox"].description == "the template has 1 error"
    (run,) = place.remote.get_commit(commit).get_check_runs()
    assert (run.name, run.conclusion) == ("tiercel/preprod/findings in files", "failure")
    (marked,) = run.get_annotations()
    line = queue(Delay=5).splitlines()[marked.start_line - 1]
    assert (marked.path, '"Delay"' in line) == ("inbox/template.json", True)


def test_hostile_names_and_titles_run_and_break_nothing(place: Place, tmp_path: Path) -> None:
    files = {"inbox/template.json": queue(DelaySeconds=2), "inbox/a\nb $(touch>x)": "x"}
    number, commit = place.opened("feature/$(touch>x)", files, title=HOSTILE_TITLE)

    checks = place.verified(number, commit)

    assert checks["tiercel/preprod"].state is StatusState.SUCCESS
    assert not any("<img" in comment for comment in place.comments(number))
    assert list(tmp_path.rglob("x")) == []


def test_a_verdict_reaches_github_through_faults_and_a_rate_limit_is_waited_for_in_sight(
    place: Place, sandbox: Sandbox, run_log: list[logging.LogRecord]
) -> None:
    assert sandbox.github
    number, commit = place.opened("feature/faults", {"inbox/template.json": queue(DelaySeconds=4)})
    for fault in (
        {"kind": "429", "method": "GET", "path": "/pulls/", "seconds": 1},
        {"kind": "lost", "method": "POST", "path": "/statuses/"},
        {"kind": "502", "method": "POST", "path": "/comments"},
    ):
        sandbox.github.control("POST", "/faults", **fault)

    checks = place.verified(number, commit)

    assert sandbox.github.control("GET", "/faults") == []
    assert checks["tiercel/preprod"].state is StatusState.SUCCESS
    assert place.statuses(commit) == {
        "tiercel/preprod": "success",
        "tiercel/preprod/inbox": "success",
    }
    assert len(place.comments(number)) == 1
    assert any("rate limit" in record.getMessage() for record in run_log)


@pytest.mark.parametrize("has_verdict", [False, True], ids=["never verified", "verified before"])
def test_a_verification_that_finds_nothing_out_leaves_nothing_pending_and_no_verdict_undone(
    place: Place, sandbox: Sandbox, *, has_verdict: bool
) -> None:
    assert sandbox.github
    number, commit = place.opened("release/1.2.0", {"README.md": "Read this."}, base="main")
    if has_verdict:
        place.verified(number, commit)

    sandbox.github.control("POST", "/faults", kind="503", path="/tags$", times=1000)
    try:
        with pytest.raises(UnreachableError):
            place.verified(number, commit)
    finally:
        sandbox.github.control("DELETE", "/faults")

    assert place.statuses(commit)["tiercel/prod"] == ("success" if has_verdict else "error")


def test_a_merge_is_deployed_once_at_a_time_and_again_when_it_is_not_live(place: Place) -> None:
    number, _ = place.opened("feature/once", {"inbox/template.json": queue(DelaySeconds=3)})
    merged = place.team.approve_and_merge(number)
    asyncio.run(deployed())

    def published(name: str = place.repository.name) -> list[FlowRun]:
        asyncio.run(publish_artifact(name, merged))
        runs = asyncio.run(scheduled_runs())
        return [run for run in runs if run.parameters.get("commit") == merged]

    (run,) = published()
    assert published(place.repository.name.upper()) == [run], "one is under way"
    known = {run.id}
    for ended in (Cancelling, Cancelled):
        asyncio.run(put(run, ended()))
        (run,) = [one for one in published() if one.id not in known]
        known.add(run.id)
    asyncio.run(put(run, Cancelled()))
    asyncio.run(deploy_to_preprod(place.repository.name, merged))
    assert {one.id for one in published()} == known, "that very thing is live"


async def put(run: FlowRun, state: State[Any]) -> None:
    async with get_client() as client:
        await client.set_flow_run_state(run.id, state, force=True)


async def deployed() -> None:
    """A deployment as `prefect deploy` makes it; no worker takes its runs up."""
    async with get_client() as client:
        flow = await client.create_flow(deploy_to_preprod)
        await client.create_deployment(flow_id=flow, name="deploy-to-preprod")


async def scheduled_runs() -> list[FlowRun]:
    async with get_client() as client:
        # Without a filter the server gives some 200 runs of all that a session's tests have made.
        made_by_a_deployment = FlowRunFilterDeploymentId(is_null_=False)
        return await client.read_flow_runs(
            flow_run_filter=FlowRunFilter(deployment_id=made_by_a_deployment),
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
        )


def test_the_command_shows_what_failing_tests_have_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = "the build command failed: test orders\n1 != 2 \x1b[31m[bold]\nFAILED (failures=1)"
    show_checks(Output(), [status_of("orders", StatusState.FAILURE, "failed", said)])
    shown = capsys.readouterr().out
    assert {"1 != 2 [31m[bold]", "FAILED (failures=1)"} <= set(map(str.rstrip, shown.splitlines()))
