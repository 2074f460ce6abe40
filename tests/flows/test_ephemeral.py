"""Environments on demand from their coming up to their going down, in the sandbox."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.aws import root_client
from tests.support.codes import because
from tests.support.commands import error_in, invoke, invoke_json
from tests.support.place import Place
from tests.support.prefect_server import server_of_commands
from tests.support.repositories import RepositoryMaker
from tests.support.templates import answering, function, queue, services
from tiercel.domain.base.errors import (
    DeployFailedError,
    ExitCode,
    RefusedInputError,
    TiercelError,
)
from tiercel.domain.ephemeral.asking import Asker
from tiercel.domain.ephemeral.environments import EphemeralRecord, EphemeralState, record_key
from tiercel.domain.organization.access import Records, orchestrator
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.topology import Topology
from tiercel.flows.ephemeral_down import ephemeral_down
from tiercel.flows.ephemeral_up import CameUp, ephemeral_up
from tiercel.sandbox.aws.journal import read_journal
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.tasks.github.transport.asking import asker_by_deployment, request_deployment
from tiercel.tasks.github.transport.client import forget_github
from tiercel.tasks.records.ephemeral import read_environment

pytestmark = pytest.mark.usefixtures("operator")

SEEDED = """depends_on = ["basket"]
seed = { invoke = "Function", payload = { fill = true }, expect = { answer = "full" } }
smoke_test = { invoke = "Function", expect = { answer = "full" } }
"""


def up(repository: str, **given: Any) -> CameUp:
    made: CameUp = asyncio.run(ephemeral_up(repository, **given))
    return made


def record_of(preprod: Names, name: str) -> EphemeralRecord | None:
    records = Records(orchestrator(preprod, "test"), preprod.artifact_bucket)
    return read_environment.fn(records, name)


def stacks_of(sandbox: Sandbox, topology: Topology, name: str) -> dict[str, dict[str, str]]:
    """The stacks of an environment by their names, each with its tags."""
    formation = root_client(sandbox, "preprod-runtime-root", "cloudformation")
    prefix = Names.ephemeral(topology, name).stack_prefix
    return {
        one["StackName"]: {tag["Key"]: tag["Value"] for tag in one["Tags"]}
        for one in formation.describe_stacks()["Stacks"]
        if one["StackName"].startswith(prefix)
    }


def invocations(sandbox: Sandbox, function_name: str) -> int:
    return sum(
        1
        for entry in read_journal(sandbox.journal)
        if entry.operation == "Invoke" and function_name in entry.resource
    )


def test_an_environment_comes_up_filled_with_data_and_goes_without_a_trace(
    sandbox: Sandbox, preprod: Names, topology: Topology, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("spring")
    files = {
        "tiercel.toml": services(basket="", spring=SEEDED),
        "basket/template.json": queue(),
        "spring/template.json": function(),
        "spring/src/app.py": answering("full"),
    }
    commit = repository.commit(files)
    s3 = root_client(sandbox, "preprod-infrastructure-root", "s3")
    damaged = {"Bucket": preprod.artifact_bucket, "Key": record_key("torn")}
    s3.put_object(**damaged, Body=b"{")

    given = ("--name", "spring", "--hours", "5", "--purpose", "try it")
    made = invoke_json(
        *("ephemeral", "up", repository.name, commit, "--local"), *given, **server_of_commands()
    )

    s3.delete_object(**damaged)
    assert (made["state"], made["seeded"], made["owner"]) == ("up", ["spring"], "")
    assert {name: one["changed"] for name, one in made["released"].items()} == {
        "basket": True,
        "spring": True,
    }
    found = stacks_of(sandbox, topology, "spring")
    assert set(found) == {"acme-ephemeral-spring-basket", "acme-ephemeral-spring-spring"}
    tags = found["acme-ephemeral-spring-spring"]
    assert tags["tiercel:environment"] == "ephemeral"
    assert tags["tiercel:name"] == "spring"
    assert (tags["tiercel:owner"], tags["tiercel:purpose"]) == ("nobody", "try it")
    invoked = invocations(sandbox, "acme-ephemeral-spring")

    again = up(repository.name, commit=commit, name="spring")

    assert not any(one.changed for one in again.released.values())
    assert invocations(sandbox, "acme-ephemeral-spring") == invoked
    with pytest.raises(RefusedInputError, check=because("ephemeral.name_taken")):
        up(repository.name, commit="develop", name="spring")
    with pytest.raises(RefusedInputError, check=because("ephemeral.name_of_environment")):
        up(repository.name, commit=commit, name="prod")

    longer = invoke_json("ephemeral", "extend", "spring", "--hours", "48")
    assert longer["expires"] > made["expires"]
    code, said, _ = invoke("ephemeral", "extend", "spring", "--hours", "700", "--json")
    assert (code, error_in(said)["code"]) == (ExitCode.REFUSED, "ephemeral.too_long_in_all")

    down = ("ephemeral", "down", "spring", "--local")
    gone = invoke_json(*down, **server_of_commands())

    assert (gone["name"], gone["state"]) == ("spring", "gone")
    assert {one["stack"] for one in gone["deleted"]} == set(found)
    assert stacks_of(sandbox, topology, "spring") == {}
    record = record_of(preprod, "spring")
    assert record is not None
    assert record.state is EphemeralState.GONE
    code, said, _ = invoke(*down, **server_of_commands())
    assert (code, said) == (ExitCode.OK, "spring is gone: 0 stacks deleted\n")
    code, said, _ = invoke("ephemeral", "extend", "spring", "--json")
    assert (code, error_in(said)["code"]) == (ExitCode.REFUSED, "ephemeral.not_there")


def test_what_came_up_in_part_goes_as_well(
    sandbox: Sandbox, topology: Topology, preprod: Names, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("halfway")
    fine = services(fine="", worse='depends_on = ["fine"]\n')
    broken = queue(MessageRetentionPeriod=1)
    commit = repository.commit(
        {"tiercel.toml": fine, "fine/template.json": queue(), "worse/template.json": broken}
    )
    with pytest.raises(DeployFailedError):
        up(repository.name, commit=commit, name="halfway")
    record = record_of(preprod, "halfway")
    assert record is not None
    assert record.state is EphemeralState.COMING_UP
    assert "acme-ephemeral-halfway-fine" in stacks_of(sandbox, topology, "halfway")

    asyncio.run(ephemeral_down("halfway"))

    assert stacks_of(sandbox, topology, "halfway") == {}


def test_a_template_that_fixes_a_name_is_refused_with_what_to_write(
    sandbox: Sandbox, topology: Topology, preprod: Names, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("fixed")
    commit = repository.commit(
        {"tiercel.toml": services(fixed=""), "fixed/template.json": queue(QueueName="orders")}
    )
    with pytest.raises(RefusedInputError, check=because("template.name_without_prefix")) as refused:
        up(repository.name, commit=commit, name="fixed")
    assert "${AWS::StackName}-orders" in refused.value.why
    assert stacks_of(sandbox, topology, "fixed") == {}
    assert record_of(preprod, "fixed") is None


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "ephemeral.no_one_origin"),
        ({"commit": "develop", "pull_request": 7}, "ephemeral.no_one_origin"),
        ({"commit": "develop", "services": "nothing"}, "ephemeral.no_such_service"),
        ({"commit": "develop", "hours": 700}, "ephemeral.too_long"),
        ({"live_of": "preprod"}, "ephemeral.nothing_live"),
        ({"commit": "nowhere"}, "source.no_such_commit"),
    ],
)
def test_what_cannot_be_had_is_refused_before_a_stack_is_made(
    repositories: RepositoryMaker, given: dict[str, Any], code: str
) -> None:
    repository = repositories.make("wanting")
    repository.commit({"tiercel.toml": services(thing=""), "thing/template.json": queue()})
    with pytest.raises(TiercelError, check=because(code)):
        up(repository.name, **given)


def test_an_environment_that_never_was_cannot_go() -> None:
    with pytest.raises(RefusedInputError, check=because("ephemeral.unknown")):
        asyncio.run(ephemeral_down("nowhere"))


def test_a_label_makes_an_environment_of_who_set_it_and_its_end_takes_it_down(
    place: Place, sandbox: Sandbox, topology: Topology
) -> None:
    name = place.repository.name
    number, head = place.opened("feature/labeled", {"inbox/README": "labeled"})
    asked = {"pull_request": number, "asked_by_label": True}
    for given in (asked, {"commit": "develop", "asked_by_label": True}):
        with pytest.raises(RefusedInputError, check=because("ephemeral.no_label")):
            up(name, **given)
    labeled = place.remote.get_issue(number)
    labeled.add_to_labels("tiercel:preview")
    made = up(name, **asked).record
    who = place.remote.get_issue(number).get_events()[0].actor.login
    assert (made.owner, made.label, made.commit) == (who, "tiercel:preview", head)
    assert stacks_of(sandbox, topology, made.name)

    assert asyncio.run(ephemeral_down(made.name, if_there=True)).deleted
    assert not stacks_of(sandbox, topology, made.name)
    assert asyncio.run(ephemeral_down("neverwas", if_there=True)).record is None


def test_who_asks_is_whoever_made_the_deployment_on_github(
    place: Place, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sandbox.github
    name, title = place.repository.name, "ephemeral/login"
    monkeypatch.setenv("GITHUB_TOKEN", sandbox.github.token("author"))
    forget_github()
    number = request_deployment.fn(name, "develop", title)
    assert asker_by_deployment.fn(name, number, title) == Asker("author", "write")
    with pytest.raises(RefusedInputError, check=because("ephemeral.other_request")):
        asker_by_deployment.fn(name, number, "ephemeral/another")

    typed = ("ephemeral", "up", name, "develop", "--local", "--name")
    code, said, _ = invoke(*typed, "Not one", "--json")
    assert (code, error_in(said)["code"]) == (ExitCode.REFUSED, "parameter.malformed")
    assert [one.id for one in place.remote.get_deployments()] == [number], "nobody was asked"
    assert invoke_json(*typed, "login", **server_of_commands())["owner"] == "author"
    assert asyncio.run(ephemeral_down("login")).deleted
