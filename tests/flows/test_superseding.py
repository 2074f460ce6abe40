from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from tests.flows.conftest import Watched
from tests.support.artifacts import newest_page
from tests.support.aws import root_client
from tests.support.codes import because
from tests.support.repositories import Repository, RepositoryMaker
from tests.support.templates import queue, services
from tests.tasks.faults import Answer, Question
from tiercel.domain.base.errors import DeployFailedError
from tiercel.domain.organization.names import Names
from tiercel.domain.release.ledger import Intent, intent_key
from tiercel.flows.deploy import deploy_to_preprod
from tiercel.flows.plan_release import plan_release
from tiercel.flows.publish import publish_artifact
from tiercel.sandbox.aws.journal import journal_size, read_journal
from tiercel.sandbox.lifecycle import Sandbox

pytestmark = pytest.mark.usefixtures("operator")


def commits(repository: Repository, name: str, *delays: int) -> list[str]:
    return [
        repository.commit(
            {
                "tiercel.toml": services(**{name: ""}),
                f"{name}/template.json": queue(DelaySeconds=delay),
            }
        )
        for delay in delays
    ]


def publish(repository: Repository, *shas: str) -> None:
    for sha in shas:
        asyncio.run(publish_artifact(repository.name, sha, then_deploy=False))


def test_a_burst_of_merges_deploys_the_newest_and_the_others_say_why(
    sandbox: Sandbox, preprod: Names, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("burst")
    first, second, third = commits(repository, "burst", 1, 2, 3)
    publish(repository, first, second, third)
    before = journal_size(sandbox.journal)

    for sha in (first, second):
        assert asyncio.run(deploy_to_preprod(repository.name, sha)) == {}
        assert f"commit {third[:7]} is newer and published" in newest_page("released-preprod")
    released = asyncio.run(deploy_to_preprod(repository.name, third))

    assert released["burst"].release.intent.number == 1
    executed = [
        entry
        for entry in read_journal(sandbox.journal, before)
        if entry.operation == "ExecuteChangeSet" and preprod.stack("burst") in entry.resource
    ]
    assert len(executed) == 1


def test_a_newer_commit_that_was_never_built_supersedes_nothing(
    repositories: RepositoryMaker,
) -> None:
    repository = repositories.make("unbuilt")
    first, _ = commits(repository, "unbuilt", 1, 2)
    publish(repository, first)

    assert asyncio.run(deploy_to_preprod(repository.name, first))["unbuilt"].changed


def test_a_late_deploy_of_an_older_commit_never_takes_a_revert_back(
    repositories: RepositoryMaker,
) -> None:
    repository = repositories.make("reverted")
    first, change, _revert = commits(repository, "reverted", 1, 2, 1)
    publish(repository, first, change)
    # The revert has the sources of the first commit: nothing was built or released for it.

    assert asyncio.run(deploy_to_preprod(repository.name, change)) == {}


def test_what_the_ledger_has_of_a_later_commit_stands_when_the_branch_went_on_unbuilt(
    repositories: RepositoryMaker,
) -> None:
    repository = repositories.make("ledgers")
    first, second = commits(repository, "ledgers", 1, 2)
    publish(repository, first, second)
    live = asyncio.run(deploy_to_preprod(repository.name, second))["ledgers"]

    assert asyncio.run(deploy_to_preprod(repository.name, first)) == {}
    again = asyncio.run(deploy_to_preprod(repository.name, second))["ledgers"]
    assert not again.changed
    assert again.release == live.release


def test_an_older_commit_does_not_win_with_the_number_after_a_newer_ones(
    sandbox: Sandbox,
    preprod: Names,
    repositories: RepositoryMaker,
    watched: Watched,
) -> None:
    repository = repositories.make("overtaken")
    first, second = commits(repository, "overtaken", 1, 2)
    publish(repository, first)
    newer = Intent(
        stack=preprod.stack("overtaken"), number=1, service="overtaken", environment="preprod",
        repository=repository.name, commit=second, artifact_id="ab", artifact_digest="ab",
        template_sha256="cd", parameters={}, requested_by="a person", flow_run="another",
        at=datetime.now(UTC),
    )  # fmt: skip
    s3 = root_client(sandbox, "preprod-infrastructure-root", "s3")
    key = intent_key(newer.stack, 1)
    taken: list[str] = []

    def take_the_number(question: Question, ask: Callable[[], Answer]) -> Answer:
        """Another run records a newer commit after this one has read an empty ledger."""
        if question.method == "PUT" and question.path.endswith(key) and not taken:
            taken.append(key)
            body = newer.model_dump_json().encode()
            s3.put_object(Bucket=preprod.artifact_bucket, Key=key, Body=body)
        return ask()

    with watched(take_the_number):
        assert asyncio.run(deploy_to_preprod(repository.name, first)) == {}

    assert taken
    prefix = f"ledger/{newer.stack}/"
    found = s3.list_objects_v2(Bucket=preprod.artifact_bucket, Prefix=prefix)["Contents"]
    assert [entry["Key"] for entry in found] == [key]


def test_a_plan_that_is_deleted_as_somebody_executes_another_is_made_again(
    sandbox: Sandbox,
    preprod: Names,
    repositories: RepositoryMaker,
    watched: Watched,
) -> None:
    repository = repositories.make("replanned")
    [commit] = commits(repository, "replanned", 1)
    publish(repository, commit)
    stack = preprod.stack("replanned")
    formation = root_client(sandbox, "preprod-runtime-root", "cloudformation")
    tags = [{"Key": key, "Value": value} for key, value in preprod.stack_tags("replanned").items()]
    begun: list[str] = []

    def execute_another(question: Question, ask: Callable[[], Answer]) -> Answer:
        """Somebody who plans at the same time is faster."""
        answer = ask()
        if b"Action=CreateChangeSet" in question.body and not begun:
            begun.append(stack)
            which = {"StackName": stack, "ChangeSetName": "by-hand"}
            formation.create_change_set(
                **which, ChangeSetType="CREATE", TemplateBody=queue(DelaySeconds=9), Tags=tags
            )
            formation.get_waiter("change_set_create_complete").wait(**which)
            formation.execute_change_set(**which)
            formation.get_waiter("stack_create_complete").wait(StackName=stack)
        return answer

    with watched(execute_another):
        released = asyncio.run(deploy_to_preprod(repository.name, commit))["replanned"]

    assert (released.changed, released.stack.status) == (True, "UPDATE_COMPLETE")


def test_a_plan_that_is_deleted_before_it_is_shown_says_that_the_stack_was_changed(
    sandbox: Sandbox,
    preprod: Names,
    repositories: RepositoryMaker,
    watched: Watched,
) -> None:
    repository = repositories.make("outrun")
    first, second = commits(repository, "outrun", 1, 2)
    publish(repository, first)
    asyncio.run(deploy_to_preprod(repository.name, first))
    publish(repository, second)
    stack = preprod.stack("outrun")
    formation = root_client(sandbox, "preprod-runtime-root", "cloudformation")

    def delete_plans(question: Question, ask: Callable[[], Answer]) -> Answer:
        """What an execution of another change set does to all others."""
        answer = ask()
        if b"Action=CreateChangeSet" in question.body:
            for plan in formation.list_change_sets(StackName=stack)["Summaries"]:
                formation.delete_change_set(ChangeSetName=plan["ChangeSetId"])
        return answer

    outrun = pytest.raises(DeployFailedError, check=because("plan.outrun"))
    with watched(delete_plans), outrun:
        asyncio.run(plan_release("preprod", repository.name, second))
