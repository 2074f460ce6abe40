"""Roles that were just made again, which IAM tells of only after some seconds."""

from __future__ import annotations

import json
import threading

import pytest

from tests.support.aws import root_client
from tiercel.domain.base.errors import UnreachableError
from tiercel.domain.organization.access import Access
from tiercel.sandbox.aws.journal import journal_size, read_journal
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.tasks.accounts.check_sts import assume, wait_for_roles

PROFILE = "preprod-runtime-root"


@pytest.mark.usefixtures("operator")
def test_a_role_that_is_made_again_is_waited_for_until_it_can_be_assumed(sandbox: Sandbox) -> None:
    iam = root_client(sandbox, PROFILE, "iam")
    account = root_client(sandbox, PROFILE, "sts").get_caller_identity()["Account"]
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
                "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"],
            }
        ],
    }
    role = "made-again"
    access = Access(f"arn:aws:iam::{account}:role/{role}", "eu-central-1", "test", profile=PROFILE)
    with pytest.raises(UnreachableError):
        assume.fn(access)
    begun = journal_size(sandbox.journal)

    def is_refused() -> bool:
        return any(
            one.operation == "AssumeRole" and one.status >= 400
            for one in read_journal(sandbox.journal, begun)
        )

    refused = threading.Event()

    def make_it() -> None:
        while not is_refused():
            refused.wait(0.05)
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(trust))
        refused.set()

    maker = threading.Thread(target=make_it)
    maker.start()
    try:
        wait_for_roles.fn([access])
    finally:
        maker.join()
        iam.delete_role(RoleName=role)
    assert refused.is_set()
