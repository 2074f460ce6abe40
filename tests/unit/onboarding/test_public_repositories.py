"""What init tells of public repositories: their trees, cut down to what it goes by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from tiercel.domain.configuration.parsing import parse_services
from tiercel.domain.onboarding.answers import Answers
from tiercel.domain.onboarding.config_text import config_text
from tiercel.domain.onboarding.proposal import propose
from tiercel.domain.onboarding.seen import RepositorySeen
from tiercel.domain.onboarding.stand_in import stand_in_topology

NPM_TEST = '{"scripts": {"test": "mocha"}}'
NO_BRANCH = "there is no branch develop for preprod"


def making(*types: str, needs: str = "", **sections: Any) -> dict[str, Any]:
    """A template of resources of these types; `needs` are parameters without a default."""
    resources = {f"Resource{number}": {"Type": one} for number, one in enumerate(types)}
    parameters = {name: {"Type": "String"} for name in needs.split()}
    return {"Resources": resources, "Parameters": parameters} | sections


FUNCTION = making("AWS::Serverless::Function")


@dataclass(frozen=True)
class Transcript:
    """A repository, and what is told: of each service `name: folder/template after: test`."""

    name: str
    templates: Mapping[str, dict[str, Any]]
    texts: Mapping[str, str]
    services: tuple[str, ...]
    unclear: tuple[str, ...]
    languages: tuple[str, ...] = ()
    paths: tuple[str, ...] = field(default=())


def example(folder: str) -> dict[str, dict[str, Any]]:
    """One of three alike services: an application, what it works with, and its own pipeline."""
    project = {"ProjectName": {"Type": "String", "Default": "example"}}
    name = {"Fn::Sub": f"${{ProjectName}}-{folder}"}
    given = {"Store": {"Value": "x", "Export": {"Name": name}}}
    app = making("AWS::Serverless::Function", needs="Definition")
    app["Parameters"] |= project
    app["Resources"]["Reader"] = {"Type": "AWS::IAM::Policy", "Path": {"Fn::ImportValue": name}}
    return {
        f"templates/{folder}/template.yml": app,
        f"templates/{folder}/infra-template.yml": making("AWS::DynamoDB::Table", Outputs=given)
        | {"Parameters": project},
        f"templates/{folder}/cicd-template.yml": making("AWS::CodePipeline::Pipeline"),
    }


TRANSCRIPTS = [
    Transcript(
        name="sam-python-crud-sample",
        templates={"template.yaml": FUNCTION},
        texts={
            "tests/__init__.py": "",
            "tests/test_get_activity.py": "import unittest\n",
            "requirements.txt": "",
            ".github/workflows/pythonpackage.yml": "run: python -m pytest\n",
        },
        services=("sam-python-crud-sample: ./template.yaml : python3 -m unittest",),
        unclear=(NO_BRANCH,),
        languages=("Python",),
    ),
    Transcript(
        name="sam-python312-template",
        templates={"template.yaml": FUNCTION},
        texts={
            "tests/unit/test_handler.py": "import pytest\n",
            "tests/requirements.txt": "pytest\n",
            "pyproject.toml": "",
        },
        services=("sam-python312-template: ./template.yaml : python3 -m pytest tests/unit",),
        unclear=(NO_BRANCH,),
        languages=("Python",),
    ),
    Transcript(
        name="aws-sam-nodejs",
        templates={
            "001/sam-nodejs-basic/template.yaml": FUNCTION,
            "002/sam-nodejs-rest/template.yaml": FUNCTION,
            "003/sam-nodejs-rest/template.yaml": FUNCTION,
        },
        texts={
            "001/sam-nodejs-basic/demo-app/package.json": NPM_TEST,
            "002/sam-nodejs-rest/demo-app/package.json": NPM_TEST,
            "002/sam-nodejs-rest/demo-app-edit/package.json": NPM_TEST,
            "003/sam-nodejs-rest/demo-app-get/package.json": NPM_TEST,
        },
        services=(
            "sam-nodejs-basic: 001/sam-nodejs-basic/template.yaml : npm test --prefix demo-app",
            (
                "service-002-sam-nodejs-rest: 002/sam-nodejs-rest/template.yaml : "
                "npm test --prefix demo-app"
            ),
            (
                "service-003-sam-nodejs-rest: 003/sam-nodejs-rest/template.yaml : "
                "npm test --prefix demo-app-get"
            ),
        ),
        unclear=(
            NO_BRANCH,
            (
                "whether the tests of 002/sam-nodejs-rest/demo-app-edit/package.json belong to "
                "service-002-sam-nodejs-rest as well"
            ),
        ),
        languages=("Node.js",),
    ),
    Transcript(
        name="aws-sam-python",
        templates=example("s3_app") | example("todo_app"),
        texts={"pyproject.toml": ""},
        paths=("functions/s3_app/get_object/app.py", "tests/unit/s3_app/test_get_object.py"),
        services=(
            "s3-app: templates/s3_app/template.yml s3-app-infra-template: ",
            "s3-app-cicd-template: templates/s3_app/cicd-template.yml : ",
            "s3-app-infra-template: templates/s3_app/infra-template.yml : ",
            "todo-app: templates/todo_app/template.yml todo-app-infra-template: ",
            "todo-app-cicd-template: templates/todo_app/cicd-template.yml : ",
            "todo-app-infra-template: templates/todo_app/infra-template.yml : ",
        ),
        unclear=(
            NO_BRANCH,
            "which value the parameter Definition of s3-app gets",
            "whether s3-app-cicd-template is still needed: it makes a pipeline of CodePipeline",
            "which value the parameter Definition of todo-app gets",
            "whether todo-app-cicd-template is still needed: it makes a pipeline of CodePipeline",
            (
                "no tests were found of s3-app, s3-app-cicd-template, s3-app-infra-template, "
                "todo-app, todo-app-cicd-template, todo-app-infra-template"
            ),
        ),
        languages=("Python",),
    ),
    Transcript(
        name="cognito-s3-cloudformation-example",
        templates={"stack.yaml": making("AWS::S3::Bucket", needs="UserPoolName AllowedOrigins")},
        texts={"package.json": '{"scripts": {"build": "webpack"}}'},
        services=("cognito-s3-cloudformation: ./stack.yaml : ",),
        unclear=(
            NO_BRANCH,
            (
                "which values the parameters UserPoolName, AllowedOrigins of "
                "cognito-s3-cloudformation get"
            ),
            "no tests were found of cognito-s3-cloudformation",
        ),
        languages=("Node.js",),
    ),
    Transcript(
        name="cloudformation-examples",
        templates={
            "examples/lambda/delete-sqs-queues/delete-sqs-queues.json": making(
                "AWS::Lambda::Function", needs="BucketName"
            ),
            "examples/kms/kms.json": making("AWS::KMS::Key"),
            "examples/s3/s3-encrypted-only-bucket.json": making(
                "AWS::S3::Bucket", Outputs={"BucketName": {"Value": "x"}}
            ),
            "examples/s3/s3-expiration.json": making(
                "AWS::S3::Bucket", Outputs={"BucketName": {"Value": "x"}}
            ),
        },
        texts={"examples/lambda/delete-sqs-queues/requirements.txt": ""},
        services=(
            "delete-sqs-queues: examples/lambda/delete-sqs-queues/delete-sqs-queues.json : ",
            "kms: examples/kms/kms.json : ",
            "s3-encrypted-only-bucket: examples/s3/s3-encrypted-only-bucket.json : ",
            "s3-expiration: examples/s3/s3-expiration.json : ",
        ),
        unclear=(
            NO_BRANCH,
            (
                "delete-sqs-queues takes BucketName, which s3-encrypted-only-bucket and "
                "s3-expiration both give"
            ),
            "which value the parameter BucketName of delete-sqs-queues gets",
            (
                "no tests were found of delete-sqs-queues, kms, s3-encrypted-only-bucket, "
                "s3-expiration"
            ),
        ),
        languages=("Python",),
    ),
]


@pytest.mark.parametrize("one", TRANSCRIPTS, ids=lambda one: one.name)
def test_a_public_repository_is_told_as_its_team_would(one: Transcript) -> None:
    answers = Answers(organization="acme", repository=f"acme/{one.name}")
    found = propose(
        RepositorySeen(
            folder=one.name,
            paths=(*one.templates, *one.texts, *one.paths),
            templates=one.templates,
            texts=one.texts,
            branches=("main",),
        ),
        answers,
    )
    services = [proposed.service for proposed in found.services]
    assert (
        tuple(
            f"{service.name}: {service.path}/{service.template} {' '.join(service.depends_on)}: "
            f"{' '.join(service.test)}"
            for service in services
        )
        == one.services
    )
    assert tuple(told.what for told in found.unclear) == one.unclear
    assert tuple(language.name for language in found.languages) == one.languages
    written = parse_services(config_text(found, answers), stand_in_topology())
    assert list(written.services.values()) == services
