"""What docs/operate/leaked-credentials.md says of the signing key: done, and seen to hold."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.aws import root_client
from tests.support.commands import invoke, invoke_json
from tests.support.flow_runs import release
from tests.support.repositories import RepositoryMaker
from tests.support.templates import queue, services
from tiercel.domain.base.errors import ExitCode
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.topology import Topology
from tiercel.flows.rollback import roll_back
from tiercel.sandbox.accounts.credentials import read_user_keys
from tiercel.sandbox.accounts.filling import seed_accounts
from tiercel.sandbox.aws.launch import root_secret
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.sandbox.machine.layout import Layout
from tiercel.tasks.aws import signing

pytestmark = pytest.mark.usefixtures("operator")


@pytest.fixture
def replace_key(sandbox: Sandbox, preprod: Names, topology: Topology) -> Iterator[Any]:
    """Make a new signing key as an administrator does: a key, the alias, the policies anew."""
    kms = root_client(sandbox, "preprod-infrastructure-root", "kms")
    alias = preprod.signing_key_alias
    first = kms.describe_key(KeyId=alias)["KeyMetadata"]["KeyId"]

    def to(key: str) -> None:
        kms.update_alias(AliasName=alias, TargetKeyId=key)
        layout = Layout(sandbox.state)
        known = read_user_keys(layout, topology)
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("AWS_PROFILE")  # the administrator has keys, and no profile
            seed_accounts(topology, sandbox.aws_endpoint, root_secret(layout), known)
        signing._read.cache_clear()

    def replace() -> None:
        made = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]
        to(made["KeyId"])

    yield replace
    to(first)


def queue_of(delay: int) -> dict[str, str]:
    return {
        "tiercel.toml": services(leaked=""),
        "leaked/template.json": queue(DelaySeconds=delay),
    }


@pytest.mark.walks("credential-leaked")
def test_what_an_export_from_before_the_leak_has_is_signed_again_and_nothing_else(
    sandbox: Sandbox,
    preprod: Names,
    repositories: RepositoryMaker,
    replace_key: Any,
    tmp_path: Path,
) -> None:
    repository, stack = repositories.make("leaked"), preprod.stack("leaked")
    place = ("--sandbox", "--state", str(sandbox.state))
    release(repository, repository.commit(queue_of(1)))
    exported = invoke_json("ledger", "export", "preprod", str(tmp_path), *place)
    for folder in (tmp_path / "provenance").iterdir():
        if folder.name != "leaked":
            for path in folder.rglob("*.json"):
                path.unlink()  # that of other tests, which forge it in this very sandbox
    # From here on anybody may have signed with it: this release is as good as forged.
    release(repository, repository.commit(queue_of(2)))

    replace_key()

    for number in ("1", "2"):
        code, said, _ = invoke("verify-artifact", stack, "--release", number, "--json", *place)
        assert code == ExitCode.REFUSED
        assert json.loads(said)["error"]["code"] == "provenance.other_key"
    signing_again = ("--sign-again", exported["signing_key"])
    signed = invoke_json("ledger", "restore", "preprod", str(tmp_path), *signing_again, *place)
    assert signed["signed"] == 1
    old = invoke_json("verify-artifact", stack, "--release", "1", *place)
    assert len(old["signatures"]) == 2
    code, said, _ = invoke("verify-artifact", stack, "--release", "2", "--json", *place)
    assert json.loads(said)["error"]["code"] == "provenance.other_key"

    back = asyncio.run(roll_back("preprod", stack, 1))
    assert back.release.intent.restores == 1
    again = release(repository, repository.commit(queue_of(3)))
    assert again["leaked"].release.outcome
