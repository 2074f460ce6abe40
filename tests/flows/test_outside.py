"""What a template lets in from outside is judged before CloudFormation hears of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.codes import because
from tests.support.flow_runs import release
from tests.support.repositories import RepositoryMaker
from tests.support.templates import services
from tiercel.domain.base.digests import canonical_json
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.organization.names import Names
from tiercel.sandbox.aws.journal import journal_size, read_journal
from tiercel.sandbox.lifecycle import Sandbox

pytestmark = pytest.mark.usefixtures("operator")

FOREIGN = "999999999999"


def topic_for(account: Any, **sections: Any) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": account},
        "Action": "sns:Publish",
        "Resource": {"Ref": "Topic"},
    }
    topic = {"Type": "AWS::SNS::Topic"}
    policy = {
        "Type": "AWS::SNS::TopicPolicy",
        "Properties": {
            "Topics": [{"Ref": "Topic"}],
            "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        },
    }
    return canonical_json({"Resources": {"Topic": topic, "Policy": policy}} | sections).decode()


def test_a_foreign_account_is_refused_before_anything_is_uploaded(
    sandbox: Sandbox, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("trusting")
    files = {"tiercel.toml": services(trusting=""), "trusting/template.json": topic_for(FOREIGN)}
    before = journal_size(sandbox.journal)
    with pytest.raises(RefusedInputError, check=because("template.foreign_trust")):
        release(repository, repository.commit(files))
    calls = {entry.operation for entry in read_journal(sandbox.journal, before)}
    assert not calls & {"PutObject", "CreateChangeSet"}


def test_a_parameters_value_is_judged_before_the_change_set(
    sandbox: Sandbox, preprod: Names, repositories: RepositoryMaker
) -> None:
    own = preprod.environment.runtime_account
    parameters = {"Partner": {"Type": "String", "Default": own}}
    text = topic_for({"Ref": "Partner"}, Parameters=parameters)
    repository = repositories.make("parted")
    given = f'[services.parted.parameters]\nPartner = "{FOREIGN}"'
    files = {"tiercel.toml": services(parted=given), "parted/template.json": text}
    before = journal_size(sandbox.journal)
    with pytest.raises(RefusedInputError, check=because("template.foreign_trust")):
        release(repository, repository.commit(files))
    calls = {entry.operation for entry in read_journal(sandbox.journal, before)}
    assert "PutObject" in calls
    assert "CreateChangeSet" not in calls
