from __future__ import annotations

import asyncio
import logging
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.flows.conftest import Become
from tests.support.aws import root_client
from tests.support.codes import because
from tests.support.commands import error_in, invoke, invoke_json
from tests.support.flow_runs import release
from tests.support.releases import intent, outcome
from tests.support.repositories import RepositoryMaker
from tests.support.templates import answering, function, queue, services
from tiercel.domain.base.errors import ExitCode, RefusedInputError, SmokeTestFailedError
from tiercel.domain.organization.access import Records, Target, orchestrator
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.topology import Topology
from tiercel.domain.release.entries import readable_of
from tiercel.domain.release.ledger import Purpose, ReleaseStatus
from tiercel.flows.promote import promote_to_prod
from tiercel.flows.release.results import Released
from tiercel.flows.rollback import roll_back
from tiercel.sandbox import lifecycle
from tiercel.sandbox.aws.journal import journal_size, read_journal
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.tasks.records.ledger import read_history, record_intent, record_outcome

pytestmark = pytest.mark.usefixtures("operator")


def queue_of(name: str, delay: int) -> dict[str, str]:
    return {
        "tiercel.toml": services(**{name: ""}),
        f"{name}/template.json": queue(DelaySeconds=delay),
    }


def delay_of(sandbox: Sandbox, released: Released) -> str:
    sqs = root_client(sandbox, "preprod-runtime-root", "sqs")
    url = sqs.get_queue_url(QueueName=released.outputs["QueueName"])["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["DelaySeconds"])
    return str(attributes["Attributes"]["DelaySeconds"])


def test_a_stack_goes_back_to_the_release_before_without_its_repository(
    sandbox: Sandbox, preprod: Names, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("returns")
    release(repository, repository.commit(queue_of("returns", 1)))
    release(repository, repository.commit(queue_of("returns", 2)))
    shutil.rmtree(sandbox.state / "repositories" / f"{repository.name}.git")

    back = asyncio.run(roll_back("preprod", preprod.stack("returns")))

    assert delay_of(sandbox, back) == "1"
    made = back.release.intent
    assert (made.number, made.restores, made.purpose) == (3, 1, Purpose.ROLLBACK)


def test_going_back_to_what_is_live_changes_nothing(
    sandbox: Sandbox, preprod: Names, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("stays")
    release(repository, repository.commit(queue_of("stays", 1)))
    before = journal_size(sandbox.journal)

    back = asyncio.run(roll_back("preprod", preprod.stack("stays"), 1))

    assert not back.changed
    operations = {entry.operation for entry in read_journal(sandbox.journal, before)}
    assert not operations & {"PutObject", "CreateChangeSet", "ExecuteChangeSet"}


@pytest.mark.parametrize(
    ("stack", "number", "what"),
    [
        ("acme-preprod-lonely", 0, "has no earlier release to go back to"),
        ("acme-preprod-lonely", 7, "has no release 7"),
        ("acme-preprod-nobody", 0, "has no earlier release to go back to"),
        ("acme-prod-lonely", 0, "is none of preprod"),
    ],
)
def test_what_cannot_be_gone_back_to_is_said(
    repositories: RepositoryMaker, stack: str, number: int, what: str
) -> None:
    repository = repositories.make("lonely")
    release(repository, repository.commit(queue_of("lonely", 1)))

    with pytest.raises(RefusedInputError) as refused:
        asyncio.run(roll_back("preprod", stack, number))

    assert what in refused.value.what


def test_a_release_that_fails_its_smoke_test_gives_way_to_the_one_before_and_is_counted(
    sandbox: Sandbox, preprod: Names, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("relapse")
    test = '[services.relapse.smoke_test]\ninvoke = "Function"\nexpect = {answer = "well"}'
    files = {
        "tiercel.toml": services(relapse=test),
        "relapse/template.json": function(),
        "relapse/src/app.py": answering("well"),
    }
    release(repository, repository.commit(files))
    bad = repository.commit({"relapse/src/app.py": answering("not so well")})

    with pytest.raises(SmokeTestFailedError) as failed:
        release(repository, bad)

    assert failed.value.state == "the stack runs release 1 again, as release 3"
    access = orchestrator(preprod, "test")
    history = readable_of(
        read_history.fn(Records(access, preprod.artifact_bucket), preprod.stack("relapse"))
    )
    assert [(one.intent.number, one.status) for one in history] == [
        (3, ReleaseStatus.SUCCEEDED),
        (2, ReleaseStatus.FAILED),
        (1, ReleaseStatus.SUCCEEDED),
    ]
    assert history[0].outcome
    assert history[0].outcome.smoke_test == '{"answer": "well"}'
    said = invoke_json("metrics", "preprod", "--days", "1", *_place(sandbox))
    figures = {one["subject"]: one for one in said["figures"]}
    counted = figures["relapse"]
    assert (counted["deployments"], counted["failed"], counted["restored"]) == (2, 1, 1)
    assert counted["change_failure_rate"] == 0.5
    # The commit before the first release is not known, so only the second one's own counts.
    assert counted["commits"] == 1
    assert 0 <= counted["lead_time_hours"] < 1
    assert figures["all"]["deployments"] >= 2


def test_a_rejected_release_is_neither_promoted_nor_gone_back_to(
    sandbox: Sandbox, preprod: Names, repositories: RepositoryMaker, become: Become
) -> None:
    repository = repositories.make("ruled-out")
    release(repository, repository.commit(queue_of("ruled-out", 1)))
    good = repository.commit(queue_of("ruled-out", 2))
    release(repository, good)
    repository.merge_into_main()
    stack = preprod.stack("ruled-out")
    place = _place(sandbox)

    said = invoke_json("reject", stack, "1", "--reason", "it lost orders", *place)
    invoke_json("reject", stack, "2", "--reason", "it loses more", *place)

    assert said["rejected"] == "it lost orders"
    with pytest.raises(RefusedInputError) as refused:
        asyncio.run(roll_back("preprod", stack, 1))
    assert "rejected it: it lost orders" in refused.value.why
    become("prod")
    with pytest.raises(RefusedInputError) as unverified:
        asyncio.run(promote_to_prod(repository.name, good))
    assert "preprod has not verified ruled-out" in unverified.value.what


@pytest.mark.walks("ledger-is-gone")
def test_a_ledger_outlives_its_bucket(
    sandbox: Sandbox, preprod: Names, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("outlives")
    release(repository, repository.commit(queue_of("outlives", 1)))
    release(repository, repository.commit(queue_of("outlives", 2)))
    place = _place(sandbox)
    folder, occupied = sandbox.state / "exported", sandbox.state / "occupied"
    occupied.write_text("")
    below = str(occupied / "below")
    code, output, _ = invoke("ledger", "export", "preprod", below, *place, "--json")
    assert (code, error_in(output)["code"]) == (ExitCode.REFUSED, "run.file_not_written")
    invoke_json("ledger", "export", "preprod", str(folder), *place)
    _keep("outlives", preprod, folder)
    s3 = root_client(sandbox, "preprod-infrastructure-root", "s3")
    lost = [key for key in _keys(s3, preprod.artifact_bucket) if "outlives" in key]
    for key in lost:
        s3.delete_object(Bucket=preprod.artifact_bucket, Key=key)

    restored = invoke_json("ledger", "restore", "preprod", str(folder), *place)

    assert restored["created"] == len([key for key in lost if not key.startswith("leases/")])
    back = asyncio.run(roll_back("preprod", preprod.stack("outlives")))
    assert back.release.intent.restores == 1
    assert delay_of(sandbox, back) == "1"


@pytest.mark.walks("ledger-is-gone")
def test_a_ledger_outlives_its_account_once_the_new_accounts_key_has_signed_it(
    sandbox: Sandbox, preprod: Names, repositories: RepositoryMaker, topology: Topology
) -> None:
    repository = repositories.make("moves")
    release(repository, repository.commit(queue_of("moves", 1)))
    stack, folder = preprod.stack("moves"), str(sandbox.state / "moved")
    exported = invoke_json("ledger", "export", "preprod", folder, *_place(sandbox))
    _keep("moves", preprod, Path(folder))
    state = Path(tempfile.mkdtemp(prefix="sandbox-"))
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("AWS_PROFILE")  # it is one of the other sandbox
            new = lifecycle.up(state, topology, prefect=False, github=False)
        invoke_json("ledger", "restore", "preprod", folder, *_place(new))
        code, said, _ = invoke("verify-artifact", stack, "--json", *_place(new))
        signing = ("--sign-again", exported["signing_key"])
        first = invoke_json("ledger", "restore", "preprod", folder, *signing, *_place(new))
        again = invoke_json("ledger", "restore", "preprod", folder, *signing, *_place(new))
        verified = invoke_json("verify-artifact", stack, *_place(new))
        wrong = ("--sign-again", "0" * 64)
        _, refused, _ = invoke(
            "ledger", "restore", "preprod", folder, "--json", *wrong, *_place(new)
        )
    finally:
        lifecycle.down(state)
        shutil.rmtree(state)

    assert code == ExitCode.REFUSED
    assert "is not signed with the key of this environment" in said
    assert first["signed"] > 0
    assert (again["created"], again["signed"]) == (0, 0)
    assert len(verified["signatures"]) == 2
    assert "the export has no key with this fingerprint" in refused


def test_prod_does_not_go_back_to_what_was_rejected_in_preprod_unless_that_cannot_be_read(
    sandbox: Sandbox,
    topology: Topology,
    preprod: Names,
    become: Become,
    run_log: list[logging.LogRecord],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Artifacts a, b and c are but entries of the ledgers: how far it came tells where it went."""
    prod = Names.of(topology, "prod")

    def run(names: Names, number: int, artifact: str) -> None:
        records, stack = Target(names, "test").records, names.stack("banned")
        same = {"artifact_id": artifact * 64, "artifact_digest": artifact * 64}
        wanted = intent(stack=stack, service="banned", number=number, **same)
        assert record_intent.fn(records, wanted)
        record_outcome.fn(records, wanted, outcome(stack_token=""))

    def goes_back_to() -> str:
        damaged = because("artifact.manifest_damaged")
        with pytest.raises(RefusedInputError, check=damaged) as came_to:
            asyncio.run(roll_back("prod", prod.stack("banned")))
        return next(one for one in "abc" if one * 64 in came_to.value.where)

    run(preprod, 1, "b")
    become("prod")
    for number, artifact in enumerate("abc", 1):
        run(prod, number, artifact)
    assert goes_back_to() == "b"
    place = _place(sandbox)
    invoke_json("reject", preprod.stack("banned"), "1", "--reason", "it loses orders", *place)
    become("prod")

    assert goes_back_to() == "a"
    with pytest.raises(RefusedInputError, check=because("rollback.not_restorable")) as refused:
        asyncio.run(roll_back("prod", prod.stack("banned"), 2))
    assert "it loses orders" in refused.value.why
    to_b = ("rollback", prod.stack("banned"), "--to", "2", "--dry-run", "--json", *place)
    assert error_in(invoke(*to_b)[1])["code"] == "rollback.not_restorable"

    config, elsewhere = Path(os.environ["TIERCEL_CONFIG"]), sandbox.state / "elsewhere.toml"
    account = preprod.environment.infrastructure_account
    elsewhere.write_text(config.read_text().replace(account, "999999999999"))
    monkeypatch.setenv("TIERCEL_CONFIG", str(elsewhere))
    assert goes_back_to() == "b", "an outage is worse"
    warned = [one.getMessage() for one in run_log if one.levelno == logging.WARNING]
    assert any("rejected in preprod is not known" in one for one in warned)


def test_a_rejection_is_not_forgotten_after_a_hundred_releases(
    sandbox: Sandbox, preprod: Names, repositories: RepositoryMaker, become: Become
) -> None:
    """The last of this file: the others would export and restore its hundred releases."""
    repository = repositories.make("ancient")
    commit = repository.commit(queue_of("ancient", 1))
    bad = release(repository, commit)["ancient"].release
    repository.merge_into_main()
    stack = preprod.stack("ancient")
    invoke_json("reject", stack, "1", "--reason", "it lost orders", *_place(sandbox))
    access, bucket = orchestrator(preprod, "test"), preprod.artifact_bucket

    def add(number: int, **changes: str) -> None:
        wanted = bad.intent.model_copy(update={"number": number, **changes})
        assert bad.outcome
        assert record_intent.fn(Records(access, bucket), wanted)
        record_outcome.fn(Records(access, bucket), wanted, bad.outcome)

    for number in range(2, 101):
        other = f"{number:064d}"
        add(number, artifact_id=other, artifact_digest=other)
    add(101)  # the rejected artifact, released once more
    add(102, artifact_id="f" * 64, artifact_digest="f" * 64)

    with pytest.raises(RefusedInputError) as refused:
        asyncio.run(roll_back("preprod", stack, 101))
    assert "rejected it: it lost orders" in refused.value.why
    with pytest.raises(
        RefusedInputError, check=because("artifact.manifest_damaged")
    ) as passed_over:
        asyncio.run(roll_back("preprod", stack))
    assert f"{100:064d}" in passed_over.value.where, "it goes back to the release before that one"
    become("prod")
    with pytest.raises(RefusedInputError, match="preprod has not verified ancient"):
        asyncio.run(promote_to_prod(repository.name, "main"))


def _place(sandbox: Sandbox) -> tuple[str, ...]:
    return ("--sandbox", "--state", str(sandbox.state))


def _keep(service: str, names: Names, export: Path) -> None:
    """Forget what is of others: other tests have hundreds of objects in this very sandbox.

    They forge provenance, too.
    """
    for kind in ("provenance", "manifests", "ledger"):
        for folder in (export / kind).iterdir():
            if folder.name not in {service, names.stack(service)}:
                shutil.rmtree(folder)
    listed = "".join(path.read_text() for path in (export / "manifests" / service).iterdir())
    for package in (export / "packages").iterdir():
        if package.stem not in listed:
            package.unlink()


def _keys(s3: object, bucket: str) -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)  # type: ignore[attr-defined]
    return [entry["Key"] for page in pages for entry in page.get("Contents", ())]
