"""Whole ways of GitFlow to Prod that develop's own releases do not open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from tests.flows.conftest import Become, Watched
from tests.flows.test_reap import reaped
from tests.support.aws import root_client
from tests.support.codes import because
from tests.support.commands import invoke_json
from tests.support.flow_runs import release
from tests.support.place import Place
from tests.support.prefect_server import server_of_commands
from tests.support.repositories import Repository, RepositoryMaker, git
from tests.support.templates import queue, services
from tests.tasks.faults import Answer, Question
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.organization.access import Records, orchestrator
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.topology import Topology
from tiercel.domain.release.candidates import LEFT_FOR, LeftCandidate
from tiercel.domain.release.entries import needed
from tiercel.domain.release.ledger import Intent, Purpose, intent_key
from tiercel.flows.candidate import verify_candidate
from tiercel.flows.deploy import deploy_to_preprod
from tiercel.flows.promote import promote_to_prod
from tiercel.flows.release.results import Released, VerifiedService
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.sandbox.repositories import import_repository
from tiercel.tasks.records.ledger import read_history

pytestmark = pytest.mark.usefixtures("operator")

DENIED = b"<Error><Code>AccessDenied</Code><Message>No</Message></Error>"


def verified(repository: str, revision: str) -> dict[str, VerifiedService]:
    return asyncio.run(verify_candidate(repository, revision))


def promoted(repository: str, become: Become, commit: str) -> dict[str, Released]:
    become("prod")
    try:
        return asyncio.run(promote_to_prod(repository, commit))
    finally:
        become("preprod")


def told(names: Names, stack: str) -> list[tuple[int, str, str]]:
    """Number, purpose and status of a stack's releases, the newest first."""
    records = Records(orchestrator(names, "test"), names.artifact_bucket)
    return [
        (one.intent.number, one.intent.purpose.value, one.status.value)
        for one in needed(read_history.fn(records, stack))
    ]


def delaying(name: str, delay: int, **properties: str) -> dict[str, str]:
    return {
        "tiercel.toml": services(**{name: ""}),
        f"{name}/template.json": queue(DelaySeconds=delay, **properties),
    }


def on_branch(repository: Repository, branch: str, start: str, files: dict[str, str]) -> str:
    """Commit to a branch, which begins at `start` if it is new, and be on develop again."""
    known = git(repository.folder, "branch", "--list", branch).strip()
    git(repository.folder, "checkout", "--quiet", *([] if known else ["-b"]), branch, *(
        [] if known else [start]
    ))  # fmt: skip
    sha = repository.commit(files)
    git(repository.folder, "checkout", "--quiet", "develop")
    import_repository(repository.folder, repository.state, repository.name)
    return sha


def merged_into_main(repository: Repository, branch: str) -> str:
    git(repository.folder, "checkout", "--quiet", "main")
    git(repository.folder, "merge", "--quiet", "--no-ff", "--no-edit", branch)
    sha = git(repository.folder, "rev-parse", "HEAD").strip()
    git(repository.folder, "checkout", "--quiet", "develop")
    import_repository(repository.folder, repository.state, repository.name)
    return sha


@pytest.mark.walks("cannot-wait")
def test_a_hotfix_of_a_queue_with_a_fixed_name_reaches_prod_while_develop_is_ahead(
    place: Place, become: Become, preprod: Names
) -> None:
    stack, repository = preprod.stack("inbox"), place.repository.name
    fixed = {"QueueName": "acme-inbox-of-a-hotfix"}
    more = queue(DelaySeconds=9, **fixed)
    place.released_to_preprod(place.merged("feature/more", {"inbox/template.json": more}))
    fix = {"inbox/template.json": queue(DelaySeconds=1, **fixed)}
    place.team.push("hotfix/0.1.1", "main", fix, "Mend it")
    number = place.team.open("hotfix/0.1.1", "main", "Mend it")

    head = place.remote.get_pull(number).head.sha
    said = place.verified(number, head)["tiercel/prod/promotion to prod"].description
    typed = ("candidate", repository, "hotfix/0.1.1", "--local")
    tried = invoke_json(*typed, **server_of_commands())["inbox"]
    live = promoted(repository, become, place.team.approve_and_merge(number))["inbox"]

    assert said.endswith(f", once verified: tiercel candidate {repository} hotfix/0.1.1")
    number = tried["release"]
    assert [tried[one] for one in ("purpose", "commit", "branch")] == [
        Purpose.CANDIDATE,
        head,
        "hotfix/0.1.1",
    ]
    assert live.release.intent.artifact_digest == tried["digest"]
    seen = live.release.intent.verified_in
    assert seen
    assert (seen.stack, seen.number, seen.branch) == (stack, number, "hotfix/0.1.1")
    assert told(preprod, stack)[:3] == [
        (number + 1, "restoration", "succeeded"),
        (number, "candidate", "succeeded"),
        (number - 1, "deploy", "succeeded"),
    ]
    assert place.statuses(head)["tiercel/preprod/as candidate"] == "success"
    assert "as a candidate of hotfix/0.1.1" in place.remote.get_latest_release().body


def living(sandbox: Sandbox) -> set[str]:
    runtime = root_client(sandbox, "preprod-runtime-root", "cloudformation")
    return {stack["StackName"] for stack in runtime.describe_stacks()["Stacks"]}


def test_a_hotfix_and_then_the_open_release_branch_with_a_fix_of_its_own_reach_prod(
    sandbox: Sandbox, repositories: RepositoryMaker, become: Become, preprod: Names
) -> None:
    repository = repositories.make("two-ways")
    first = repository.commit(delaying("ways", 0))
    repository.merge_into_main()
    on_branch(repository, "release/0.2.0", first, {"ways/template.json": queue(DelaySeconds=2)})
    release(repository, repository.commit(delaying("ways", 9)))
    mend = {"README.md": "Mended\n", "ways/extra.txt": "x"}
    on_branch(repository, "hotfix/0.1.1", "main", mend)

    hotfix = verified(repository.name, "hotfix/0.1.1")["ways"].release.intent
    merge = merged_into_main(repository, "hotfix/0.1.1")
    first_live = promoted(repository.name, become, merge)["ways"].release.intent
    merge = merged_into_main(repository, "release/0.2.0")
    with pytest.raises(RefusedInputError, check=because("promotion.not_verified")) as refusal:
        promoted(repository.name, become, merge)
    branch = verified(repository.name, merge)["ways"].release.intent
    second_live = promoted(repository.name, become, "main")["ways"].release.intent

    assert f"tiercel candidate {repository.name} {merge[:7]}" in refusal.value.remedy
    assert first_live.artifact_digest == hotfix.artifact_digest
    assert second_live.artifact_digest == branch.artifact_digest
    assert branch.branch == "main"
    seen = first_live.verified_in
    assert seen
    assert (seen.stack, seen.number) == (hotfix.stack, 1)
    assert hotfix.stack.startswith("acme-ephemeral-candidate")
    assert [purpose for _, purpose, _ in told(preprod, preprod.stack("ways"))] == ["deploy"]
    prefixes = {hotfix.stack: True, branch.stack: False}
    assert {stack: stack in living(sandbox) for stack in prefixes} == prefixes


def test_what_a_killed_candidate_left_is_put_back_by_the_next_run_on_the_stack_or_the_reaper(
    repositories: RepositoryMaker,
    preprod: Names,
    topology: Topology,
    watched: Watched,
) -> None:
    repository, stack = repositories.make("killed-candidate"), preprod.stack("mended")
    fixed = {"QueueName": "acme-mended-of-a-hotfix"}
    first = repository.commit(delaying("mended", 0, **fixed))
    repository.merge_into_main()
    release(repository, repository.commit(delaying("mended", 9, **fixed)))
    fix = {"mended/template.json": queue(DelaySeconds=1, **fixed)}
    on_branch(repository, "hotfix/0.1.1", "main", fix)

    async def killed(number: int) -> None:
        running = asyncio.create_task(verify_candidate(repository.name, "hotfix/0.1.1"))
        loop = asyncio.get_running_loop()

        def end_before_the_outcome(question: Question, ask: Callable[[], Answer]) -> Answer:
            if question.method == "PUT" and question.path.endswith(f"{number:08d}/outcome.json"):
                loop.call_soon_threadsafe(running.cancel)
                return Answer(403, (), DENIED)
            return ask()

        with watched(end_before_the_outcome), pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(killed(2))
    assert told(preprod, stack)[0] == (2, "candidate", "open")
    assert asyncio.run(deploy_to_preprod(repository.name, first)) == {}
    assert told(preprod, stack)[0] == (3, "restoration", "succeeded")

    asyncio.run(killed(4))
    assert told(preprod, stack)[0] == (4, "candidate", "open")
    early, late = (reaped(topology, datetime.now(UTC) + age) for age in (LEFT_FOR / 2, LEFT_FOR))
    assert (early.candidates, early.put_back) == ((), frozenset())
    assert late.candidates == (LeftCandidate(stack, 4),)
    assert late.put_back == {stack}
    assert told(preprod, stack)[0] == (5, "restoration", "succeeded")

    again = verified(repository.name, "hotfix/0.1.1")["mended"]
    assert (again.tried, again.release.intent.number) == (True, 6)
    assert told(preprod, stack)[0] == (7, "restoration", "succeeded")


def test_a_deploy_that_a_candidate_came_before_is_made_all_the_same(
    sandbox: Sandbox,
    repositories: RepositoryMaker,
    preprod: Names,
    watched: Watched,
) -> None:
    repository, stack = repositories.make("overtaking"), preprod.stack("overtaking")
    commit = repository.commit(delaying("overtaking", 0))
    s3 = root_client(sandbox, "preprod-infrastructure-root", "s3")
    taken: list[int] = []

    def record_a_candidate(question: Question, ask: Callable[[], Answer]) -> Answer:
        """A candidate's run takes the number after this one's, before this one has the lease."""
        answer = ask()
        mine = f"/{intent_key(stack, 1)}"
        if question.method == "PUT" and question.path.endswith(mine) and not taken:
            taken.append(2)
            other = Intent.model_validate_json(question.body).model_copy(
                update={"number": 2, "purpose": Purpose.CANDIDATE, "artifact_digest": "ab"}
            )
            body = other.model_dump_json().encode()
            s3.put_object(Bucket=preprod.artifact_bucket, Key=intent_key(stack, 2), Body=body)
        return answer

    with watched(record_a_candidate):
        released = release(repository, commit)["overtaking"]

    assert released.release.intent.number == 3
    assert told(preprod, stack) == [
        (3, "deploy", "succeeded"), (2, "candidate", "open"), (1, "deploy", "superseded"),
    ]  # fmt: skip
