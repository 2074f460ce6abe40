from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.flows.conftest import Become, Watched
from tests.sandbox.support import eventually
from tests.support.aws import root_client
from tests.support.codes import because
from tests.support.flow_runs import release
from tests.support.repositories import RepositoryMaker
from tests.support.templates import answering, function, queue, services
from tests.tasks.faults import Answer, Question
from tiercel.domain.artifact.manifest import manifest_key
from tiercel.domain.base.digests import sha256_hex
from tiercel.domain.base.errors import (
    DeployFailedError,
    RefusedInputError,
    SmokeTestFailedError,
    UnreachableError,
)
from tiercel.domain.organization.access import Records, orchestrator
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.topology import Topology
from tiercel.domain.release.live_export import newest_commit
from tiercel.flows.deploy import deploy_to_preprod
from tiercel.flows.promote import promote_to_prod
from tiercel.flows.publish import publish_artifact
from tiercel.sandbox.aws.journal import journal_size, read_journal
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.tasks.aws.objects import read_object
from tiercel.tasks.records.live_export import read_live_export, tell_what_is_live

pytestmark = pytest.mark.usefixtures("operator")

NO_SUCH_KEY = b"<Error><Code>NoSuchKey</Code><Message>There is none</Message></Error>"
SMOKE = '[services.{0}.smoke_test]\ninvoke = "Function"\nexpect = {{answer = "{0}"}}'


@pytest.fixture
def prod(topology: Topology) -> Names:
    return Names.of(topology, "prod")


def service_of(name: str, answer: str = "") -> dict[str, str]:
    return {
        "tiercel.toml": services(**{name: SMOKE.format(name)}),
        f"{name}/template.json": function(),
        f"{name}/src/app.py": answering(answer or name),
    }


def test_prod_runs_the_bytes_that_preprod_verified_and_nothing_is_built_for_it(
    sandbox: Sandbox,
    become: Become,
    preprod: Names,
    prod: Names,
    repositories: RepositoryMaker,
) -> None:
    repository = repositories.make("promoted")
    release(repository, repository.commit(service_of("promoted")))
    commit = repository.merge_into_main()
    become("prod")
    before = journal_size(sandbox.journal)

    released = asyncio.run(promote_to_prod(repository.name, "main"))["promoted"]

    assert released.release.intent.commit == commit
    assert released.stack.name == "acme-prod-promoted"
    assert released.answer == '{"answer": "promoted"}'
    calls = list(read_journal(sandbox.journal, before))
    built_by_prod = {
        entry.resource.rpartition("/")[2]
        for entry in calls
        if entry.operation == "PutObject" and "/packages/" in entry.resource
    }
    reader = orchestrator(prod, "test")
    assert built_by_prod
    for name in built_by_prod:
        key = f"packages/{name}"
        body = read_object(reader, prod.artifact_bucket, key)
        assert body is not None
        assert body == read_object(reader, preprod.artifact_bucket, key)
        assert key == f"packages/{sha256_hex(body)}.{key.rpartition('.')[2]}"


def test_prod_reads_from_preprod_and_no_preprod_principal_calls_a_prod_account(
    sandbox: Sandbox, become: Become, topology: Topology, repositories: RepositoryMaker
) -> None:
    before = journal_size(sandbox.journal)
    repository = repositories.make("direction")
    release(repository, repository.commit(service_of("direction")))
    repository.merge_into_main()
    become("prod")
    asyncio.run(promote_to_prod(repository.name, "main"))

    environment = topology.environment("prod")
    prod_accounts = {environment.infrastructure_account, environment.runtime_account}
    crossings = {
        (entry.principal.split(":")[4] in prod_accounts, "acme-prod-" in entry.resource)
        for entry in read_journal(sandbox.journal, before)
        if ":root" not in entry.principal and ("acme-p" in entry.resource)
    }
    assert (True, False) in crossings, "Prod never read from Preprod"
    assert (False, True) not in crossings, "a Preprod principal called Prod"


def test_what_prod_has_live_is_told_to_preprod_which_cannot_say_it_itself(
    become: Become, preprod: Names, prod: Names, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("told")
    before = release(repository, repository.commit(service_of("told")))
    commit = repository.merge_into_main()
    become("prod")
    asyncio.run(promote_to_prod(repository.name, "main"))

    own = Records(orchestrator(prod, "test"), prod.artifact_bucket)
    theirs = Records(orchestrator(prod, "test"), preprod.artifact_bucket)
    assert tell_what_is_live.fn(own, theirs, prod, str.lower) is False

    become("preprod")
    reader = Records(orchestrator(preprod, "test"), preprod.artifact_bucket)
    exported = read_live_export.fn(reader, "prod")
    assert exported
    mine = next(one for one in exported.artifacts if one.service == "told")
    assert mine.commit == commit
    assert mine.artifact_digest == before["told"].release.intent.artifact_digest
    assert newest_commit(exported, repository.name) == commit
    with pytest.raises(UnreachableError, check=because("aws.not_allowed")):
        tell_what_is_live.fn(reader, reader, prod, str.lower)


def failing_in_prod(name: str) -> dict[str, str]:
    """A service whose queue Prod's parameters make impossible, until they are mended."""
    table = f'[services.{name}.environments.prod.parameters]\nSeconds = "5"\n'
    parameters = {"Seconds": {"Type": "String", "Default": "60"}}
    made = queue(MessageRetentionPeriod={"Ref": "Seconds"})
    return {
        "tiercel.toml": services(**{name: table}),
        f"{name}/template.json": json.dumps(json.loads(made) | {"Parameters": parameters}),
    }


def test_a_first_create_that_fails_in_prod_leaves_nothing_and_no_role_deletes_a_stack(
    sandbox: Sandbox, become: Become, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("stillborn")
    release(repository, repository.commit(failing_in_prod("stillborn")))
    repository.merge_into_main()
    become("prod")
    before = journal_size(sandbox.journal)

    with pytest.raises(DeployFailedError, check=because("stack.failed")) as failure:
        asyncio.run(promote_to_prod(repository.name, "main"))

    assert failure.value.what == "stack acme-prod-stillborn ended as DELETE_COMPLETE"
    assert "Queue (AWS::SQS::Queue) CREATE_FAILED" in failure.value.why
    assert "delete-stack" not in failure.value.remedy
    runtime = root_client(sandbox, "prod-runtime-root", "cloudformation")
    assert "acme-prod-stillborn" not in living(runtime)
    asked = {entry.operation for entry in read_journal(sandbox.journal, before)}
    assert "DeleteStack" not in asked


def living(cloudformation: Any) -> set[str]:
    """The names of the stacks that are there."""
    return {stack["StackName"] for stack in cloudformation.describe_stacks()["Stacks"]}


def test_a_stack_of_prod_is_protected_after_its_first_success_and_once(
    sandbox: Sandbox, become: Become, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("guarded")
    files = {"tiercel.toml": services(guarded=""), "guarded/template.json": queue()}
    release(repository, repository.commit(files))
    repository.merge_into_main()
    before = journal_size(sandbox.journal)
    become("prod")
    asyncio.run(promote_to_prod(repository.name, "main"))

    runtime = root_client(sandbox, "prod-runtime-root", "cloudformation")
    (stack,) = runtime.describe_stacks(StackName="acme-prod-guarded")["Stacks"]
    assert stack["EnableTerminationProtection"] is True
    become("preprod")
    release(repository, repository.commit({"guarded/template.json": queue(DelaySeconds=1)}))
    repository.merge_into_main()
    become("prod")
    asyncio.run(promote_to_prod(repository.name, "main"))
    entries = read_journal(sandbox.journal, before)
    protecting = [one for one in entries if one.operation == "UpdateTerminationProtection"]
    assert [one.resource.split("/")[1] for one in protecting] == ["acme-prod-guarded"]


@pytest.mark.walks("stack-create-failed", "stack-never-was")
def test_what_an_older_version_left_in_prod_is_an_administrators_with_the_exact_command(
    sandbox: Sandbox, become: Become, prod: Names, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("leftover")
    files = {"tiercel.toml": services(leftover=""), "leftover/template.json": queue()}
    release(repository, repository.commit(files))
    repository.merge_into_main()
    runtime = root_client(sandbox, "prod-runtime-root", "cloudformation")
    tags = [{"Key": key, "Value": value} for key, value in prod.stack_tags("leftover").items()]
    wrong = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {
        "MessageRetentionPeriod": 5}}}}  # fmt: skip
    made = runtime.create_stack(
        StackName="acme-prod-leftover", TemplateBody=json.dumps(wrong), Tags=tags
    )["StackId"]
    wait_for_status(runtime, made, "ROLLBACK_COMPLETE")
    become("prod")

    with pytest.raises(DeployFailedError, check=because("stack.not_deployable")) as refusal:
        asyncio.run(promote_to_prod(repository.name, "main"))

    region = prod.environment.region
    command = f"aws cloudformation delete-stack --stack-name {made} --region {region}"
    assert command in refusal.value.remedy
    runtime.delete_stack(StackName=made)
    wait_for_status(runtime, made, "DELETE_COMPLETE")
    assert asyncio.run(promote_to_prod(repository.name, "main"))["leftover"].changed


def wait_for_status(cloudformation: Any, stack: str, status: str) -> None:
    eventually(
        lambda: (
            cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"] == status
        )
    )


def test_promoting_again_changes_nothing(
    sandbox: Sandbox, become: Become, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("repeated")
    release(repository, repository.commit(service_of("repeated")))
    repository.merge_into_main()
    become("prod")
    asyncio.run(promote_to_prod(repository.name, "main"))
    before = journal_size(sandbox.journal)

    released = asyncio.run(promote_to_prod(repository.name, "main"))

    assert not released["repeated"].changed
    reads = ("Get", "Head", "List", "Describe", "AssumeRole")
    assert [
        entry.operation
        for entry in read_journal(sandbox.journal, before)
        if not entry.operation.startswith(reads)
    ] == []


def test_what_preprod_has_not_verified_is_refused_with_the_remedy(
    sandbox: Sandbox, become: Become, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("unverified")
    commit = repository.commit(service_of("unverified"))
    asyncio.run(publish_artifact(repository.name, commit, then_deploy=False))
    repository.merge_into_main()
    become("prod")
    before = journal_size(sandbox.journal)

    with pytest.raises(RefusedInputError) as refusal:
        asyncio.run(promote_to_prod(repository.name, "main"))

    assert refusal.value.what.startswith("preprod has not verified unverified as in commit")
    assert f"tiercel candidate {repository.name} {commit[:7]}" in refusal.value.remedy
    accounts = {entry.account for entry in read_journal(sandbox.journal, before)}
    assert "444444444444" not in accounts


def test_what_failed_its_smoke_test_in_preprod_is_not_promoted(
    become: Become, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("failing")
    commit = repository.commit(service_of("failing", answer="something else"))
    with pytest.raises(SmokeTestFailedError):
        release(repository, commit)
    repository.merge_into_main()
    become("prod")

    with pytest.raises(RefusedInputError, check=because("promotion.not_verified")):
        asyncio.run(promote_to_prod(repository.name, "main"))


def test_a_commit_that_is_not_in_the_production_branch_is_refused(
    become: Become, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("elsewhere-prod")
    repository.commit({"tiercel.toml": services(site=""), "site/template.json": queue()})
    repository.merge_into_main()
    ahead = repository.commit({"README.md": "not released"})
    become("prod")

    with pytest.raises(RefusedInputError, match="is not in main"):
        asyncio.run(promote_to_prod(repository.name, ahead))


def test_a_manifest_that_changed_after_it_was_verified_is_refused(
    sandbox: Sandbox, become: Become, preprod: Names, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("tampered")
    commit = repository.commit(service_of("tampered"))
    published = asyncio.run(publish_artifact(repository.name, commit, then_deploy=False))
    asyncio.run(deploy_to_preprod(repository.name, commit))
    repository.merge_into_main()
    manifest = published["tampered"].manifest
    body = manifest.model_copy(update={"parameters": ()}).to_bytes()
    root_client(sandbox, "preprod-infrastructure-root", "s3").put_object(
        Bucket=preprod.artifact_bucket,
        Key=manifest_key("tampered", manifest.artifact_id),
        Body=body.replace(b'"path":"src/"', b'"path":"lib/"'),
    )
    become("prod")

    with pytest.raises(RefusedInputError, match="is not the one that preprod verified"):
        asyncio.run(promote_to_prod(repository.name, "main"))


@pytest.mark.parametrize("unseen", [False, True], ids=["seen at once", "seen by the last write"])
def test_what_prod_pulled_of_another_build_is_not_deployed_for_what_preprod_verified(
    sandbox: Sandbox,
    become: Become,
    topology: Topology,
    repositories: RepositoryMaker,
    watched: Watched,
    unseen: bool,
) -> None:
    preprod, prod = (Names.of(topology, environment) for environment in ("preprod", "prod"))
    name = f"rebuilt-{int(unseen)}"
    repository = repositories.make(name)
    commit = repository.commit(
        {
            "tiercel.toml": services(**{name: 'build = ["sh", "-c", "date +%s%N > src/now"]'}),
            f"{name}/template.json": function(),
            f"{name}/src/app.py": answering(name),
        }
    )
    first = asyncio.run(publish_artifact(repository.name, commit, then_deploy=False))[name].manifest
    asyncio.run(deploy_to_preprod(repository.name, commit))
    repository.merge_into_main()
    become("prod")
    asyncio.run(promote_to_prod(repository.name, "main"))
    place = manifest_key(name, first.artifact_id)
    root = root_client(sandbox, "preprod-infrastructure-root", "s3")
    root.delete_object(Bucket=preprod.artifact_bucket, Key=place)
    become("preprod")
    second = asyncio.run(publish_artifact(repository.name, commit, then_deploy=False))[name]
    asyncio.run(deploy_to_preprod(repository.name, commit))
    pulled = f"/{prod.artifact_bucket}/{place}"
    looks = 0

    def hide_the_first_look(question: Question, ask: Callable[[], Answer]) -> Answer:
        nonlocal looks
        if question.method == "GET" and question.path.partition("?")[0] == pulled:
            looks += 1
            if unseen and looks == 1:
                return Answer(404, (("content-type", "application/xml"),), NO_SUCH_KEY)
        return ask()

    become("prod")
    before = journal_size(sandbox.journal)
    with watched(hide_the_first_look), pytest.raises(RefusedInputError) as refusal:
        asyncio.run(promote_to_prod(repository.name, "main"))

    assert refusal.value.what == f"prod has another build of {name} than preprod verified"
    assert first.digest in refusal.value.why
    assert second.manifest.digest in refusal.value.why
    calls = list(read_journal(sandbox.journal, before))
    assert "444444444444" not in {entry.account for entry in calls}
    assert unseen or "Sign" not in {entry.operation for entry in calls}
    assert looks == (3 if unseen else 1)
