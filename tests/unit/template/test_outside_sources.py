from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.template.outside_judged import (
    FOREIGN,
    HERE,
    LAYER,
    PREPROD,
    RUNTIME,
    judged,
    stored,
    template,
)
from tiercel.domain.template.layer_publishers import AWS_LAYER_ACCOUNTS
from tiercel.domain.template.outside import OutsideKind, outside_references


@pytest.mark.parametrize(
    ("layers", "code"),
    [
        ([LAYER.format("017000801446")], None),
        ([{"Fn::Sub": "arn:aws:lambda:${AWS::Region}:580247275435:layer:Insights:35"}], None),
        ([LAYER.format(RUNTIME)], None),
        ([{"Ref": "Own"}], None),
        ([{"Fn::Sub": LAYER.format(RUNTIME).replace("tools", "${Own}")}], None),
        (
            [{"Fn::Sub": "arn:aws:lambda:eu-west-1:999999999999:layer:${Own}:1"}],
            "template.foreign_layer",
        ),
        ([{"Fn::Sub": LAYER.format("${Own}")}], "template.foreign_layer"),
        ([LAYER.format(FOREIGN)], "template.foreign_layer"),
        ([LAYER.format("017000801446").removesuffix(":3")], "template.foreign_layer"),
        (["{{resolve:ssm:/aws/service/powertools/latest}}"], "template.foreign_layer"),
        ({"Fn::If": ["C", [LAYER.format(FOREIGN)], []]}, "template.foreign_layer"),
        ([{"Fn::ImportValue": "tools"}], "template.foreign_layer"),
    ],
    ids=lambda one: str(one)[:70],
)
@pytest.mark.parametrize("kind", ["AWS::Lambda::Function", "AWS::Serverless::Function", "Globals"])
def test_layers_come_from_the_own_accounts_and_aws(
    kind: str, layers: Any, code: str | None
) -> None:
    properties = {"Layers": layers}
    described = (
        template("AWS::SNS::Topic", {}, Globals={"Function": properties})
        if kind == "Globals"
        else template(kind, properties)
    )
    allowing_it = PREPROD.model_copy(update={"layers_from": (FOREIGN,)})
    assert judged(described) == code
    if LAYER.format(FOREIGN) in json.dumps(layers):
        assert judged(described, allowing_it) is None


def test_a_layer_that_the_template_stores_as_a_text_is_judged_as_that_text() -> None:
    for publisher, code in ((FOREIGN, "template.foreign_layer"), (RUNTIME, None)):
        layers = [{"Fn::GetAtt": ["P", "Value"]}]
        described = template("AWS::Lambda::Function", {"Layers": layers})
        described["Resources"]["P"] = stored(LAYER.format(publisher))
        assert judged(described) == code


def test_a_foreign_layers_version_is_part_of_what_was_found() -> None:
    described = template("AWS::Lambda::Function", {"Layers": [LAYER.format("017000801446")]})
    (found,) = outside_references(HERE, {HERE: described})
    assert (found.kind, found.text) == (OutsideKind.LAYER, LAYER.format("017000801446"))


def test_aws_publishes_layers_from_accounts() -> None:
    assert all(len(one) == 12 and one.isdecimal() for one in AWS_LAYER_ACCOUNTS)


DIGEST = "sha256:" + "ab" * 32


@pytest.mark.parametrize(
    ("image", "code"),
    [
        (f"repo/app@{DIGEST}", None),
        ({"Fn::Sub": f"${{AWS::AccountId}}.dkr.ecr.eu-central-1.amazonaws.com/app@{DIGEST}"}, None),
        ("repo/app:1.2", "template.image_by_tag"),
        ("repo/app", "template.image_by_tag"),
        (f"repo/app:1.2@{DIGEST}x", "template.image_by_tag"),
        ({"Fn::Sub": "${Own}:latest"}, "template.image_by_tag"),
    ],
    ids=lambda one: str(one)[:50],
)
@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("AWS::Lambda::Function", lambda image: {"Code": {"ImageUri": image}}),
        ("AWS::Serverless::Function", lambda image: {"ImageUri": image}),
        ("AWS::ECS::TaskDefinition", lambda image: {"ContainerDefinitions": [{"Image": image}]}),
        (
            "AWS::AppRunner::Service",
            lambda image: {"SourceConfiguration": {"ImageRepository": {"ImageIdentifier": image}}},
        ),
    ],
)
def test_an_image_is_named_by_its_digest(
    kind: str, properties: Any, image: Any, code: str | None
) -> None:
    assert judged(template(kind, properties(image))) == code


def test_a_packaged_file_lies_nowhere_else() -> None:
    schema = {"SchemaUri": "a", "Resolvers": {"Query": {"b": {"CodeUri": "b.js"}}}}
    assert judged(template("AWS::Serverless::GraphQLApi", schema)) is None
    hidden = {"Resolvers": {"Fn::If": ["C", {"Query": {"b": {"CodeUri": "b.js"}}}, {}]}}
    code = "template.remote_reference"
    assert judged(template("AWS::Serverless::GraphQLApi", hidden)) == code


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("AWS::Glue::Job", {"Command": {"Name": "etl", "ScriptLocation": "s3://ours/jobs/a.py"}}),
        ("AWS::AppSync::GraphQLSchema", {"DefinitionS3Location": "s3://ours/jobs/schema"}),
        (
            "AWS::ElasticBeanstalk::ApplicationVersion",
            {"SourceBundle": {"S3Bucket": "ours", "S3Key": "jobs/a"}},
        ),
        ("AWS::CodeCommit::Repository", {"Code": {"S3": {"Bucket": "ours", "Key": "jobs/a"}}}),
        ("AWS::CloudFormation::StackSet", {"TemplateURL": "s3://ours/jobs/x"}),
        (
            "AWS::Glue::Job",
            {"Command": {"Fn::If": ["C", {"ScriptLocation": "s3://ours/jobs/a"}, {"Name": "b"}]}},
        ),
        (
            "AWS::AppSync::Resolver",
            {"CodeS3Location": "own.js", "RequestMappingTemplateS3Location": "s3://ours/jobs/b"},
        ),
    ],
)
def test_a_file_that_is_not_packaged_lies_where_the_workers_file_allows(
    kind: str, properties: dict[str, Any]
) -> None:
    described = template(kind, properties)
    near = PREPROD.model_copy(update={"reads_from": ("s3://ours/jobs/",)})
    other = PREPROD.model_copy(update={"reads_from": ("s3://ours/other/",)})
    assert judged(described) == "template.remote_reference"
    assert judged(described, other) == "template.remote_reference"
    assert judged(described, near) is None


@pytest.mark.parametrize(
    ("image", "places", "is_taken"),
    [
        ("public.ecr.aws/nginx/nginx:latest", ("public.ecr.aws/nginx/",), True),
        ("nginx", ("nginx",), True),
        ("nginx:1.27", ("nginx",), True),
        ("nginx-of-others:1.27", ("nginx",), False),
        ("nginx/of-others:1.27", ("nginx",), False),
        ("public.ecr.aws/nginx-of-others/nginx", ("public.ecr.aws/nginx/",), False),
        ("localhost:5000/app", ("localhost:5000/",), True),
        ("repo/app:1.2", (), False),
    ],
)
def test_an_image_may_be_named_by_a_tag_where_the_owner_says_so(
    image: str, places: tuple[str, ...], is_taken: bool
) -> None:
    task = template("AWS::ECS::TaskDefinition", {"ContainerDefinitions": [{"Image": image}]})
    allowing_tags = PREPROD.model_copy(update={"images_from": places})
    assert judged(task, allowing_tags) == (None if is_taken else "template.image_by_tag")
