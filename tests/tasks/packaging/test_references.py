"""What templates refer to, from a commit to packages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.codes import because
from tests.tasks.conftest import Origin
from tests.tasks.packages import (
    HERE,
    ORDERS,
    build,
    contents_of,
    function,
    package_of,
    refusal_of,
    resource,
    template,
    template_of,
    zip_of,
)
from tiercel.domain.artifact.source_tree import source_tree
from tiercel.domain.base.errors import BuildFailedError
from tiercel.domain.configuration.parsing import parse_topology
from tiercel.tasks.source.repository import find_objects
from tiercel.tasks.source.services import load_services
from tiercel.tasks.verification.verifier import verify_service

WORKERS = (Path(__file__).parents[3] / "tiercel.toml").read_text().partition("[services.")[0]
BUCKET = "${TiercelAssetBucket}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "build"


def address_in(thing: Any) -> str:
    """The key of the object that a property names by an address in S3."""
    return str(thing["Fn::Sub"]).removeprefix(f"s3://{BUCKET}/")


def test_files_of_several_properties_are_objects_that_the_properties_name(
    origin: Origin, folder: Path
) -> None:
    package = zip_of({"a": b"b"})
    things = {
        "Resolver": resource(
            "AWS::AppSync::Resolver",
            RequestMappingTemplateS3Location="in.vtl",
            ResponseMappingTemplateS3Location="out.vtl",
        ),
        "Job": resource("AWS::Glue::Job", Command={"Name": "etl", "ScriptLocation": "job.py"}),
        "App": resource("AWS::ElasticBeanstalk::ApplicationVersion", SourceBundle="app"),
        "Code": resource("AWS::CodeCommit::Repository", Code={"S3": "app.zip"}),
        "Graph": resource("AWS::Serverless::GraphQLApi", SchemaUri="schema.graphql", Logging=False),
    }
    origin.commit(
        {
            "orders/template.json": template(**things),
            "orders/in.vtl": "in",
            "orders/out.vtl": "out",
            "orders/job.py": "job",
            "orders/app/index.html": "<p>",
            "orders/app.zip": package,
            "orders/schema.graphql": "type Query { é: String }",
        }
    )
    built = build(origin, folder)
    found = template_of(built)["Resources"]
    resolver = found["Resolver"]["Properties"]
    bodies = {entry.key: built.files[entry.sha256].read_bytes() for entry in built.manifest.objects}
    assert bodies[address_in(resolver["RequestMappingTemplateS3Location"])] == b"in"
    assert bodies[address_in(resolver["ResponseMappingTemplateS3Location"])] == b"out"
    assert found["Job"]["Properties"]["Command"]["Name"] == "etl"
    assert bodies[address_in(found["Job"]["Properties"]["Command"]["ScriptLocation"])] == b"job"
    assert contents_of(built, "App") == {"index.html": b"<p>"}
    assert package_of(built, "Code") == package
    graph = found["Graph"]["Properties"]
    assert graph == {"SchemaInline": "type Query { é: String }", "Logging": False}


def test_included_parts_and_loops_are_packaged_as_if_they_stood_in_the_template(
    origin: Origin, folder: Path
) -> None:
    macro = {"Fn::Transform": {"Name": "AWS::Include", "Parameters": {"Location": "part.yaml"}}}
    loop = ["Name", ["a", "b"], {"F${Name}": function(CodeUri="src/${Name}")}]
    things = {"Role": {"Type": "AWS::SNS::Topic"}, "Fn::ForEach::F": loop, **macro}
    part = (
        "Guest:\n  Type: AWS::IAM::Role\n  Properties:\n    RoleName: !Sub '${AWS::StackName}-x'\n"
    )
    origin.commit(
        {
            "orders/template.json": json.dumps({"Resources": things}),
            "orders/part.yaml": part,
            "orders/src/a/app.py": "a",
            "orders/src/b/app.py": "b",
        }
    )
    built = build(origin, folder)
    found = template_of(built)["Resources"]
    assert found.keys() == {"Role", "Fa", "Fb", "Guest"}
    assert found["Guest"]["Properties"].keys() == {"RoleName", "PermissionsBoundary"}
    assert contents_of(built, "Fa") == {"app.py": b"a"}
    assert contents_of(built, "Fb") == {"app.py": b"b"}


@pytest.mark.parametrize(
    ("location", "body", "code"),
    [
        ("missing.yaml", "A: 1", "template.missing"),
        ("../../part.yaml", "A: 1", "template.path_leads_out"),
        ("part.yaml", "[1, 2]", "template.not_a_mapping"),
        ("part.yaml", "A: [", "template.not_parsed"),
    ],
)
def test_a_part_that_cannot_be_read_is_refused(
    origin: Origin, folder: Path, location: str, body: str, code: str
) -> None:
    macro = {"Name": "AWS::Include", "Parameters": {"Location": location}}
    described = json.dumps({"Resources": {"Fn::Transform": macro}})
    origin.commit({"orders/template.json": described, "orders/part.yaml": body})
    assert refusal_of(origin, folder).code == code


def test_what_a_template_names_outside_is_in_the_source_and_in_its_id(
    origin: Origin, folder: Path
) -> None:
    toml = '[services.orders]\npath = "orders"\ntemplate = "template.json"\n'
    described = template(F=function(CodeUri="../../shop/src"))
    files = {"tiercel.toml": toml, "orders/template.json": described.replace("../../shop/", "../")}
    origin.commit(files | {"src/app.py": "one"})
    topology = parse_topology(WORKERS)

    def found() -> tuple[dict[str, bytes], str]:
        service = load_services.fn(origin.fetch(), topology).services["orders"]
        built = build(origin, folder, service)
        return contents_of(built, "F"), built.manifest.artifact_id

    first, second = found(), (origin.commit({"src/app.py": "two"}), found())[1]
    assert (first[0], second[0]) == ({"app.py": b"one"}, {"app.py": b"two"})
    assert first[1] != second[1]
    assert "src" in find_objects.fn(origin.fetch(), ["orders", "src"])


def test_empty_sections_are_taken_and_left_out(origin: Origin, folder: Path) -> None:
    queue = "  Q:\n    Type: AWS::SQS::Queue\n    Properties:\n"
    body = f"Parameters:\nMappings:\nOutputs:\nResources:\n{queue}"
    origin.commit({"orders/template.json": body})
    assert template_of(build(origin, folder)) == {"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}


@pytest.mark.parametrize("body", ["Resources:\n", "Resources: {}\n", "Description: x\n"])
def test_a_template_without_resources_is_refused_by_itself(
    origin: Origin, folder: Path, body: str
) -> None:
    other = ORDERS.model_copy(update={"name": "other", "path": "other"})
    origin.commit({"orders/template.json": body, "other/template.json": template()})
    assert refusal_of(origin, folder).code == "template.no_resources"
    assert template_of(build(origin, folder, other))["Resources"]


def test_a_template_is_measured_as_it_is_sent(origin: Origin, folder: Path) -> None:
    things = {f"Q{number}": resource("AWS::SQS::Queue", Tags=[]) for number in range(450)}
    text = json.dumps({"Resources": things, "Metadata": {"Pad": ["x" * 9] * 20_000}}, indent=20)
    assert len(text) > 1_200_000
    origin.commit({"orders/template.json": text})
    assert build(origin, folder).manifest.template.size < 400_000


APP = {"Handler": "app.handler"}


def test_what_packaging_writes_out_is_linted_as_it_is_sent(origin: Origin, folder: Path) -> None:
    macro = {"Fn::Transform": {"Name": "AWS::Include", "Parameters": {"Location": "part.yaml"}}}
    described = {"Parameters": None, "Outputs": None, "Resources": macro}
    part = "Q:\n  Type: AWS::SQS::Queue\n  Properties:\n    DelaySecond: 5\n"
    origin.commit({"orders/template.json": json.dumps(described), "orders/part.yaml": part})
    commit, topology = origin.fetch(), parse_topology(WORKERS)
    objects = find_objects.fn(commit, ["orders"])
    tree = source_tree(ORDERS, {path: one.id for path, one in objects.items()})
    topology = topology.model_copy(update={"builds": HERE})
    with pytest.raises(BuildFailedError, check=because("template.lint_errors")) as refusal:
        verify_service.fn(commit, ORDERS, tree, topology, folder)
    assert "Resources/Q/Properties/DelaySecond: E3002" in refusal.value.why
    assert "\n" not in refusal.value.why


ABSENT = "package.handler_missing"
IN_LAYER = {"CodeUri": "empty", "Layers": [{"Ref": "L"}]}


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        ({"CodeUri": "src", "Handler": "other.handler"}, ABSENT),
        (IN_LAYER, ABSENT),
        ({"CodeUri": "code.zip"}, ""),
        ({"CodeUri": "empty", "Handler": {"Ref": "Handler"}}, ""),
        ({"CodeUri": "empty", "Layers": ["arn:aws:lambda:x"]}, ""),
        (IN_LAYER | {"Handler": "tea.handler"}, ""),
    ],
)
def test_a_handler_that_no_package_has_is_refused(
    origin: Origin, folder: Path, properties: dict[str, Any], code: str
) -> None:
    layer = resource("AWS::Serverless::LayerVersion", ContentUri="layer")
    thing = function(**{"Handler": "app.handler"} | properties)
    origin.commit(
        {
            "orders/template.json": template(F=thing, L=layer),
            "orders/src/app.py": "x",
            "orders/empty/README": "x",
            "orders/layer/python/tea.py": "x",
            "orders/code.zip": zip_of({"app.py": b"x"}),
        }
    )
    if code:
        assert refusal_of(origin, folder).code == code
    else:
        assert build(origin, folder).manifest.assets


@pytest.mark.parametrize(
    ("layers", "limit", "code"),
    [
        ([{"Ref": "L"}], 1000, "package.too_large_with_layers"),
        ([{"Ref": "L"}], 1001, ""),
        ([{"Ref": "L"}, "arn:aws:lambda:x"], 1000, "package.too_large_with_layers"),
        ([{"Ref": "L"}, {"Ref": "Other"}], 1000, "package.too_large_with_layers"),
        (["arn:aws:lambda:x"], 1000, ""),
        ([], 1000, ""),
    ],
)
def test_a_function_and_the_layers_beside_it_are_counted_together(
    origin: Origin,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    layers: list[Any],
    limit: int,
    code: str,
) -> None:
    monkeypatch.setattr("tiercel.tasks.packaging.packaging.MAX_UNZIPPED_BYTES", limit)
    layer = resource("AWS::Serverless::LayerVersion", ContentUri="layer.zip")
    origin.commit(
        {
            "orders/template.json": template(F=function(CodeUri="src", Layers=layers), L=layer),
            "orders/src/app.py": "x" * 301,
            "orders/layer.zip": zip_of({"python/a.py": b"x" * 400, "python/b.py": b"x" * 300}),
        }
    )
    if code:
        error = refusal_of(origin, folder)
        assert (error.code, error.where) == (code, "orders/src (F in orders/template.json)")
        assert "F has 301, L has 700 bytes" in error.why
    else:
        assert build(origin, folder).manifest.assets


def test_a_handler_may_stand_in_a_java_archive_of_the_package(origin: Origin, folder: Path) -> None:
    java = {"Runtime": "java21", "Handler": "com.acme.Orders::handle"}
    origin.commit(
        {
            "orders/template.json": template(F=function(CodeUri="app", **java)),
            "orders/app/lib/orders.jar": zip_of({"com/acme/Orders.class": b"x"}),
            "orders/app/lib/odd.jar": "no archive",
        }
    )
    assert build(origin, folder).manifest.assets


def test_all_paths_that_are_missing_are_told_at_once(origin: Origin, folder: Path) -> None:
    things = {
        "One": function(CodeUri="one"),
        "Two": function(CodeUri="here"),
        "Api": resource("AWS::Serverless::Api", DefinitionUri="api.yaml"),
    }
    origin.commit({"orders/template.json": template(**things), "orders/here/app.py": "x"})
    error = refusal_of(origin, folder)
    assert error.code == "template.path_not_in_source"
    assert error.what.endswith("named by One.CodeUri, Api.DefinitionUri")
    assert error.where.count("orders/template.json") == 2


def test_a_service_leaves_names_of_roles_to_cloudformation_if_it_says_so(
    origin: Origin, folder: Path
) -> None:
    role = resource("AWS::IAM::Role", RoleName="reader", Path="/x/", AssumeRolePolicyDocument={})
    origin.commit({"orders/template.json": template(Reader=role)})
    own = template_of(build(origin, folder))["Resources"]["Reader"]["Properties"]
    left = ORDERS.model_copy(update={"role_names": "stack"})
    made = template_of(build(origin, folder / "again", left))["Resources"]["Reader"]["Properties"]
    assert own.keys() - made.keys() == {"RoleName", "Path"}
    assert source_tree(left, {"orders": "1" * 40}) != source_tree(ORDERS, {"orders": "1" * 40})
