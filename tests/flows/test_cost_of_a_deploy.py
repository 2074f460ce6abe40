from __future__ import annotations

import asyncio

import pytest

from tests.support.repositories import RepositoryMaker
from tests.support.templates import queue, services
from tiercel.flows.deploy import deploy_to_preprod
from tiercel.flows.publish import publish_artifact
from tiercel.sandbox.aws.journal import journal_size, read_journal
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.tasks.aws.clients import forget_clients

pytestmark = pytest.mark.usefixtures("operator")


def test_a_deploy_that_changes_nothing_makes_eight_calls_of_aws_and_writes_nothing(
    sandbox: Sandbox, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("cheap")
    commit = repository.commit({"tiercel.toml": services(cheap=""), "cheap/template.json": queue()})
    asyncio.run(publish_artifact(repository.name, commit, then_deploy=False))
    asyncio.run(deploy_to_preprod(repository.name, commit))
    forget_clients()  # as a process that has just begun
    before = journal_size(sandbox.journal)

    again = asyncio.run(deploy_to_preprod(repository.name, commit))

    assert not again["cheap"].changed
    assert sorted(entry.operation for entry in read_journal(sandbox.journal, before)) == [
        "AssumeRole",
        "AssumeRole",
        "DescribeStackEvents",
        "DescribeStacks",
        "GetObject",  # the manifest
        "GetObject",  # the newest intent
        "GetObject",  # and its outcome
        "ListObjectsV2",
    ]
