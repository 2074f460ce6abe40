"""A promotion waits for somebody's word on its plan, and does just what was shown."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from github import Auth, Github
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterDeploymentId
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Cancelled, Completed

from tests.flows.conftest import Become
from tests.support.approvals import demanding_approval, say, with_gates
from tests.support.aws import root_client
from tests.support.codes import because
from tests.support.commands import invoke, invoke_json
from tests.support.place import Place
from tests.support.templates import queue, services, template
from tiercel.domain.approvals.waiting import OpenWait, WaitBegun
from tiercel.domain.approvals.words import Voucher, words_prefix
from tiercel.domain.base.digests import Sha256
from tiercel.domain.base.errors import (
    WAITING_STATE,
    ExitCode,
    RefusedInputError,
    SupersededError,
    TiercelError,
    UnreachableError,
    WaitingError,
)
from tiercel.domain.organization.access import Records
from tiercel.domain.release.opened_gates import OpenedGate
from tiercel.domain.stack.plan import Plan
from tiercel.domain.triggers.triggered_runs import WantedRun
from tiercel.flows.engine.concurrency import call
from tiercel.flows.follow import follow_github
from tiercel.flows.promote import promote_to_prod
from tiercel.flows.promotion.asking import Asked, who_asked
from tiercel.flows.promotion.due_promotions import due_promotions
from tiercel.flows.promotion.waiting import Approved
from tiercel.flows.release.preparation import ReleaseTarget, prepare
from tiercel.sandbox.aws.journal import journal_size, read_journal
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.sandbox.people import account_numbers
from tiercel.sandbox.repositories import git_in
from tiercel.tasks.records.ledger import newest_release
from tiercel.tasks.records.promotion_plans import (
    read_open_wait,
    read_posted_plan,
    record_begin,
)
from tiercel.tasks.records.words import read_words
from tiercel.tasks.source.services import load_topology
from tiercel.tasks.source.topology_file import config_path


@pytest.fixture
def demanding(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("TIERCEL_CONFIG", str(demanding_approval(tmp_path)))
    return place


@pytest.fixture
def frozen(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Prod demands a word, and is frozen, which a word may open."""
    gates = 'overridable = ["windows"]\nfreezes = ["2020-01-01..2099-12-31 for ever"]\n'
    monkeypatch.setenv("TIERCEL_CONFIG", str(demanding_approval(tmp_path, more=gates)))
    return place


def files(first: str, second: str, **properties: Any) -> dict[str, str]:
    """Two services of which the second one's parameter is an output of the first."""
    queue = {"Queue": {"Type": "AWS::SQS::Queue", "Properties": properties}}
    output = {"FirstName": {"Value": {"Fn::GetAtt": ["Queue", "QueueName"]}}}
    label = {"Type": "AWS::SSM::Parameter"}
    value = {"Type": "String", "Value": {"Ref": "FirstName"}}
    return {
        "tiercel.toml": services(**{first: "", second: f'depends_on = ["{first}"]\n'}),
        f"{first}/template.json": template(queue, Outputs=output),
        f"{second}/template.json": template(
            {"Label": label | {"Properties": value}}, Parameters={"FirstName": {"Type": "String"}}
        ),
    }


def begun(place: Place, become: Become, commit: str) -> State[Any]:
    """How a run of the promotion ends."""
    become("prod")
    try:
        return asyncio.run(_ended(place, commit))
    finally:
        become("preprod")


async def _ended(place: Place, commit: str) -> State[Any]:
    return await promote_to_prod(place.repository.name, commit, return_state=True)


def waits(place: Place, become: Become, commit: str) -> OpenWait:
    """Begin a promotion that has to wait; return what waits."""
    state = begun(place, become, commit)
    assert (state.name, state.is_completed()) == ("Waiting", True), state.message
    assert isinstance(asyncio.run(state.aresult()), WaitingError)
    found = open_wait(place, become)
    assert found
    return found


def records(become: Become) -> Records:
    become("prod")
    topology = load_topology.fn(config_path())
    return ReleaseTarget.of(topology, "prod").records


def open_wait(place: Place, become: Become) -> OpenWait | None:
    try:
        return read_open_wait.fn(records(become), place.repository.name)
    finally:
        become("preprod")


def approve(become: Become, found: OpenWait, *, opens: str = "") -> None:
    try:
        say(records(become), found.waiting, overrides=tuple(opens.split()))
    finally:
        become("preprod")


def written(sandbox: Sandbox, before: int) -> list[str]:
    known = {"CreateChangeSet", "DeleteChangeSet", "ExecuteChangeSet"}
    return [
        one.operation for one in read_journal(sandbox.journal, before) if one.operation in known
    ]


@pytest.mark.walks("run-waits-for-word")
def test_a_promotion_waits_and_does_what_was_shown_once_the_word_has_come(
    sandbox: Sandbox, demanding: Place, become: Become
) -> None:
    place = demanding
    place.released_to_preprod(place.merged("feature/two", files("wone", "wtwo")))
    first = place.merged("release/1.0.0", {}, base="main")
    before = journal_size(sandbox.journal)

    # What has no stack yet is known by its template: nothing is left behind by looking.
    new = waits(place, become, first)
    assert [one.follows for one in new.plan.services] == [True, True]
    assert written(sandbox, before) == []
    approve(become, new)
    assert begun(place, become, first).name == "Completed"
    assert open_wait(place, become) is None

    place.released_to_preprod(place.merged("feature/slow", files("wone", "wtwo", DelaySeconds=7)))
    second = place.merged("release/1.1.0", {}, base="main")
    before = journal_size(sandbox.journal)
    found = waits(place, become, second)
    changed, follows = found.plan.services
    assert [(one.action, one.logical_id) for one in changed.changes] == [("Modify", "Queue")]
    assert (changed.follows, follows.follows, changed.live) == (False, True, 1)
    assert written(sandbox, before) == ["CreateChangeSet", "DeleteChangeSet"]
    shown = [one for one in place.comments(found.waiting.pull_request or 0) if "romotion" in one]
    assert any(found.plan.digest in one for one in shown)
    posted = read_posted_plan.fn(records(become), found.plan.digest)
    assert posted
    assert posted.head_commit == found.waiting.head_commit
    become("preprod")
    (deployment,) = place.remote.get_deployments(sha=second, environment="prod")
    assert deployment.get_statuses()[0].state == "pending"

    # Begun again without a word it waits on, and plans the same.
    assert waits(place, become, second).waiting == found.waiting
    approve(become, found)
    assert begun(place, become, second).name == "Completed"
    assert written(sandbox, before).count("ExecuteChangeSet") == 1
    assert deployment.get_statuses()[0].state == "success"


def opened_for(become: Become, service: str) -> tuple[OpenedGate, ...]:
    """Which gates the newest release of a service has as opened."""
    try:
        newest = newest_release.fn(records(become), f"acme-prod-{service}")
    finally:
        become("preprod")
    assert newest
    return newest.intent.opened


def test_a_gate_that_an_approver_opens_is_open_for_this_promotion_and_everybody_sees_it(
    sandbox: Sandbox, frozen: Place, become: Become
) -> None:
    place = frozen
    place.released_to_preprod(place.merged("feature/two", files("ione", "itwo")))
    first = place.merged("release/1.0.0", {}, base="main")
    before = journal_size(sandbox.journal)
    found = waits(place, become, first)
    approve(become, found)
    refused = waits(place, become, first)
    assert (refused.begun, due(become), written(sandbox, before)) == (None, [], [])

    # Begun once by a run that died, it has open what was opened then.
    reason = "the fix <b>cannot</b> wait"
    opened = OpenedGate(
        gate="windows", by="rae", vouched_by="aws", at=found.waiting.at, reason=reason
    )
    begun_at = WaitBegun(at=datetime.now(UTC), flow_run="died", reason="approved", opened=(opened,))
    record_begin.fn(records(become), found, begun_at)
    become("preprod")
    assert begun(place, become, first).name == "Completed"
    (release,) = [one for one in place.remote.get_releases() if one.tag_name == "v1.0.0"]
    assert "## Gates that were opened" in release.body
    assert "<b>" not in release.body
    assert [opened_for(become, one) for one in ("ione", "itwo")] == [(opened,), (opened,)]

    place.released_to_preprod(place.merged("feature/slow", files("ione", "itwo", DelaySeconds=7)))
    second = place.merged("release/1.1.0", {}, base="main")
    waiting = waits(place, become, second)
    assert due(become) == []
    approve(become, waiting, opens="windows hold")
    assert [one.parameters["commit"] for one in due(become)] == [second]
    assert begun(place, become, second).name == "Completed"
    assert [(one.gate, one.by) for one in opened_for(become, "ione")] == [("windows", "rae")]

    # Words that cannot be read keep nothing else back that waits.
    place.released_to_preprod(place.merged("feature/more", files("ione", "itwo", DelaySeconds=8)))
    third = waits(place, become, place.merged("release/1.2.0", {}, base="main"))
    bucket, key = records(become).bucket, f"{words_prefix(third.plan.digest)}aws-odd.json"
    become("preprod")
    s3 = root_client(sandbox, "prod-infrastructure-root", "s3")
    s3.put_object(Bucket=bucket, Key=key, Body=b"{}")
    try:
        none, (unknown,) = looked(become)
    finally:
        s3.delete_object(Bucket=bucket, Key=key)
    assert (none, unknown.code) == ([], "approvals.word_damaged")


def due(become: Become) -> list[WantedRun]:
    """What the flow that follows GitHub would start; all that waits can be looked at."""
    found, errors = looked(become)
    assert errors == []
    return found


def looked(become: Become) -> tuple[list[WantedRun], list[TiercelError]]:
    @flow
    async def look() -> tuple[list[WantedRun], list[TiercelError]]:
        return await due_promotions(await call(load_topology, config_path()), "prod")

    become("prod")
    try:
        return asyncio.run(look())
    finally:
        become("preprod")


def test_a_review_on_github_and_a_word_by_aws_each_let_a_promotion_through(
    sandbox: Sandbox,
    place: Place,
    become: Become,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reviewer = account_numbers(place.team.github, ["reviewer"])["reviewer"]
    monkeypatch.setenv("TIERCEL_CONFIG", str(demanding_approval(tmp_path, github=reviewer)))
    place.released_to_preprod(place.merged("feature/given", files("gone", "gtwo")))
    first = place.merged("release/1.0.0", {}, base="main")
    before = journal_size(sandbox.journal)

    reviewed = waits(place, become, first)
    number, digest = reviewed.waiting.pull_request or 0, reviewed.plan.digest
    assert due(become) == [], "the review before the merge says nothing of the plan"
    assert place.team.review(number, "author", digest) == "Can not approve your own pull request"
    assert place.team.review(number, "releaser", digest) == ""
    assert due(become) == [], "the releaser is no approver"
    assert place.team.review(number, "reviewer", f"Looked at {digest}, fine") == ""
    assert written(sandbox, before) == []
    assert [one.parameters["commit"] for one in due(become)] == [first]
    assert begun(place, become, first).name == "Completed"

    place.released_to_preprod(place.merged("feature/by", files("gone", "gtwo", DelaySeconds=5)))
    second = place.merged("release/1.1.0", {}, base="main")
    before = journal_size(sandbox.journal)
    signed = waits(place, become, second)
    command = ("approve", "prod", signed.plan.digest, "--reason", "looked at it")
    assert invoke(*command, **sandbox.environ("prod"))[0] == ExitCode.REFUSED
    assert due(become) == [], "the worker's own user is no approver"
    code, said, errors = invoke(*command, **sandbox.environ("prod-approver"))
    assert code == 0, said + errors
    assert [one.parameters["commit"] for one in due(become)] == [second]
    assert "ExecuteChangeSet" not in written(sandbox, before)
    assert begun(place, become, second).name == "Completed"

    given = [
        (one.by, one.vouched_by, one.why)
        for found in (reviewed, signed)
        for one in read_words.fn(records(become), found.plan.digest)
    ]
    assert given == [
        ("rae", Voucher.GITHUB, "Looked at , fine"),
        ("rae", Voucher.AWS, "looked at it"),
    ]
    become("preprod")


def test_a_newer_promotion_takes_the_place_and_what_is_declined_is_not_done(
    sandbox: Sandbox, demanding: Place, become: Become
) -> None:
    place = demanding
    place.released_to_preprod(place.merged("feature/one", files("sone", "stwo")))
    first = place.merged("release/1.0.0", {}, base="main")
    before = journal_size(sandbox.journal)
    older = waits(place, become, first)
    approve(become, older)
    assert written(sandbox, before) == []
    place.released_to_preprod(place.merged("feature/more", files("sone", "stwo", DelaySeconds=3)))
    second = place.merged("release/1.1.0", {}, base="main")
    before = journal_size(sandbox.journal)

    newer = waits(place, become, second)
    assert (newer.waiting.number, newer.waiting.commit) == (2, second)
    # The word on the older one does not count, and the older one is not begun again.
    assert due(become) == []
    with pytest.raises(SupersededError, check=because("promotion.newer_waits")):
        asyncio.run(begun(place, become, first).aresult())

    declining = ("decline", "prod", newer.plan.digest, "--reason", "not like this")
    declined = invoke_json(*declining, "--sandbox", "--state", str(sandbox.state))
    assert (declined["plan_digest"], declined["approves"]) == (newer.plan.digest, False)
    (wanted,) = due(become)
    assert wanted.parameters == {"repository": place.repository.name, "commit": second}
    # What is declined keeps the older one back no more.
    again = waits(place, become, first)
    assert (again.waiting.number, again.waiting.commit) == (3, first)

    # It ends, too, when it cannot be promoted any more.
    here = ("--sandbox", "--state", str(sandbox.state))
    invoke_json("reject", "acme-preprod-sone", "1", "--reason", "it loses orders", *here)
    assert invoke_json("decline", "prod", again.plan.digest, "--reason", "so not", *here)
    (wanted,) = due(become)
    assert wanted.parameters == {"repository": place.repository.name, "commit": first}
    with pytest.raises(RefusedInputError, check=because("promotion.not_approved")):
        asyncio.run(begun(place, become, first).aresult())
    assert open_wait(place, become) is None
    assert due(become) == []
    assert written(sandbox, before) == []


def test_who_wrote_the_oldest_of_more_than_a_hundred_commits_is_an_author(
    sandbox: Sandbox, place: Place, become: Become
) -> None:
    @flow
    async def asked(commit: str) -> Asked:
        return await who_asked(await prepare(place.repository.name, commit, "prod"))

    oldest = {"tiercel.toml": services(lone=""), "lone/template.json": queue()}
    place.team.push("feature/oldest", "develop", oldest, "The oldest")
    assert sandbox.github
    token = Auth.Token(sandbox.github.token("bot"))
    with Github(auth=token, base_url=sandbox.github.api_url) as github:
        bot = github.get_user().id
        repository = github.get_repo(place.repository.name)
        repository.create_file("note", "Note", "by another one", branch="feature/oldest")
    merged = place.team.open("feature/oldest", "develop", "The oldest")
    place.team.approve_and_merge(merged)
    place.team.push("feature/long", "develop", {}, "Nothing yet")
    for number in range(101):
        git_in(place.team.work_tree, "commit", "--quiet", "--allow-empty", f"--message={number}")
    place.force_pushed("feature/long")
    place.team.approve_and_merge(place.team.open("feature/long", "develop", "Many"))
    commit = place.merged("release/1.0.0", {}, base="main")
    become("prod")
    found = asyncio.run(asked(commit))
    become("preprod")
    assert bot in found.authors
    assert found.all_authors


async def _cancelled(run: UUID) -> None:
    async with get_client() as client:
        await client.set_flow_run_state(run, Cancelled(), force=True)


def test_what_was_begun_stays_as_it_is_once_it_is_cancelled_or_declined(
    sandbox: Sandbox, demanding: Place, become: Become
) -> None:
    place = demanding
    place.released_to_preprod(place.merged("feature/half", files("hone", "htwo")))
    commit = place.merged("release/1.0.0", {}, base="main")
    before = journal_size(sandbox.journal)
    run = begun(place, become, commit).state_details.flow_run_id
    found = open_wait(place, become)
    assert found
    assert run
    died = WaitBegun(at=datetime.now(UTC), flow_run="died", reason="approved by rae")
    record_begin.fn(records(become), found, died)
    approve(become, found)
    assert [one.parameters["commit"] for one in due(become)] == [commit]
    asyncio.run(_cancelled(run))
    assert due(become) == []

    say(records(become), found.waiting, approves=False)
    become("preprod")
    assert [one.parameters["commit"] for one in due(become)] == [commit]
    with pytest.raises(RefusedInputError, check=because("promotion.not_approved")):
        asyncio.run(begun(place, become, commit).aresult())
    assert open_wait(place, become) is None

    # A run that is at work hears it before the next stack.
    become("prod")
    begun_wait = found.model_copy(update={"begun": died})
    with pytest.raises(RefusedInputError, check=because("promotion.not_approved")):
        asyncio.run(_asked_before_a_stack(place, commit, Approved(found.plan, begun_wait)))
    become("preprod")
    assert written(sandbox, before) == []


@flow
async def _asked_before_a_stack(place: Any, commit: str, approved: Any) -> None:
    """All gates but that of words are open, and the stack is what was shown or not."""

    async def ask() -> None:
        return

    prepared = await prepare(place.repository.name, commit, "prod")
    shown = Plan(
        stack="acme-prod-hone", change_set_id="arn", template_sha256=Sha256("c" * 64),
        parameters={}, changes=(), executable=True,
    )  # fmt: skip
    await approved.gate(prepared, ask)(shown)


@pytest.fixture
def promotions(prefect_server: None) -> Iterator[UUID]:
    """Prod's deployment of promotions, without a worker."""
    assert prefect_server is None
    made = asyncio.run(_deployment())
    yield made
    asyncio.run(_removed(made))


async def _deployment() -> UUID:
    async with get_client() as client:
        return await client.create_deployment(
            await client.create_flow_from_name("promote-to-prod"),
            "promote-to-prod",
            enforce_parameter_schema=False,
        )


async def _removed(deployment: UUID) -> None:
    async with get_client() as client:
        await client.delete_deployment(deployment)


async def _runs(deployment: UUID) -> list[FlowRun]:
    async with get_client() as client:
        own = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[deployment]))
        return await client.read_flow_runs(flow_run_filter=own)


async def _all_end_as_waiting(deployment: UUID) -> None:
    """A worker would have run them, to the same end."""
    async with get_client() as client:
        for run in await _runs(deployment):
            await client.set_flow_run_state(run.id, Completed(name=WAITING_STATE), force=True)


def test_a_promotion_that_waited_for_its_hour_is_begun_again_by_itself(
    place: Place,
    become: Become,
    promotions: UUID,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def frozen_until(year: int) -> None:
        gates = f'[environments.prod.gates]\nfreezes = ["2020-01-01..{year}-12-31 for long"]\n\n'
        path = with_gates(tmp_path, gates, place.repository.name)
        monkeypatch.setenv("TIERCEL_CONFIG", str(path))

    def followed() -> int:
        """How many runs are made; that the plan of a pull request has no deployment stops none."""
        before = len(asyncio.run(_runs(promotions)))
        become("prod")
        with pytest.raises(UnreachableError, check=because("event.no_deployment")):
            asyncio.run(follow_github("prod"))
        become("preprod")
        return len(asyncio.run(_runs(promotions))) - before

    frozen_until(2099)
    place.released_to_preprod(place.merged("feature/hour", {
        "tiercel.toml": services(wednesday=""), "wednesday/template.json": queue(),
    }))  # fmt: skip
    commit = place.merged("release/1.0.0", {}, base="main")
    state = begun(place, become, commit)
    assert (state.name, state.is_completed()) == ("Waiting", True), state.message
    (deployment,) = place.remote.get_deployments(sha=commit, environment="prod")
    assert deployment.get_statuses()[0].state == "pending"

    place.opened("release/2.0.0", {"wednesday/README": "more"}, base="main")
    assert followed() == 1
    asyncio.run(_all_end_as_waiting(promotions))
    assert followed() == 0
    frozen_until(2020)
    assert followed() == 1
    assert followed() == 0
