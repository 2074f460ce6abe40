"""A template of each kind, written here: what goes through, and what is refused and why.

They stand in `sample-templates/`, are packaged by the product's own functions, without their
builds, and transformed by SAM's own translator.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.corpus.checkouts import Checkout, Subject
from tests.corpus.product import Packaged, Unbuilt, package
from tests.corpus.translation import translated, unbounded_roles
from tests.support.repositories import git
from tests.support.topology import topology_of
from tiercel.domain.base.errors import TiercelError

_SAMPLE = Path(__file__).with_name("sample-templates")
_TOPOLOGY = topology_of("acme/sample")
_FUNCTION = {"AWS::Lambda::Function": 1, "AWS::IAM::Role": 1}
_REST_API = {
    "AWS::ApiGateway::Deployment": 1,
    "AWS::ApiGateway::RestApi": 1,
    "AWS::ApiGateway::Stage": 1,
}

GOES: dict[str, dict[str, int]] = {
    "api-definition": _REST_API,
    "appsync": {"AWS::AppSync::GraphQLApi": 1, "AWS::AppSync::GraphQLSchema": 1},
    "boundary-of-its-own": _FUNCTION,
    "chosen-by-parameters": _FUNCTION,
    "cognito": _FUNCTION
    | {
        "AWS::Cognito::UserPool": 1,
        "AWS::Cognito::UserPoolClient": 1,
        "AWS::Lambda::Permission": 1,
    },
    "custom-resource": _FUNCTION | {"Custom::Filled": 1},
    "empty-sections": {"AWS::SQS::Queue": 1},
    "esbuild": _FUNCTION,
    "firehose": {
        "AWS::IAM::Role": 1,
        "AWS::KinesisFirehose::DeliveryStream": 1,
        "AWS::S3::Bucket": 1,
    },
    "gradual-deployment": {
        "AWS::CodeDeploy::Application": 1,
        "AWS::CodeDeploy::DeploymentGroup": 1,
        "AWS::IAM::Role": 2,
        "AWS::Lambda::Alias": 1,
        "AWS::Lambda::Function": 1,
        "AWS::Lambda::Version": 1,
    },
    "included-part": _REST_API,
    "kinesis": _FUNCTION | {"AWS::Kinesis::Stream": 1, "AWS::Lambda::EventSourceMapping": 1},
    "layer": _FUNCTION | {"AWS::Lambda::LayerVersion": 1},
    "loop": {"AWS::SQS::Queue": 2},
    "makefile": _FUNCTION,
    "names-given": _FUNCTION | {"AWS::DynamoDB::Table": 1, "AWS::S3::Bucket": 1},
    "nested-application": {"AWS::CloudFormation::Stack": 1},
    "nested-stack": {"AWS::CloudFormation::Stack": 1},
    "npm": _FUNCTION,
    "plain-cloudformation": {"AWS::SQS::Queue": 1},
    "python": _FUNCTION,
    "schedule": {
        "AWS::IAM::Role": 2,
        "AWS::Lambda::Function": 1,
        "AWS::Scheduler::Schedule": 1,
    },
    "shared-code": _FUNCTION,
    "state-machine": {
        "AWS::IAM::Role": 2,
        "AWS::Lambda::Function": 1,
        "AWS::StepFunctions::StateMachine": 1,
    },
}
"""What CloudFormation makes of each template, by type."""

REFUSED = {
    "built-by-nobody": "package.handler_missing",
    "code-elsewhere": "template.remote_code",
    "container-image": "template.container_image",
    "published-application": "template.remote_template",
    "typescript-alone": "build.compiler_needed",
}
"""The code of each refusal."""

NEEDS_A_LINE = {"machine": ("services",)}
"""The keys of the environment that its owner has to fill for each template."""


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """All of them in one repository."""
    folder = tmp_path_factory.mktemp("sample") / "git"
    git(_SAMPLE, f"--git-dir={folder}", "init", "--quiet")
    inside = (f"--git-dir={folder}", f"--work-tree={_SAMPLE}")
    git(_SAMPLE, *inside, "add", "--all")
    git(_SAMPLE, *inside, "commit", "--quiet", "--message=The sample")
    return Checkout("acme/sample", git(_SAMPLE, *inside, "rev-parse", "HEAD").strip(), folder)


def packaged(sample: Checkout, name: str, folder: Path) -> Packaged:
    path = min((_SAMPLE / name).rglob("template.yaml"), key=lambda one: len(one.parts))
    subject = Subject(sample, path.relative_to(_SAMPLE).as_posix())
    return package(subject, Unbuilt(), _TOPOLOGY, folder / "build")


def types_of(template: dict[str, Any]) -> dict[str, int]:
    types = [one["Type"] for one in template["Resources"].values()]
    return {one: types.count(one) for one in types}


@pytest.mark.parametrize("name", GOES)
def test_what_may_be_released_is_packaged_and_bounded(
    name: str, sample: Checkout, tmp_path: Path
) -> None:
    one = packaged(sample, name, tmp_path)
    made = translated(json.loads(one.sent.read_bytes()), one.values)

    assert (one.refusals, one.words) == ((), ())
    assert types_of(made) == GOES[name]
    assert unbounded_roles(made) == []


@pytest.mark.parametrize("name", REFUSED)
def test_what_may_not_be_released_is_refused_before_anything_is_uploaded(
    name: str, sample: Checkout, tmp_path: Path
) -> None:
    with pytest.raises(TiercelError) as raised:
        packaged(sample, name, tmp_path)

    assert raised.value.code == REFUSED[name]
    assert raised.value.remedy


@pytest.mark.parametrize("name", NEEDS_A_LINE)
def test_what_the_owner_of_the_environment_has_to_allow_is_named(
    name: str, sample: Checkout, tmp_path: Path
) -> None:
    assert packaged(sample, name, tmp_path).words == NEEDS_A_LINE[name]


def test_the_sample_has_no_template_that_no_test_is_about() -> None:
    assert {one.name for one in _SAMPLE.iterdir()} == (
        GOES.keys() | REFUSED.keys() | NEEDS_A_LINE.keys()
    )
