from __future__ import annotations

import asyncio
import json

import pytest
from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort

from tests.support.aws import root_client
from tests.support.codes import because
from tests.support.flow_runs import release
from tests.support.repositories import RepositoryMaker
from tests.support.templates import answering, function, queue, services, template
from tiercel.domain.base.errors import (
    BuildFailedError,
    DeployFailedError,
    RefusedInputError,
    SmokeTestFailedError,
)
from tiercel.domain.organization.access import Records
from tiercel.domain.organization.names import Names, Role
from tiercel.domain.release.ledger import Release, ReleaseStatus, stack_prefix
from tiercel.flows.deploy import deploy_to_preprod
from tiercel.flows.publish import publish_artifact
from tiercel.sandbox.aws.journal import JournalEntry, journal_size, read_journal
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.tasks.records.ledger import newest_release

pytestmark = pytest.mark.usefixtures("operator")

READS = ("Get", "Head", "List", "Describe", "AssumeRole")


def newest(preprod: Names, service: str) -> Release:
    from tiercel.domain.organization.access import orchestrator

    found = newest_release.fn(
        Records(orchestrator(preprod, "test"), preprod.artifact_bucket), preprod.stack(service)
    )
    assert found
    return found


def calls_since(sandbox: Sandbox, offset: int) -> list[JournalEntry]:
    return list(read_journal(sandbox.journal, offset))


def test_a_commit_becomes_a_running_stack_and_a_release_of_the_ledger(
    preprod: Names, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("first")
    commit = repository.commit(
        {
            "tiercel.toml": services(
                first='[services.first.smoke_test]\ninvoke = "Function"\nexpect = {answer = "hi"}'
            ),
            "first/template.json": function(),
            "first/src/app.py": answering("hi"),
        }
    )

    released = release(repository, commit)["first"]

    assert released.changed
    assert released.stack.status == "CREATE_COMPLETE"
    assert released.release.status is ReleaseStatus.SUCCEEDED
    assert released.release.outcome
    assert released.release.outcome.smoke_test == '{"answer": "hi"}'
    recorded = newest(preprod, "first")
    assert recorded == released.release
    assert recorded.intent.commit == commit
    assert recorded.intent.requested_by == "arn:aws:iam::111111111111:user/operator"


def test_releasing_the_same_commit_again_changes_nothing(
    sandbox: Sandbox, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("again")
    commit = repository.commit({"tiercel.toml": services(again=""), "again/template.json": queue()})
    release(repository, commit)
    before = journal_size(sandbox.journal)

    published = asyncio.run(publish_artifact(repository.name, commit))
    released = asyncio.run(deploy_to_preprod(repository.name, commit))

    assert not published["again"].built
    assert published["again"].uploaded == 0
    assert not released["again"].changed
    changing = [
        entry.operation
        for entry in calls_since(sandbox, before)
        if not entry.operation.startswith(READS)
    ]
    assert changing == []


def test_a_release_that_only_changes_an_output_is_executed(
    sandbox: Sandbox, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("spoken")
    first = {"tiercel.toml": services(spoken=""), "spoken/template.json": queue("Old")}
    release(repository, repository.commit(first))
    before = journal_size(sandbox.journal)

    released = release(repository, repository.commit({"spoken/template.json": queue("New")}))

    assert list(released["spoken"].outputs) == ["New"]
    assert released["spoken"].release.outcome
    assert list(released["spoken"].release.outcome.outputs) == ["New"]
    operations = [entry.operation for entry in calls_since(sandbox, before)]
    assert "ExecuteChangeSet" in operations
    assert "DeleteChangeSet" not in operations


def test_a_commit_that_touches_another_folder_needs_no_build(repositories: RepositoryMaker) -> None:
    repository = repositories.make("elsewhere")
    first = repository.commit(
        {"tiercel.toml": services(elsewhere=""), "elsewhere/template.json": queue()}
    )
    release(repository, first)
    second = repository.commit({"README.md": "Read this."})

    published = asyncio.run(publish_artifact(repository.name, second))

    assert not published["elsewhere"].built


def test_dependents_wait_and_receive_outputs_while_others_deploy_at_the_same_time(
    sandbox: Sandbox, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("family")
    child = template(
        {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Ref": "Parent"}}}},
        Parameters={"Parent": {"Type": "String"}},
        Outputs={"Parent": {"Value": {"Ref": "Parent"}}},
    )
    commit = repository.commit(
        {
            "tiercel.toml": services(parent="", child='depends_on = ["parent"]', stranger=""),
            "parent/template.json": queue(output="Parent"),
            "child/template.json": child,
            "stranger/template.json": queue(),
        }
    )
    asyncio.run(publish_artifact(repository.name, commit))
    before = journal_size(sandbox.journal)

    released = asyncio.run(deploy_to_preprod(repository.name, commit))

    assert released["child"].outputs["Parent"] == released["parent"].outputs["Parent"]
    order = [
        (entry.operation, entry.resource)
        for entry in calls_since(sandbox, before)
        if entry.operation in ("ExecuteChangeSet", "PutObject")
    ]
    positions = {
        name: [i for i, (_, resource) in enumerate(order) if f"acme-preprod-{name}/" in resource]
        for name in ("parent", "child", "stranger")
    }
    assert max(positions["parent"]) < min(positions["child"])
    assert min(positions["stranger"]) < max(positions["parent"])


def test_a_template_names_its_resources_as_it_likes_and_what_it_named_is_tested(
    sandbox: Sandbox, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("slug")
    smoke = '[services.slug.smoke_test]\ninvoke = "Function"\nexpect = {answer = "hi"}'
    made = json.loads(function())
    made["Resources"]["Function"]["Properties"]["FunctionName"] = "slug"
    made["Resources"]["Orders"] = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "Orders"}}
    commit = repository.commit(
        {
            "tiercel.toml": services(slug=smoke),
            "slug/template.json": json.dumps(made),
            "slug/src/app.py": answering("hi"),
        }
    )
    before = journal_size(sandbox.journal)

    released = release(repository, commit)["slug"]

    assert released.answer == '{"answer": "hi"}'
    invoked = [one for one in calls_since(sandbox, before) if one.operation == "Invoke"]
    assert [one.resource.rpartition(":")[2] for one in invoked] == ["slug"]


def test_a_failed_smoke_test_fails_the_release_and_says_what_was_expected(
    preprod: Names, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("wrong")
    commit = repository.commit(
        {
            "tiercel.toml": services(
                wrong='[services.wrong.smoke_test]\ninvoke = "Function"\nexpect = {answer = "yes"}',
                after='depends_on = ["wrong"]',
            ),
            "wrong/template.json": function(),
            "wrong/src/app.py": answering("no"),
            "after/template.json": queue(),
        }
    )

    with pytest.raises(SmokeTestFailedError) as failure:
        release(repository, commit)

    assert failure.value.why == 'answer.answer is "no", expected "yes"'
    assert "stack acme-preprod-wrong, account 222222222222" in failure.value.where
    assert newest(preprod, "wrong").status is ReleaseStatus.FAILED
    with pytest.raises(AssertionError):
        newest(preprod, "after")


def test_a_template_that_cloudformation_rejects_is_explained_and_leaves_nothing_running(
    preprod: Names, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("rejected")
    bad = template(
        {"Function": {"Type": "AWS::Serverless::Function", "Properties": {"InlineCode": "pass"}}},
        Transform="AWS::Serverless-2016-10-31",
    )
    commit = repository.commit(
        {"tiercel.toml": services(rejected=""), "rejected/template.json": bad}
    )

    with pytest.raises(DeployFailedError) as failure:
        release(repository, commit)

    assert failure.value.code == "plan.template_refused"
    assert "Runtime and Handler" in failure.value.why
    assert "account 222222222222" in failure.value.where
    assert "no resource was changed" in failure.value.state
    assert newest(preprod, "rejected").status is ReleaseStatus.FAILED


def test_a_permission_that_the_service_role_lacks_is_told_before_anything_is_executed(
    sandbox: Sandbox, preprod: Names, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("lacking")
    group = {"Type": "AWS::Athena::WorkGroup", "Properties": {"Name": "orders"}}
    commit = repository.commit(
        {
            "tiercel.toml": services(lacking=""),
            "lacking/template.json": template({"Orders": group}),
        }
    )
    before = journal_size(sandbox.journal)

    with pytest.raises(DeployFailedError) as failure:
        release(repository, commit)

    assert failure.value.code == "plan.role_lacks_permissions"
    assert "athena:CreateWorkGroup" in failure.value.why
    assert "for Orders (AWS::Athena::WorkGroup)" in failure.value.why
    assert "role/acme-preprod-cloudformation" in failure.value.where
    assert "no resource was changed" in failure.value.state
    assert newest(preprod, "lacking").status is ReleaseStatus.FAILED
    operations = {entry.operation for entry in calls_since(sandbox, before)}
    assert "CreateChangeSet" in operations
    assert "ExecuteChangeSet" not in operations


def failing_queue() -> str:
    """A function with a role that may not be passed, as CloudFormation learns at creation."""
    return template(
        {
            "Good": {"Type": "AWS::SQS::Queue"},
            "Bad": {
                "Type": "AWS::Lambda::Function",
                "DependsOn": "Good",
                "Properties": {
                    "Code": {"ZipFile": "def handler(event, context): ..."},
                    "Handler": "app.handler",
                    "Runtime": "python3.11",
                    "Role": "arn:aws:iam::222222222222:role/none",
                },
            },
        }
    )


def test_a_resource_that_fails_to_create_is_named_and_the_next_release_cleans_up_first(
    sandbox: Sandbox, preprod: Names, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("broken")
    commit = repository.commit(
        {"tiercel.toml": services(broken=""), "broken/template.json": failing_queue()}
    )

    with pytest.raises(DeployFailedError) as failure:
        release(repository, commit)

    assert failure.value.what == "stack acme-preprod-broken ended as ROLLBACK_COMPLETE"
    assert "Bad (AWS::Lambda::Function) CREATE_FAILED" in failure.value.why
    assert "all that was created is removed again" in failure.value.state
    assert newest(preprod, "broken").status is ReleaseStatus.FAILED

    mended = repository.commit({"broken/template.json": queue()})
    before = journal_size(sandbox.journal)
    released = release(repository, mended)["broken"]
    assert released.stack.status == "CREATE_COMPLETE"
    assert released.release.intent.number == 2
    became = {
        (one.operation, one.principal.split("/")[1])
        for one in calls_since(sandbox, before)
        if "destroyer" in one.principal or one.operation == "DeleteStack"
    }
    assert became == {("DeleteStack", "acme-preprod-destroyer")}


def test_a_deletion_that_stops_once_more_ends_the_release_with_its_reason(
    sandbox: Sandbox, preprod: Names, repositories: RepositoryMaker
) -> None:
    runtime = root_client(sandbox, "preprod-runtime-root", "cloudformation")
    tags = [{"Key": key, "Value": value} for key, value in preprod.stack_tags("stuck").items()]
    name, files = "acme-preprod-stuck", {"Type": "AWS::S3::Bucket"}
    runtime.create_stack(
        StackName=name,
        TemplateBody=json.dumps({"Resources": {"Files": files}}),
        RoleARN=preprod.role_arn(Role.CLOUDFORMATION),
        Tags=tags,
    )
    runtime.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 0.05})
    bucket = runtime.describe_stack_resource(StackName=name, LogicalResourceId="Files")
    root_client(sandbox, "preprod-runtime-root", "s3").put_object(
        Bucket=bucket["StackResourceDetail"]["PhysicalResourceId"], Key="x", Body=b"x"
    )
    runtime.delete_stack(StackName=name)
    repository = repositories.make("stuck")
    commit = repository.commit({"tiercel.toml": services(stuck=""), "stuck/template.json": queue()})

    with pytest.raises(DeployFailedError, check=because("stack.failed")) as failure:
        release(repository, commit)

    assert failure.value.why.startswith("Files (AWS::S3::Bucket) DELETE_FAILED: ")
    assert "not empty" in failure.value.why
    assert "keeps it from being deleted" in failure.value.remedy


@pytest.mark.walks("stack-rolled-back")
def test_an_update_that_fails_leaves_the_previous_version_running(
    repositories: RepositoryMaker,
) -> None:
    repository = repositories.make("update")
    good = repository.commit({"tiercel.toml": services(update=""), "update/template.json": queue()})
    before = release(repository, good)["update"]
    bad = repository.commit({"update/template.json": failing_queue()})

    with pytest.raises(DeployFailedError) as failure:
        release(repository, bad)

    assert failure.value.what == "stack acme-preprod-update ended as UPDATE_ROLLBACK_COMPLETE"
    assert "runs the previous version again" in failure.value.state
    back = release(repository, good)["update"]
    assert back.changed
    assert back.outputs == before.outputs
    assert back.release.intent.number == 3


def test_a_build_that_fails_shows_its_last_lines_and_uploads_nothing(
    sandbox: Sandbox, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("unbuilt")
    commit = repository.commit(
        {
            "tiercel.toml": services(unbuilt='build = ["python3", "build.py"]'),
            "unbuilt/template.json": queue(),
            "unbuilt/build.py": "import sys\nprint('no compiler here')\nsys.exit(3)\n",
        }
    )
    before = journal_size(sandbox.journal)

    with pytest.raises(BuildFailedError) as failure:
        asyncio.run(publish_artifact(repository.name, commit))

    assert failure.value.what == "the build command failed: python3 build.py"
    assert failure.value.where == "service unbuilt, folder unbuilt"
    assert "exit code 3\nno compiler here" in failure.value.why
    assert "PutObject" not in [entry.operation for entry in calls_since(sandbox, before)]


def test_deploying_what_was_never_published_is_refused_with_the_command_to_run(
    repositories: RepositoryMaker,
) -> None:
    repository = repositories.make("unpublished")
    commit = repository.commit(
        {"tiercel.toml": services(unpublished=""), "unpublished/template.json": queue(Tags=[])}
    )

    with pytest.raises(RefusedInputError) as failure:
        asyncio.run(deploy_to_preprod(repository.name, commit))

    assert failure.value.remedy == f"run `tiercel publish {repository.name} {commit}` first"


def test_a_stack_of_another_repository_is_not_replaced(repositories: RepositoryMaker) -> None:
    files = {"tiercel.toml": services(shared=""), "shared/template.json": queue()}
    mine, yours = repositories.make("mine"), repositories.make("yours")
    release(mine, mine.commit(files))

    with pytest.raises(RefusedInputError, check=because("release.stack_of_other_repository")):
        release(yours, yours.commit(files))


def test_a_stack_that_somebody_else_made_is_not_replaced_by_a_first_release(
    sandbox: Sandbox, preprod: Names, repositories: RepositoryMaker
) -> None:
    stack, body = preprod.stack("database"), queue(DelaySeconds=7)
    root = root_client(sandbox, "preprod-runtime-root", "cloudformation")
    root.create_stack(StackName=stack, TemplateBody=body)
    root.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
    repository = repositories.make("database")
    commit = repository.commit(
        {"tiercel.toml": services(database=""), "database/template.json": queue(DelaySeconds=8)}
    )
    asyncio.run(publish_artifact(repository.name, commit, then_deploy=False))
    before = journal_size(sandbox.journal)

    with pytest.raises(RefusedInputError, match=f"stack {stack} was not made by Tiercel"):
        asyncio.run(deploy_to_preprod(repository.name, commit))

    calls = calls_since(sandbox, before)
    assert {entry.operation for entry in calls if not entry.operation.startswith(READS)} == set()
    tags = [{"Key": key, "Value": value} for key, value in preprod.stack_tags("database").items()]
    root.update_stack(StackName=stack, TemplateBody=body, Tags=tags)
    root.get_waiter("stack_update_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
    handed_over = asyncio.run(deploy_to_preprod(repository.name, commit))["database"]
    assert handed_over.stack.status == "UPDATE_COMPLETE"


def test_a_stack_whose_ledger_was_lost_is_released_again(
    sandbox: Sandbox, preprod: Names, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("lost")
    commit = repository.commit(
        {"tiercel.toml": services(lost=""), "lost/template.json": queue(DelaySeconds=9)}
    )
    release(repository, commit)
    s3, bucket = root_client(sandbox, "preprod-infrastructure-root", "s3"), preprod.artifact_bucket
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=stack_prefix(preprod.stack("lost")))
    for entry in listed["Contents"]:
        s3.delete_object(Bucket=bucket, Key=entry["Key"])

    again = asyncio.run(deploy_to_preprod(repository.name, commit))["lost"]

    assert again.release.intent.number == 2, "the stack tells which number was used"
    assert again.release.status is ReleaseStatus.SUCCEEDED


@pytest.mark.parametrize("repository", ["stranger/shop", "shop", "../shop", "acme/../x", ""])
def test_a_repository_outside_the_organization_is_refused_before_anything_is_fetched(
    sandbox: Sandbox, repository: str
) -> None:
    before = journal_size(sandbox.journal)

    with pytest.raises(RefusedInputError):
        asyncio.run(publish_artifact(repository, "main"))

    assert calls_since(sandbox, before) == []


def test_all_large_assets_of_a_sam_application_are_the_same_bytes_in_both_accounts(
    preprod: Names, repositories: RepositoryMaker
) -> None:
    from tiercel.domain.base.digests import sha256_hex
    from tiercel.domain.organization.access import deployer, orchestrator
    from tiercel.tasks.aws.objects import list_keys, read_object

    repository = repositories.make("bytes")
    commit = repository.commit(
        {
            "tiercel.toml": services(bytes=""),
            "bytes/template.json": function(),
            "bytes/src/app.py": answering("x" * 100_000),
        }
    )
    asyncio.run(publish_artifact(repository.name, commit))
    published = asyncio.run(publish_artifact(repository.name, commit))["bytes"].manifest
    asyncio.run(deploy_to_preprod(repository.name, commit))

    run = "bytes"
    for entry in published.objects:
        for access, bucket in (
            (orchestrator(preprod, run), preprod.artifact_bucket),
            (deployer(preprod, run), preprod.staging_bucket),
        ):
            body = read_object(access, bucket, entry.key)
            assert body is not None
            assert (sha256_hex(body), len(body)) == (entry.sha256, entry.size)
    assert list_keys(orchestrator(preprod, run), preprod.artifact_bucket, "packages/")


def test_a_run_is_named_and_tagged_after_what_it_releases(repositories: RepositoryMaker) -> None:
    repository = repositories.make("named")
    commit = repository.commit({"tiercel.toml": services(named=""), "named/template.json": queue()})

    release(repository, commit)

    runs = {run.name: run.tags for run in asyncio.run(newest_runs())}
    for verb in ("publish", "deploy"):
        tags = runs[f"{verb} preprod named@{commit[:7]}"]
        assert set(tags) == {"preprod", repository.name, "named"}


async def newest_runs() -> list[FlowRun]:
    async with get_client() as client:
        return await client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC, limit=5)


@pytest.mark.parametrize("flow", [publish_artifact, deploy_to_preprod], ids=lambda f: f.name)
def test_a_run_needs_to_know_a_repository_and_a_commit_and_nothing_else(
    flow: Flow[..., object],
) -> None:
    assert flow.parameters.required == ["repository", "commit"]
