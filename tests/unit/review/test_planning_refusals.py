"""What CloudFormation is not shown before somebody has reviewed it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.review.planning_refusals import planning_refusals

KEY, NESTED_KEY, OTHER_KEY = (f"packages/{letter * 64}.template" for letter in "abc")
QUEUE = {"Type": "AWS::SQS::Queue"}
PACKAGED = "https://${TiercelAssetBucket}.s3.${AWS::Region}.${AWS::URLSuffix}/"
SECRET = "{{resolve:ssm-secure:/prod/password:1}}"


def template(resources: Any = None, **sections: Any) -> dict[str, Any]:
    return {"Resources": {"Queue": QUEUE} if resources is None else resources, **sections}


def prop(value: Any, kind: str = "AWS::SQS::Queue") -> dict[str, Any]:
    return template({"Queue": {"Type": kind, "Properties": {"QueueName": value}}})


def nesting(address: Any) -> dict[str, Any]:
    return template(
        {"Inner": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": address}}}
    )


def refusals(
    given: dict[str, Any], live: dict[str, Any] | None = None, **parameters: str
) -> tuple[str, ...]:
    return planning_refusals({KEY: given}, live or template(), parameters, {})


MACRO = "it has a macro or a transform that is not known here: "
INSIDE = "it has a macro or a transform inside: Fn::Transform"
DYNAMIC = "it has a dynamic reference, or texts that could become one"
IMPORT = "it imports a value that the live template does not"
ELSEWHERE = "Inner nests a template of elsewhere"
INCLUDE = {"Name": "AWS::Include", "Parameters": {"Location": "s3://theirs/evil.yaml"}}
ATTACKS: list[tuple[str, dict[str, Any], str]] = [
    ("a macro", template(Transform="Evil"), MACRO + "Evil"),
    ("one behind a known one", template(Transform=["AWS::Serverless-2016-10-31", "E"]), MACRO),
    ("one of another account", template(Transform="123456789012::Evil"), MACRO),
    ("one with parameters", template(Transform={"Name": "Evil"}), MACRO),
    (
        "a known one with parameters",
        template(Transform=[{"Name": "AWS::LanguageExtensions"}]),
        MACRO,
    ),
    ("an include of a bucket", template(Transform=[INCLUDE]), MACRO),
    ("secrets made by a transform", template(Transform="AWS::SecretsManager-2024-09-16"), MACRO),
    ("blue and green", template(Transform=["AWS::CodeDeployBlueGreen"]), MACRO),
    ("hooks", template(Hooks={"H": {"Type": "AWS::CodeDeploy::BlueGreen"}}), "Hooks"),
    ("rules that read what parameters name", template(Rules={}), "Rules"),
    ("an include in a property", prop({"Fn::Transform": INCLUDE}), INSIDE),
    ("an include for resources", template({"Fn::Transform": INCLUDE}), INSIDE),
    ("an include in outputs", template(Outputs={"O": {"Fn::Transform": INCLUDE}}), INSIDE),
    ("an include in a list", prop([1, [{"Fn::Transform": INCLUDE}]]), INSIDE),
    ("a loop", template({"Fn::ForEach::All": ["X", ["A"], {"${X}": QUEUE}]}), "Fn::ForEach::All"),
    ("an unknown function", prop({"Fn::GetStackOutput": {}}), "Fn::GetStackOutput"),
    ("a parameter's attribute", prop({"Fn::ValueOf": ["Vpc", "Tags"]}), "Fn::ValueOf"),
    ("a secret", prop("{{resolve:secretsmanager:prod:SecretString:password}}"), DYNAMIC),
    ("a parameter that is kept safe", prop(SECRET), DYNAMIC),
    ("a parameter that is not", prop("x{{resolve:ssm:/prod/url}}y"), DYNAMIC),
    ("in another case", prop("{{Resolve:SSM:/prod/url}}"), DYNAMIC),
    ("with spaces", prop("{{ resolve :ssm:/prod/url}}"), DYNAMIC),
    ("over lines", prop("{{\nresolve:ssm:/prod/url}}"), DYNAMIC),
    ("as a key", prop({SECRET: 1}), DYNAMIC),
    (
        "as the default of a parameter",
        template(Parameters={"P": {"Type": "String", "Default": SECRET}}),
        DYNAMIC,
    ),
    ("in an output", template(Outputs={"O": {"Value": SECRET}}), DYNAMIC),
    ("in metadata", template(Metadata={"A": [SECRET]}), DYNAMIC),
    ("in a mapping", template(Mappings={"M": {"A": {"B": SECRET}}}), DYNAMIC),
    ("in a condition", template(Conditions={"C": {"Fn::Equals": [SECRET, "a"]}}), DYNAMIC),
    ("put together", prop({"Fn::Join": ["", ["{{res", "olve:ssm:/prod/url}}"]]}), DYNAMIC),
    ("a brace at a time", prop({"Fn::Join": ["", ["{", "{", "resolve:ssm:/x}}"]]}), DYNAMIC),
    ("by what joins", prop({"Fn::Join": ["{", ["", "", "resolve:ssm:/x}}"]]}), DYNAMIC),
    ("filled in", prop({"Fn::Sub": ["{{${A}:ssm:/x}}", {"A": "resolve"}]}), DYNAMIC),
    ("a brace filled in", prop({"Fn::Sub": ["{${A}", {"A": "{resolve:ssm:/x}}"}]}), DYNAMIC),
    (
        "split apart first",
        prop({"Fn::Join": ["", {"Fn::Split": ["x", "{x{resolve:ssm:/y}}"]}]}),
        DYNAMIC,
    ),
    (
        "a parameter of Parameter Store",
        template(
            Parameters={"P": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/prod/url"}}
        ),
        "its parameter P is of a type of Parameter Store",
    ),
    (
        "a list of them",
        template(Parameters={"P": {"Type": "AWS::SSM::Parameter::Value<List<String>>"}}),
        "Parameter Store",
    ),
    (
        "the name of one",
        template(Parameters={"P": {"Type": "AWS::SSM::Parameter::Name"}}),
        "Parameter Store",
    ),
    ("an unknown type", template(Parameters={"P": {"Type": "AWS::New::Thing"}}), "not known here"),
    ("no type", template(Parameters={"P": {"Type": ["String"]}}), "not known here"),
    ("parameters by a macro", template(Parameters=["P"]), "its parameters cannot be read"),
    ("no resources", template(["Queue"]), "its resources cannot be read"),
    ("an import", prop({"Fn::ImportValue": "prod-network"}), IMPORT),
    (
        "an import put together",
        prop({"Fn::ImportValue": {"Fn::Sub": "${AWS::Region}-vpc"}}),
        IMPORT,
    ),
    ("a module", template({"M": {"Type": "Acme::Net::Vpc::MODULE"}}), "M is a module"),
    ("a type of others", template({"M": {"Type": "Evil::Read::Secrets"}}), "M is a module"),
    ("no type at all", template({"M": {"Type": {"Ref": "T"}}}), "M is a module"),
    (
        "an application of the repository of them",
        template(
            {
                "App": {
                    "Type": "AWS::Serverless::Application",
                    "Properties": {"Location": {"ApplicationId": "arn:aws:serverlessrepo:x"}},
                }
            }
        ),
        "App is an application",
    ),
    ("a template of elsewhere", nesting("https://evil.example/t.json"), ELSEWHERE),
    (
        "one of our bucket that is not packaged",
        nesting({"Fn::Sub": PACKAGED + OTHER_KEY}),
        ELSEWHERE,
    ),
    (
        "one of a bucket that a parameter names",
        nesting({"Fn::Sub": "https://${Bucket}.s3.${AWS::Region}.${AWS::URLSuffix}/" + KEY}),
        ELSEWHERE,
    ),
    (
        "one whose variables mean something else",
        nesting({"Fn::Sub": [PACKAGED + KEY, {"AWS::Region": "x"}]}),
        ELSEWHERE,
    ),
    (
        "one that is chosen",
        nesting({"Fn::If": ["A", {"Fn::Sub": PACKAGED + KEY}, "https://evil.example"]}),
        ELSEWHERE,
    ),
    ("no template", nesting(None), ELSEWHERE),
]


@pytest.mark.parametrize(
    ("attack", "reason"), [row[1:] for row in ATTACKS], ids=[r[0] for r in ATTACKS]
)
def test_a_template_that_planning_would_carry_out_is_refused_with_its_reason(
    attack: dict[str, Any], reason: str
) -> None:
    found = refusals(attack)
    assert any(reason in one for one in found), found
    assert not any("/prod/" in one or "password" in one for one in found), "a value is told"


@pytest.mark.parametrize("attack", [row[1] for row in ATTACKS], ids=[row[0] for row in ATTACKS])
def test_it_is_refused_in_a_nested_template_as_well(attack: dict[str, Any]) -> None:
    outer = nesting({"Fn::Sub": PACKAGED + NESTED_KEY})
    both = {KEY: outer, NESTED_KEY: attack}
    assert planning_refusals(both, template(), {}, {})


ALLOWED = [
    template(),
    template(Transform="AWS::Serverless-2016-10-31", Globals={}, Metadata={}, Description="x"),
    template(Transform=["AWS::LanguageExtensions", "AWS::Serverless-2016-10-31"]),
    template(Parameters={"P": {"Type": "String"}, "V": {"Type": "List<AWS::EC2::Subnet::Id>"}}),
    prop({"Fn::Sub": "${AWS::StackName}-${Queue.Arn}/functions/{id}/${!Kept}"}),
    prop({"Fn::Join": ["", ['{"Rules": [{"Arn": "', {"Ref": "Queue"}, '"}]}']]}),
    prop({"Fn::Select": [0, {"Fn::Split": ["-", {"Fn::Sub": "${AWS::StackId}"}]}]}),
    prop("resolve this, {please}", kind="Custom::Thing"),
    nesting({"Fn::Sub": PACKAGED + KEY}),
]


@pytest.mark.parametrize("given", ALLOWED)
def test_what_planning_only_compares_is_let_through(given: dict[str, Any]) -> None:
    assert refusals(given) == ()


@pytest.mark.parametrize("value", [SECRET, "{", "{{", "x{{reso", "{{ resolve:ssm:/a }}"])
def test_a_value_of_tiercel_toml_is_no_way_around(value: str) -> None:
    (found,) = refusals(template(), Name=value)
    assert found == "the value of parameter Name is, or could become, a dynamic reference"


SHARED = {"Fn::ImportValue": {"Fn::Sub": "${Net}-vpc"}}


@pytest.mark.parametrize(
    ("argument", "live", "now", "before", "is_let_through"),
    [
        ("network", "network", {}, {}, True),
        ("network", "other", {}, {}, False),
        ({"Fn::Sub": "${AWS::Region}-v"}, {"Fn::Sub": "${AWS::Region}-v"}, {}, {}, True),
        ({"Fn::Sub": "${N}-v"}, {"Fn::Sub": "${N}-v"}, {"N": "a"}, {"N": "a"}, True),
        ({"Fn::Sub": "${N}-v"}, {"Fn::Sub": "${N}-v"}, {"N": "b"}, {"N": "a"}, False),
        ({"Fn::Sub": "${N}-v"}, {"Fn::Sub": "${N}-v"}, {}, {}, False),
        ({"Ref": "N"}, {"Ref": "N"}, {"N": "a"}, {"N": "a"}, True),
        ({"Ref": "N"}, {"Ref": "N"}, {"N": "b"}, {"N": "a"}, False),
        ({"Fn::FindInMap": ["a", "b", "c"]}, {"Fn::FindInMap": ["a", "b", "c"]}, {}, {}, False),
    ],
)
def test_an_import_of_the_live_template_is_let_through_while_it_means_the_same(
    argument: Any, live: Any, now: dict[str, str], before: dict[str, str], is_let_through: bool
) -> None:
    given, old = (prop({"Fn::ImportValue": one}) for one in (argument, live))
    found = planning_refusals({KEY: given}, old, now, before)
    assert found == (() if is_let_through else (IMPORT,))


def test_the_names_that_a_template_chooses_are_cut_and_harmless() -> None:
    found = refusals(template(Transform="\u202e\x1b[2J" + "x" * 500))
    assert all(one.isprintable() and len(one) < 200 for one in found)


def test_a_thousand_reasons_are_no_page_of_them() -> None:
    parameters = {f"P{number}": {"Type": "AWS::SSM::Parameter::Name"} for number in range(1000)}
    assert len(refusals(template(Parameters=parameters))) == 20


REFERENCE = "{{resolve:ssm:/x}}"
cuts = st.lists(st.integers(1, len(REFERENCE) - 1), min_size=0, max_size=5, unique=True)


@given(cuts, st.lists(st.sampled_from(["Join", "Sub", "Mappings"]), min_size=1, max_size=1))
def test_however_a_reference_is_cut_it_is_refused(where: list[int], way: list[str]) -> None:
    ends = sorted({0, *where, len(REFERENCE)})
    pieces = [REFERENCE[one:other] for one, other in pairwise(ends)]
    named = {f"V{number}": piece for number, piece in enumerate(pieces)}
    holding: dict[str, Any] = {
        "Join": prop({"Fn::Join": ["", pieces]}),
        "Sub": prop({"Fn::Sub": ["".join(f"${{{name}}}" for name in named), named]}),
        "Mappings": template(Mappings={"M": {"A": named}}),
    }
    assert DYNAMIC in refusals(holding[way[0]])


DANGERS = [
    row[1]["Resources"]["Queue"]["Properties"]["QueueName"]
    for row in ATTACKS
    if isinstance(row[1].get("Resources"), dict)
    and "Properties" in row[1]["Resources"].get("Queue", {})
]
dangers = st.sampled_from(DANGERS)


@given(dangers, st.lists(st.sampled_from(["list", "mapping", "Fn::If", "Fn::Join"]), max_size=30))
def test_however_deep_it_lies_it_is_refused(danger: Any, around: list[str]) -> None:
    for one in around:
        danger = [0, danger] if one == "list" else {one: [danger, "a"] if "::" in one else danger}
    assert refusals(prop(danger))
