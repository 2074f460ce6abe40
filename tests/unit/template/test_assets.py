from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from awscli.customizations.cloudformation.artifact_exporter import (
    RESOURCES_EXPORT_LIST,
)
from hypothesis import given
from hypothesis import strategies as st
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from tests.support.codes import because
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.template.assets import Asset, find_assets, resources
from tiercel.domain.template.boundary import BOUNDARY_PARAMETER
from tiercel.domain.template.local_files import is_local
from tiercel.domain.template.locations import ASSET_BUCKET_PARAMETER, AssetKind
from tiercel.domain.template.rewriting import declare_asset_bucket, rewrite

CODE, LAYER, BUNDLE, FILE, TEMPLATE = AssetKind
BUCKET = {"Ref": ASSET_BUCKET_PARAMETER}
BOUNDARY = {BOUNDARY_PARAMETER: {"Ref": BOUNDARY_PARAMETER}}
URL = {"Fn::Sub": "https://${TiercelAssetBucket}.s3.${AWS::Region}.${AWS::URLSuffix}/packages/k"}
S3 = {"Fn::Sub": "s3://${TiercelAssetBucket}/packages/k"}
PAIR = {"Bucket": BUCKET, "Key": "packages/k"}
S3_PAIR = {"S3Bucket": BUCKET, "S3Key": "packages/k"}

PACKAGED = [
    ("AWS::Serverless::Function", "CodeUri", CODE, PAIR),
    ("AWS::Serverless::LayerVersion", "ContentUri", LAYER, PAIR),
    ("AWS::Serverless::WebFunction", "CodeUri", CODE, PAIR),
    ("AWS::Serverless::Api", "DefinitionUri", FILE, PAIR),
    ("AWS::Serverless::HttpApi", "DefinitionUri", FILE, PAIR),
    ("AWS::Serverless::StateMachine", "DefinitionUri", FILE, PAIR),
    ("AWS::Serverless::Application", "Location", TEMPLATE, URL),
    ("AWS::Lambda::Function", "Code", CODE, S3_PAIR),
    ("AWS::Lambda::LayerVersion", "Content", LAYER, S3_PAIR),
    ("AWS::ApiGateway::RestApi", "BodyS3Location", FILE, PAIR),
    ("AWS::ApiGatewayV2::Api", "BodyS3Location", FILE, PAIR),
    ("AWS::StepFunctions::StateMachine", "DefinitionS3Location", FILE, PAIR),
    ("AWS::CloudFormation::Stack", "TemplateURL", TEMPLATE, URL),
]
"""Of these, what lies elsewhere is refused."""
JUDGED = [
    ("AWS::AppSync::FunctionConfiguration", "RequestMappingTemplateS3Location", FILE, S3),
    ("AWS::AppSync::FunctionConfiguration", "ResponseMappingTemplateS3Location", FILE, S3),
    ("AWS::AppSync::FunctionConfiguration", "CodeS3Location", FILE, S3),
    ("AWS::AppSync::GraphQLSchema", "DefinitionS3Location", FILE, S3),
    ("AWS::AppSync::Resolver", "RequestMappingTemplateS3Location", FILE, S3),
    ("AWS::AppSync::Resolver", "ResponseMappingTemplateS3Location", FILE, S3),
    ("AWS::AppSync::Resolver", "CodeS3Location", FILE, S3),
    ("AWS::CloudFormation::ModuleVersion", "ModulePackage", BUNDLE, S3),
    ("AWS::CloudFormation::ResourceVersion", "SchemaHandlerPackage", BUNDLE, S3),
    ("AWS::CloudFormation::StackSet", "TemplateURL", FILE, URL),
    ("AWS::CodeCommit::Repository", "Code.S3", BUNDLE, PAIR),
    ("AWS::ElasticBeanstalk::ApplicationVersion", "SourceBundle", BUNDLE, S3_PAIR),
    ("AWS::Glue::Job", "Command.ScriptLocation", FILE, S3),
    ("AWS::Serverless::GraphQLApi", "Functions.Items.CodeUri", FILE, S3),
    ("AWS::Serverless::GraphQLApi", "Resolvers.Query.items.CodeUri", FILE, S3),
]
"""Of these, each environment says what may lie elsewhere."""
ELSEWHERE = [
    "s3://bucket/key",
    "https://bucket.s3.amazonaws.com/key",
    "arn:aws:serverlessrepo:us-east-1:123456789012:applications/app",
    {"Fn::Sub": "s3://${Bucket}/key"},
    {"Ref": "Location"},
    {"Fn::If": ["IsProd", "a/", "b/"]},
    {"Bucket": "bucket", "Key": "key"},
    {"S3Bucket": "bucket", "S3Key": "key"},
]
NO_PLACE = [
    {"ZipFile": "def handler(event, context): ..."},
    {"Fn::If": ["IsProd", {"ZipFile": "..."}, {"Ref": "AWS::NoValue"}]},
    None,
    5,
    ["a/"],
]
REMOTE = {
    CODE: "template.remote_code",
    LAYER: "template.remote_code",
    FILE: "template.remote_definition",
    TEMPLATE: "template.remote_template",
}


def holding(value: Any, property_path: str) -> dict[str, Any]:
    """Properties in which a value stands below names that are joined by dots."""
    for name in reversed(property_path.split(".")):
        value = {name: value}
    return dict(value)


def value_at(properties: Any, property_path: str) -> Any:
    """What stands below names that are joined by dots, None if it is not there."""
    for name in property_path.split("."):
        properties = properties.get(name) if isinstance(properties, dict) else None
    return properties


def resource(resource_type: str, **properties: Any) -> dict[str, Any]:
    return {"Type": resource_type, "Properties": properties}


def template(thing: Any, **sections: Any) -> dict[str, Any]:
    return {"Resources": {"Thing": thing}, **sections}


def function(**properties: Any) -> dict[str, Any]:
    return resource("AWS::Serverless::Function", **properties)


def only(thing: Any, **sections: Any) -> Asset:
    (asset,) = find_assets(template(thing, **sections))
    return asset


@pytest.mark.parametrize(("resource_type", "name", "kind", "place"), PACKAGED + JUDGED)
def test_a_local_path_is_found_and_replaced_in_the_form_that_its_property_wants(
    resource_type: str, name: str, kind: AssetKind, place: Any
) -> None:
    described = template({"Type": resource_type, "Properties": holding("some/path", name)})
    (asset,) = find_assets(described)
    assert (asset.logical_id, asset.resource_type) == ("Thing", resource_type)
    assert (asset.property, asset.path, asset.kind) == (name, "some/path", kind)
    thing = rewrite(described, {("Thing", name): "packages/k"})["Resources"]["Thing"]
    expected = holding(place, name)
    if kind is TEMPLATE:
        passed_on = {ASSET_BUCKET_PARAMETER: BUCKET, **BOUNDARY}
        expected = {"TemplateURL": place, "Parameters": passed_on}
    assert thing["Properties"] == expected


@pytest.mark.parametrize("exporter", RESOURCES_EXPORT_LIST, ids=lambda found: found.__name__)
def test_whatever_the_aws_cli_packages_is_packaged(exporter: Any) -> None:
    found = {(one, name) for one, name, *_ in PACKAGED + JUDGED}
    assert (exporter.RESOURCE_TYPE, exporter.PROPERTY_NAME) in found


def test_several_places_of_one_resource_are_replaced_together() -> None:
    resolver = resource(
        "AWS::AppSync::Resolver",
        RequestMappingTemplateS3Location="a.vtl",
        ResponseMappingTemplateS3Location="s3://their/b.vtl",
        CodeS3Location="c.js",
    )
    assets = find_assets(template(resolver))
    assert [asset.path for asset in assets] == ["a.vtl", "c.js"]
    keys = {("Thing", asset.property): "packages/k" for asset in assets}
    assert rewrite(template(resolver), keys)["Resources"]["Thing"]["Properties"] == {
        "RequestMappingTemplateS3Location": S3,
        "ResponseMappingTemplateS3Location": "s3://their/b.vtl",
        "CodeS3Location": S3,
    }


@pytest.mark.parametrize("value", ELSEWHERE, ids=repr)
@pytest.mark.parametrize(("resource_type", "name", "kind", "_"), PACKAGED)
def test_what_lies_elsewhere_is_refused_by_kind(
    resource_type: str, name: str, kind: AssetKind, _: Any, value: Any
) -> None:
    with pytest.raises(RefusedInputError, check=because(REMOTE[kind])) as refused:
        find_assets(template(resource(resource_type, **{name: value})))
    assert f"Thing.{name}" in refused.value.where


@pytest.mark.parametrize(
    ("resource_type", "name", "value"),
    [(one, name, value) for one, name, *_ in PACKAGED for value in NO_PLACE]
    + [(one, name, value) for one, name, *_ in JUDGED for value in ELSEWHERE + NO_PLACE],
    ids=repr,
)
def test_what_names_no_file_is_left_alone(resource_type: str, name: str, value: Any) -> None:
    found = find_assets(template({"Type": resource_type, "Properties": holding(value, name)}))
    # SAM packages the template's folder for a function whose code is not given at all.
    assert not [asset for asset in found if asset.path != "."]


def test_every_asset_is_found_in_the_order_of_the_template() -> None:
    things = {name: function(CodeUri=name) for name in ("Zebra", "Ape", "Cat")}
    assert [asset.path for asset in find_assets({"Resources": things})] == ["Zebra", "Ape", "Cat"]


@pytest.mark.parametrize("properties", [{}, {"CodeUri": None}, {"Handler": "app.handler"}])
def test_a_function_without_code_is_the_templates_own_folder(properties: dict[str, Any]) -> None:
    assert only(function(**properties)).path == "."


def test_a_function_without_properties_is_the_templates_own_folder() -> None:
    assert only({"Type": "AWS::Serverless::Function"}).path == "."


@pytest.mark.parametrize(
    "properties",
    [
        {"InlineCode": "..."},
        {"InlineCode": {"Fn::Sub": "..."}},
        {"PackageType": "Image", "ImageUri": "1.dkr.ecr.eu-central-1.amazonaws.com/a:1"},
        {"ImageUri": {"Ref": "Image"}},
        {"ImageUri": "111111111111.dkr.ecr.eu-central-1.amazonaws.com/app:1"},
    ],
)
def test_a_function_with_inline_code_or_an_image_has_no_local_code(
    properties: dict[str, Any],
) -> None:
    assert find_assets(template(function(**properties))) == ()


@pytest.mark.parametrize(
    "properties",
    [{"InlineCode": "..."}, {"PackageType": "Image", "ImageUri": {"Ref": "Image"}}],
)
def test_code_that_all_functions_inherit_is_not_packaged_for_one_that_ignores_it(
    properties: dict[str, Any],
) -> None:
    inherited = {"Function": {"CodeUri": "src/"}}
    assert find_assets(template(function(**properties), Globals=inherited)) == ()


BUILT = {"Dockerfile": "Dockerfile", "DockerContext": "."}


@pytest.mark.parametrize(
    ("thing", "sections"),
    [
        (function(PackageType="Image") | {"Metadata": BUILT}, {}),
        (function(PackageType="Image", ImageUri="app:latest"), {}),
        (function(PackageType="Image"), {}),
        (function(), {"Globals": {"Function": {"PackageType": "Image"}}}),
        (resource("AWS::Lambda::Function", PackageType="Image", Code={"ImageUri": "app:1"}), {}),
        (resource("AWS::Lambda::Function", PackageType="Image", Code={}), {}),
    ],
)
def test_an_image_that_has_to_be_built_is_refused(
    thing: dict[str, Any], sections: dict[str, Any]
) -> None:
    with pytest.raises(RefusedInputError, check=because("template.container_image")) as refusal:
        find_assets(template(thing, **sections))
    assert "Thing" in refusal.value.what


def test_globals_reach_every_function_and_its_own_properties_win() -> None:
    inherited = {"CodeUri": "all/", "Runtime": "python3.12", "Architectures": ["arm64"]}
    section = {"Function": inherited}
    asset = only(function(Handler="app.handler"), Globals=section)
    assert (asset.path, asset.runtime, asset.architecture) == ("all/", "python3.12", "arm64")
    asset = only(function(CodeUri="own/", Architectures=["x86_64"]), Globals=section)
    assert (asset.path, asset.runtime, asset.architecture) == ("own/", "python3.12", "x86_64")


def test_globals_of_apis_reach_every_api() -> None:
    section = {"Api": {"DefinitionUri": "api.yaml"}, "Function": {"CodeUri": "src/"}}
    assert (
        only(resource("AWS::Serverless::Api", StageName="v1"), Globals=section).path == "api.yaml"
    )


@pytest.mark.parametrize("thing", [resource("AWS::Lambda::Function"), resource("Custom::Thing")])
def test_globals_reach_no_other_type(thing: dict[str, Any]) -> None:
    assert find_assets(template(thing, Globals={"Function": {"CodeUri": "src/"}})) == ()


@pytest.mark.parametrize(
    ("ignored", "path"), [("*", "."), (["CodeUri"], "."), (["Runtime"], "all/"), ([], "all/")]
)
def test_a_function_may_ignore_globals(ignored: Any, path: str) -> None:
    thing = function() | {"IgnoreGlobals": ignored}
    assert only(thing, Globals={"Function": {"CodeUri": "all/"}}).path == path


@pytest.mark.parametrize(
    ("properties", "architecture"),
    [
        ({}, "x86_64"),
        ({"Architectures": []}, "x86_64"),
        ({"Architectures": ["arm64"]}, "arm64"),
        ({"Architectures": {"Ref": "Architectures"}}, ""),
        ({"Architectures": [{"Ref": "Architecture"}]}, ""),
    ],
)
def test_a_functions_architecture_is_its_own_or_x86_64(
    properties: dict[str, Any], architecture: str
) -> None:
    assert only(function(**properties)).architecture == architecture


@pytest.mark.parametrize(
    ("properties", "metadata", "architecture"),
    [
        ({}, {}, "x86_64"),
        ({"CompatibleArchitectures": ["arm64"]}, {}, "arm64"),
        ({}, {"BuildArchitecture": "arm64"}, "arm64"),
        ({"CompatibleArchitectures": ["x86_64", "arm64"]}, {"BuildArchitecture": "arm64"}, "arm64"),
        ({"Architectures": ["arm64"]}, {}, "x86_64"),
    ],
)
def test_a_layers_architecture_is_the_one_it_is_built_for(
    properties: dict[str, Any], metadata: dict[str, Any], architecture: str
) -> None:
    layer = resource("AWS::Serverless::LayerVersion", ContentUri="layer/", **properties)
    assert only(layer | {"Metadata": metadata}).architecture == architecture


@pytest.mark.parametrize(
    ("resource_type", "expected"),
    [
        ("AWS::Serverless::Function", "python3.12"),
        ("AWS::Serverless::LayerVersion", "python3.12"),
        ("AWS::Lambda::Function", "python3.12"),
        ("AWS::Serverless::Api", ""),
    ],
)
def test_functions_and_layers_have_a_build_method_and_nothing_else_has(
    resource_type: str, expected: str
) -> None:
    name = next(name for one, name, *_ in PACKAGED if one == resource_type)
    thing = resource(resource_type, **{name: "src/"}) | {"Metadata": {"BuildMethod": "python3.12"}}
    assert only(thing).build_method == expected


@pytest.mark.parametrize(
    ("body", "sections"),
    [
        ({"F${Name}": function(CodeUri="src/")}, {}),
        ({"F${Name}": function(Handler="app.handler")}, {}),
        ({"F${Name}": function()}, {"Globals": {"Function": {"CodeUri": "src/"}}}),
        ({"L${Name}": resource("AWS::Lambda::Function", Code="src/")}, {}),
        ({"S${Name}": resource("AWS::CloudFormation::Stack", TemplateURL="n.yaml")}, {}),
        ({"J${Name}": resource("AWS::Glue::Job", Command={"ScriptLocation": "job.py"})}, {}),
        ({"Fn::ForEach::Inner": ["B", ["1"], {"F${B}": function(CodeUri="src/")}]}, {}),
    ],
)
def test_a_loop_over_local_files_that_only_a_deploy_knows_is_refused(
    body: dict[str, Any], sections: dict[str, Any]
) -> None:
    loop = {"Fn::ForEach::Functions": ["Name", {"Ref": "Names"}, body]}
    with pytest.raises(RefusedInputError, check=because("template.loop_unknown")) as refusal:
        find_assets({"Resources": loop, **sections})
    assert "Fn::ForEach::Functions" in refusal.value.what


@pytest.mark.parametrize(
    "body",
    [
        {"Q${Name}": resource("AWS::SQS::Queue", QueueName={"Ref": "Name"})},
        {"F${Name}": function(InlineCode="...")},
    ],
)
def test_a_loop_without_local_files_is_left_alone(body: dict[str, Any]) -> None:
    loop = {"Fn::ForEach::Things": ["Name", ["A", "B"], body]}
    assert find_assets({"Resources": loop}) == ()


@pytest.mark.parametrize(
    "described",
    [
        template(function() | {"Properties": "text"}),
        template(function() | {"Metadata": ["text"]}),
        template(function(), Globals="text"),
        template(function(), Globals={"Function": "text"}),
        template(resource("AWS::CloudFormation::Stack", TemplateURL="n.yaml", Parameters="text")),
    ],
)
def test_text_where_a_mapping_belongs_is_refused(described: dict[str, Any]) -> None:
    with pytest.raises(RefusedInputError, check=because("template.not_a_mapping")):
        find_assets(described, "t.yaml")


def test_resources_that_are_no_mappings_are_passed_over() -> None:
    described = {"Resources": {"A": "text", "B": [1], "C": None, "D": resource("AWS::SQS::Queue")}}
    assert [name for name, _ in resources(described)] == ["D"]


KEYS = (
    "Type Properties Metadata Parameters Location Name S3 Function Fn::Transform Fn::ForEach::A "
    "Code Architectures IgnoreGlobals"
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["src", "*"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS.split()) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=25,
)
types = st.sampled_from([one for one, *_ in PACKAGED + JUDGED])
wild_resources = st.dictionaries(st.text(max_size=3), anything, max_size=4).flatmap(
    lambda thing: st.builds(lambda kind: thing | {"Type": kind}, types | st.text(max_size=3))
)
wild_templates = st.builds(
    lambda things, sections: sections | {"Resources": things},
    st.dictionaries(st.text(max_size=3), wild_resources | anything, max_size=4),
    st.dictionaries(st.sampled_from(["Globals", "Transform", "Outputs"]), anything),
)


@given(wild_templates)
def test_any_template_is_understood_or_refused_and_rewritten_without_a_trace(
    described: dict[str, Any],
) -> None:
    before = copy.deepcopy(described)
    try:
        assets = find_assets(described)
    except RefusedInputError:
        return
    keys = {(asset.logical_id, asset.property): "packages/k" for asset in assets}
    rewritten = rewrite(described, keys)
    assert described == before
    found = rewritten["Resources"]
    for asset in assets:
        assert not is_local(value_at(found[asset.logical_id]["Properties"], asset.property))
    assert rewritten.keys() - {"Parameters"} == described.keys()
    assert len(rewritten["Resources"]) == len(described["Resources"])


def rewritten_thing(thing: dict[str, Any]) -> Any:
    asset = only(thing)
    return rewrite(template(thing), {("Thing", asset.property): "packages/k"})["Resources"]["Thing"]


def test_what_else_a_resource_says_is_kept() -> None:
    thing = function(CodeUri="src", Other=1) | {"DependsOn": "X"}
    assert rewritten_thing(thing) == function(CodeUri=PAIR, Other=1) | {"DependsOn": "X"}


def test_a_function_without_properties_gets_them() -> None:
    thing = {"Type": "AWS::Serverless::Function", "Properties": None}
    assert rewritten_thing(thing)["Properties"] == {
        "CodeUri": {"Bucket": BUCKET, "Key": "packages/k"}
    }


def test_a_nested_stack_gets_an_address_and_the_bucket() -> None:
    stack = resource("AWS::CloudFormation::Stack", TemplateURL="n.yaml", Parameters={"A": "1"})
    assert rewritten_thing(stack | {"Condition": "IsProd"}) == {
        "Type": "AWS::CloudFormation::Stack",
        "Properties": {
            "TemplateURL": URL,
            "Parameters": {"A": "1", ASSET_BUCKET_PARAMETER: BUCKET, **BOUNDARY},
        },
        "Condition": "IsProd",
    }


@pytest.mark.parametrize(("resource_type", "name", "kind", "_"), PACKAGED)
def test_whoever_passes_the_boundary_on_has_it_and_nobody_else_is_asked_for_it(
    resource_type: str, name: str, kind: AssetKind, _: Any
) -> None:
    described = template(resource(resource_type, **{name: "some/path"}))
    parameters = rewrite(described, {("Thing", name): "packages/k"})["Parameters"]
    assert (BOUNDARY_PARAMETER in parameters) is (kind is TEMPLATE)


def test_an_application_becomes_the_stack_that_sam_makes_of_it() -> None:
    application = resource(
        "AWS::Serverless::Application",
        Location="n.yaml",
        Tags={"team": "tea"},
        TimeoutInMinutes=5,
        NotificationARNs=[{"Ref": "Topic"}],
    )
    assert rewritten_thing(application | {"DependsOn": ["X"]}) == {
        "Type": "AWS::CloudFormation::Stack",
        "Properties": {
            "TemplateURL": URL,
            "Parameters": {ASSET_BUCKET_PARAMETER: BUCKET, **BOUNDARY},
            "Tags": [{"Key": "team", "Value": "tea"}],
            "TimeoutInMinutes": 5,
            "NotificationARNs": [{"Ref": "Topic"}],
        },
        "DependsOn": ["X"],
    }


def test_the_bucket_is_a_parameter_that_has_to_be_given() -> None:
    described = template(function(CodeUri="src/"), Parameters={"Level": {"Type": "String"}})
    rewritten = rewrite(described, {("Thing", "CodeUri"): "packages/k"})
    assert rewritten["Parameters"]["Level"] == {"Type": "String"}
    declared = rewritten["Parameters"][ASSET_BUCKET_PARAMETER]
    assert declared["Type"] == "String"
    assert "Default" not in declared


def test_a_template_without_assets_is_left_as_it_is() -> None:
    described = template(resource("AWS::SQS::Queue"))
    assert rewrite(described, {}) == described


def test_a_nested_template_declares_the_bucket_even_without_assets() -> None:
    described = template(resource("AWS::SQS::Queue"))
    assert ASSET_BUCKET_PARAMETER in declare_asset_bucket(described)["Parameters"]
    assert "Parameters" not in described


def test_two_resources_that_share_their_properties_do_not_share_the_change() -> None:
    shared = {"CodeUri": "src/", "ContentUri": "layer/"}
    described = {
        "Resources": {
            "F": {"Type": "AWS::Serverless::Function", "Properties": shared},
            "L": {"Type": "AWS::Serverless::LayerVersion", "Properties": shared},
        }
    }
    keys = {("F", "CodeUri"): "packages/f", ("L", "ContentUri"): "packages/l"}
    rewritten = rewrite(described, keys)["Resources"]
    assert rewritten["F"]["Properties"]["ContentUri"] == "layer/"
    assert rewritten["L"]["Properties"]["CodeUri"] == "src/"


JS = {"Name": "APPSYNC_JS", "Version": "1.0.0"}


def understood_by_sam(described: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What AWS's own translator makes of a template."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    policies = {"AWSLambdaBasicExecutionRole": "arn:aws:iam::aws:policy/Basic"}
    source = json.loads(json.dumps(described))
    translated = Translator(policies, Parser()).translate(source, {})
    return dict(translated["Resources"])


def test_sam_understands_every_rewritten_resource(monkeypatch: pytest.MonkeyPatch) -> None:
    code = {"Handler": "app.handler", "Runtime": "python3.12"}
    described = {
        "Transform": "AWS::Serverless-2016-10-31",
        "Globals": {"Function": {"CodeUri": "all/"}, "Api": {"DefinitionUri": "api.yaml"}},
        "Resources": {
            "Inheriting": function(**code),
            "Own": function(CodeUri="src/", **code),
            "Inline": function(InlineCode="...", **code),
            "Layer": resource("AWS::Serverless::LayerVersion", ContentUri="layer/"),
            "Api": resource("AWS::Serverless::Api", StageName="v1"),
            "HttpApi": resource("AWS::Serverless::HttpApi", DefinitionUri="api.yaml"),
            "Machine": resource(
                "AWS::Serverless::StateMachine",
                DefinitionUri="machine.asl.json",
                Role="arn:aws:iam::222222222222:role/machine",
            ),
            "Nested": resource("AWS::Serverless::Application", Location="nested.yaml"),
            "Graph": resource(
                "AWS::Serverless::GraphQLApi",
                SchemaInline="type Query { items: [String] }",
                Auth={"Type": "AWS_IAM"},
                Functions={"items": {"DataSource": "NONE", "Runtime": JS, "CodeUri": "items.js"}},
                Resolvers={
                    "Query": {
                        "items": {"Runtime": JS, "Pipeline": ["items"], "CodeUri": "query.js"}
                    }
                },
            ),
        },
    }
    assets = find_assets(described)
    keys = {(asset.logical_id, asset.property): f"packages/{asset.logical_id}" for asset in assets}
    found = understood_by_sam(rewrite(described, keys), monkeypatch)
    names = "Inheriting Own Layer Api HttpApi Machine Nested Graph Graph"
    assert [asset.logical_id for asset in assets] == names.split()
    for name in ("Inheriting", "Own"):
        code_location = found[name]["Properties"]["Code"]
        assert code_location == {"S3Bucket": BUCKET, "S3Key": f"packages/{name}"}
    assert found["Inline"]["Properties"]["Code"] == {"ZipFile": "..."}
    assert found["Api"]["Properties"]["BodyS3Location"]["Key"] == "packages/Api"
    assert found["HttpApi"]["Properties"]["BodyS3Location"]["Key"] == "packages/HttpApi"
    assert found["Machine"]["Properties"]["DefinitionS3Location"]["Key"] == "packages/Machine"
    assert found["Nested"]["Type"] == "AWS::CloudFormation::Stack"
    assert "packages/Nested" in found["Nested"]["Properties"]["TemplateURL"]["Fn::Sub"]
    assert "packages/Layer" in json.dumps(found)
    places = [
        value
        for one in found.values()
        if one["Type"].startswith("AWS::AppSync::")
        for name, value in one["Properties"].items()
        if name.endswith("S3Location")
    ]
    assert places == 2 * [{"Fn::Sub": "s3://${TiercelAssetBucket}/packages/Graph"}]
