"""What somebody looks at before and after a release: all of it changes nothing."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

import pytest

from tests.flows.conftest import Become
from tests.support.aws import root_client
from tests.support.commands import data_in, invoke, invoke_json
from tests.support.flow_runs import release
from tests.support.plain_http import ask
from tests.support.prefect_server import server_of_commands
from tests.support.repositories import RepositoryMaker
from tests.support.templates import queue, services, template
from tiercel.deployments.health import look_at_server
from tiercel.domain.artifact.manifest import Manifest
from tiercel.domain.artifact.provenance import provenance_prefix
from tiercel.domain.base.errors import ExitCode, RefusedInputError, UntrustedArtifactError
from tiercel.domain.organization.names import Names
from tiercel.flows.plan_release import plan_release
from tiercel.flows.promote import promote_to_prod
from tiercel.flows.publish import publish_artifact
from tiercel.sandbox.aws.journal import journal_size, read_journal
from tiercel.sandbox.lifecycle import Sandbox

pytestmark = pytest.mark.usefixtures("operator")

PUT = {"PutObject", "ExecuteChangeSet", "CreateStack", "UpdateStack"}


def files(delay: int) -> dict[str, str]:
    return {
        "tiercel.toml": services(lookahead=""),
        "lookahead/template.json": queue(DelaySeconds=delay),
    }


def test_what_would_happen_is_shown_and_nothing_does(
    sandbox: Sandbox, preprod: Names, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("lookahead")
    place = ("--sandbox", "--state", str(sandbox.state))
    stack = preprod.stack("lookahead")
    release(repository, repository.commit(files(1)))
    second = repository.commit(files(2))
    release(repository, second)

    address = invoke_json("open", "stack", stack, *place)["address"]
    assert address.startswith(sandbox.aws_endpoint)
    shown = ask("GET", address).raise_for_status().text
    assert ">Queue</td><td>AWS::SQS::Queue<" in shown
    assert "CREATE_COMPLETE" in shown
    listed = ask("GET", address[: address.index("/arn:")]).raise_for_status().text
    assert f">{stack}</a>" in listed
    assert ask("GET", f"{address}-not").status_code == HTTPStatus.NOT_FOUND
    assert "/flow-run/" in invoke_json("open", "run", stack, *place)["address"]

    said = invoke_json("diff", f"{stack}/1", f"{stack}/2", *place)
    (one,) = said["services"]
    assert (one["presence"], one["artifact_differs"]) == ("changed", True)
    assert [(change["action"], change["properties"]) for change in one["resources"]] == [
        ("Modify", ["DelaySeconds"])
    ]
    said = invoke_json("diff", "preprod", f"{repository.name}@{second}", *place)
    (own,) = [found for found in said["services"] if found["service"] == "lookahead"]
    assert own["presence"] == "same"
    assert "lookahead" in invoke("diff", "preprod", "prod", *place)[1]

    before = journal_size(sandbox.journal)
    back = invoke_json("rollback", stack, "--dry-run", *place)
    assert (back["release"], back["back_to"]) == (2, 1)
    assert not {entry.operation for entry in read_journal(sandbox.journal, before)} & PUT
    code, _, errors = invoke("rollback", stack, "--dry-run", "--to", "9", *place)
    assert (code, "has no release 9" in errors) == (ExitCode.REFUSED, True)

    third = repository.commit(files(3))
    with pytest.raises(RefusedInputError, match="no artifact is published"):
        asyncio.run(plan_release("preprod", repository.name, third))
    asyncio.run(publish_artifact(repository.name, third, then_deploy=False))
    before = journal_size(sandbox.journal)
    said = invoke("plan", "preprod", repository.name, third, **server_of_commands())[1]
    assert "1 of 1 services would change, 1 resources, 0 of them replaced" in said
    operations = [entry.operation for entry in read_journal(sandbox.journal, before)]
    assert operations.count("CreateChangeSet") == operations.count("DeleteChangeSet") == 1
    assert "ExecuteChangeSet" not in operations

    assert invoke("ephemeral", "list", *place)[0] == ExitCode.OK
    assert invoke_json("releases", "--show", f"{stack}/2", *place)["intent"]["number"] == 2
    assert invoke("releases", "--show", f"{stack}/3", *place)[0] == ExitCode.REFUSED


def test_what_reads_values_elsewhere_is_planned_although_it_is_live(
    sandbox: Sandbox, repositories: RepositoryMaker
) -> None:
    elsewhere = root_client(sandbox, "preprod-runtime-root", "ssm")

    def put(value: str) -> None:
        elsewhere.put_parameter(Name="/lookafar/delay", Value=value, Type="String", Overwrite=True)

    delay = {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/lookafar/delay"}
    named = {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": {"Ref": "Delay"}}}
    repository = repositories.make("lookafar")
    put("1")
    commit = repository.commit({
        "tiercel.toml": services(lookafar=""),
        "lookafar/template.json": template({"Queue": named}, Parameters={"Delay": delay}),
    })  # fmt: skip
    release(repository, commit)
    put("2")
    (one,) = asyncio.run(plan_release("preprod", repository.name, commit)).services
    assert [change.logical_id for change in one.changes] == ["Queue"]
    assert not one.unchanged


def test_what_prod_would_get_is_planned_without_pulling_it(
    sandbox: Sandbox, preprod: Names, repositories: RepositoryMaker, become: Become
) -> None:
    repository = repositories.make("lookahead")
    release(repository, repository.commit(files(5)))
    repository.merge_into_main()
    become("prod")
    (new,) = asyncio.run(plan_release("prod", repository.name, "main")).services
    assert (new.follows, new.changes[0].action) == (True, "Add")
    asyncio.run(promote_to_prod(repository.name, "main"))
    become("preprod")
    fourth = repository.commit(files(6))
    published = asyncio.run(publish_artifact(repository.name, fourth, then_deploy=False))
    repository.merge_into_main()
    become("prod")
    before = journal_size(sandbox.journal)
    (changed,) = asyncio.run(plan_release("prod", repository.name, "main")).services
    assert not changed.follows
    assert [(one.action, one.properties) for one in changed.changes] == [
        ("Modify", ("DelaySeconds",))
    ]
    entries = list(read_journal(sandbox.journal, before))
    written = [one for one in entries if one.operation in PUT]
    assert [one.operation for one in written] == ["PutObject"], "the template is staged"

    lose_provenance(sandbox, preprod, published["lookahead"].manifest)
    before = journal_size(sandbox.journal)
    with pytest.raises(UntrustedArtifactError, match="lookahead has no provenance"):
        asyncio.run(plan_release("prod", repository.name, "main"))
    asked = {one.operation for one in read_journal(sandbox.journal, before)}
    assert not {"CreateChangeSet", "PutObject"} & asked


def lose_provenance(sandbox: Sandbox, names: Names, manifest: Manifest) -> None:
    s3 = root_client(sandbox, f"{names.environment.name}-infrastructure-root", "s3")
    prefix = provenance_prefix(manifest.service, manifest.artifact_id)
    for one in s3.list_objects_v2(Bucket=names.artifact_bucket, Prefix=prefix)["Contents"]:
        s3.delete_object(Bucket=names.artifact_bucket, Key=one["Key"])


def test_a_pool_that_the_server_lacks_is_told_apart_from_one_without_workers() -> None:
    assert asyncio.run(look_at_server(["nobody"])).online == {"nobody": None}


def test_the_doctor_says_what_lacks_and_how_to_get_it(sandbox: Sandbox) -> None:
    place = ("--state", str(sandbox.state))
    assert sandbox.aws_endpoint in str(invoke_json("sandbox", "status", *place))
    code, output, _ = invoke("doctor", "--json", "--sandbox", *place)
    found = {(one["area"], one["what"]): one for one in data_in(output)}
    assert found["preprod", "credentials"]["health"] == "well"
    assert found["prod", "orchestrator"]["health"] == "well"
    assert found["preprod", "clock"]["health"] == "well"
    assert "PREFECT_API_URL" in found["Prefect", "server"]["remedy"]
    assert code == ExitCode.CHECK_FAILED
