from __future__ import annotations

from typing import Any

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.organization.topology import Environment
from tiercel.domain.template.outside import outside_references
from tiercel.domain.template.outside_rules import require_allowed

RUNTIME, INFRASTRUCTURE, FOREIGN = "222222222222", "111111111111", "999999999999"
HERE = "orders/template.yaml"
PREPROD = Environment(
    name="preprod",
    branch="develop",
    region="eu-central-1",
    infrastructure_account=INFRASTRUCTURE,
    runtime_account=RUNTIME,
    external_id="external-id",
)
ROOT_OF = "arn:aws:iam::{}:root"


def template(kind: str, properties: Any, **sections: Any) -> dict[str, Any]:
    own = {"Type": "AWS::SNS::Topic"}
    return {
        "Resources": {"Thing": {"Type": kind, "Properties": properties}, "Own": own},
        **sections,
    }


def judged(
    described: dict[str, Any], environment: Environment = PREPROD, **values: str
) -> str | None:
    """The code with which the environment refuses a template, None if it does not."""
    try:
        require_allowed(outside_references(HERE, {HERE: described}), environment, values)
    except RefusedInputError as error:
        return error.code
    return None


def allowing(principal: Any, **more: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal} | more
    return {"Version": "2012-10-17", "Statement": [statement]}


def role(principal: Any, **more: Any) -> dict[str, Any]:
    return template("AWS::IAM::Role", {"AssumeRolePolicyDocument": allowing(principal, **more)})


def stored(value: Any) -> dict[str, Any]:
    return {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value}}


STATEMENT = allowing({"AWS": FOREIGN})["Statement"][0]


def assuming(statement: Any) -> dict[str, Any]:
    return {"AssumeRolePolicyDocument": {"Statement": statement}}


def called(name: Any, kind: str = "AWS::S3::Bucket", key: str = "BucketName") -> dict[str, Any]:
    return {"Type": kind, "Properties": {key: name}}


LAYER = "arn:aws:lambda:eu-central-1:{}:layer:tools:3"
