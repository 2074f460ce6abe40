from __future__ import annotations

import json
import os
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml
from cfnlint.decode import decode  # type: ignore[import-untyped]
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.codes import because
from tiercel.domain.base.errors import ExitCode, RefusedInputError
from tiercel.domain.base.limits import MAX_TEMPLATE_BYTES, MAX_TEMPLATE_FILE_BYTES
from tiercel.tasks.source.files import FolderFiles
from tiercel.tasks.source.templates import complete_template, dump_template, parse_template

# What multiplies would take hours; no other test of this module takes seconds.
pytestmark = pytest.mark.timeout(600)

EXAMPLES = Path(__file__).parents[3] / "examples"
HEAD = b"Resources:\n  Thing:\n    Type: AWS::SQS::Queue\n    Properties:\n"


def load(text: str | bytes) -> dict[str, Any]:
    return parse_template(text.encode() if isinstance(text, str) else text, "t.yaml")


def from_folder(folder: Path, name: str) -> dict[str, Any]:
    return complete_template(FolderFiles(folder).read_template, PurePosixPath(name))


def value_of(yaml_text: str) -> Any:
    """What one property of a template is read as."""
    template = load(HEAD.decode() + f"      Value: {yaml_text}\n")
    return template["Resources"]["Thing"]["Properties"]["Value"]


def refusal_of(text: str | bytes) -> RefusedInputError:
    body = text.encode() if isinstance(text, str) else text
    with pytest.raises(RefusedInputError) as refusal:
        complete_template(lambda _: body, PurePosixPath("t.yaml"))
    assert refusal.value.exit_code is ExitCode.REFUSED
    assert refusal.value.where == "t.yaml"
    return refusal.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("!Ref Queue", {"Ref": "Queue"}),
        ('!Ref "AWS::NoValue"', {"Ref": "AWS::NoValue"}),
        ("!Condition IsProd", {"Condition": "IsProd"}),
        ("!GetAtt Queue.Arn", {"Fn::GetAtt": ["Queue", "Arn"]}),
        ("!GetAtt Stack.Outputs.Url", {"Fn::GetAtt": ["Stack", "Outputs.Url"]}),
        ("!GetAtt [Queue, Arn]", {"Fn::GetAtt": ["Queue", "Arn"]}),
        ("!GetAtt [Queue, !Ref Name]", {"Fn::GetAtt": ["Queue", {"Ref": "Name"}]}),
        ("!Sub '${AWS::StackName}-q'", {"Fn::Sub": "${AWS::StackName}-q"}),
        ("!Sub ['${A}', {A: !Ref B}]", {"Fn::Sub": ["${A}", {"A": {"Ref": "B"}}]}),
        ("!Join [',', [a, !Ref B]]", {"Fn::Join": [",", ["a", {"Ref": "B"}]]}),
        ("!Split [',', !Ref A]", {"Fn::Split": [",", {"Ref": "A"}]}),
        ("!Select [0, !GetAZs '']", {"Fn::Select": [0, {"Fn::GetAZs": ""}]}),
        ("!FindInMap [A, !Ref B, c]", {"Fn::FindInMap": ["A", {"Ref": "B"}, "c"]}),
        ("!ImportValue a-b", {"Fn::ImportValue": "a-b"}),
        ("!Base64 text", {"Fn::Base64": "text"}),
        ("!Base64 5", {"Fn::Base64": "5"}),
        ("!Cidr [!Ref A, 6, 5]", {"Fn::Cidr": [{"Ref": "A"}, 6, 5]}),
        ("!If [C, !Ref A, b]", {"Fn::If": ["C", {"Ref": "A"}, "b"]}),
        (
            "!And [!Condition A, !Not [!Equals [!Ref B, c]]]",
            {"Fn::And": [{"Condition": "A"}, {"Fn::Not": [{"Fn::Equals": [{"Ref": "B"}, "c"]}]}]},
        ),
        ("!Or [!Condition A, !Condition B]", {"Fn::Or": [{"Condition": "A"}, {"Condition": "B"}]}),
        (
            "!Transform {Name: AWS::Include, Parameters: {Location: !Ref A}}",
            {
                "Fn::Transform": {
                    "Name": "AWS::Include",
                    "Parameters": {"Location": {"Ref": "A"}},
                }
            },
        ),
        ("!ToJsonString {A: !Ref B}", {"Fn::ToJsonString": {"A": {"Ref": "B"}}}),
        ("!Length [1, 2]", {"Fn::Length": [1, 2]}),
        ("{'Fn::Sub': a}", {"Fn::Sub": "a"}),
    ],
)
def test_every_short_function_is_written_out(text: str, value: Any) -> None:
    assert value_of(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2012-10-17", "2012-10-17"),
        ("2010-09-09T00:00:00Z", "2010-09-09T00:00:00Z"),
        ("0123456789012", "0123456789012"),
        ("000000000000", "000000000000"),
        ("0899", "0899"),
        ("00", "00"),
        ("-01", "-01"),
        ("'5'", "5"),
        ("=", "="),
        ("a=b", "a=b"),
        ("1.2.3", "1.2.3"),
        ("123456789012", 123456789012),
        ("0", 0),
        ("-5", -5),
        ("0x1F", "0x1F"),
        ("0b11", "0b11"),
        ("1_000", "1_000"),
        ("+15551234567", "+15551234567"),
        ("12:30", "12:30"),
        ("13.10", "13.10"),
        ("1.", "1."),
        ("1_0.5", "1_0.5"),
        ("190:20:30.15", "190:20:30.15"),
        ("1.5", 1.5),
        ("true", True),
        ("no", False),
        ("'no'", "no"),
        ("'null'", "null"),
        ("|\n        a\n        b", "a\nb\n"),
        ("😀 é", "😀 é"),
    ],
)
def test_a_value_is_what_cloudformation_reads(text: str, value: Any) -> None:
    found = value_of(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("key", ["1", "0123", "1.10", "yes", "On", "true", "2012-10-17", "12:30"])
def test_a_key_is_the_text_that_is_written(key: str) -> None:
    assert value_of(f"{{{key}: a}}") == {key: "a"}


@pytest.mark.parametrize(
    "text",
    [
        "{A: 1, A: 2}",
        "{A: 1, 'A': 2}",
        "{1: a, '1': b}",
        "!Sub {A: 1, A: 2}",
        "[{B: {A: 1, A: 2}}]",
    ],
)
def test_a_key_that_hides_another_is_refused_with_its_line(text: str) -> None:
    error = refusal_of(HEAD + f"      Value: {text}\n".encode())
    assert "is there twice" in error.why
    assert "line 5" in error.why


def test_a_resource_that_hides_another_is_refused_in_json_too() -> None:
    thing = '"Thing": {"Type": "AWS::SQS::Queue"}'
    assert "'Thing' is there twice" in refusal_of(f'{{"Resources": {{{thing}, {thing}}}}}').why


def test_aliases_and_merge_keys_are_written_out_and_own_keys_win() -> None:
    template = load(
        """
        Resources:
          One: {Type: AWS::SQS::Queue, Properties: &common {A: 1, B: 2}}
          Two: {Type: AWS::SQS::Queue, Properties: {<<: *common, B: 3}}
          Three: {Type: AWS::SQS::Queue, Properties: {<<: [{B: 4, C: 5}, *common]}}
          Four: {Type: AWS::SQS::Queue, Properties: *common}
        """
    )
    found = {name: thing["Properties"] for name, thing in template["Resources"].items()}
    assert found == {
        "One": {"A": 1, "B": 2},
        "Two": {"A": 1, "B": 3},
        "Three": {"A": 1, "B": 4, "C": 5},
        "Four": {"A": 1, "B": 2},
    }


JSON_TEMPLATE = {
    "AWSTemplateFormatVersion": "2010-09-09",
    "Resources": {"Thing": {"Type": "AWS::SQS::Queue", "Properties": {"Text": "😀 é / \x7f"}}},
}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(JSON_TEMPLATE),
        json.dumps(JSON_TEMPLATE, ensure_ascii=False),
        json.dumps(JSON_TEMPLATE, indent=2),
        json.dumps(JSON_TEMPLATE, indent="\t"),
        json.dumps(JSON_TEMPLATE).replace("/", r"\/"),
        json.dumps(JSON_TEMPLATE).replace(": ", ":\t").replace(", ", ",\r\n"),
        "\ufeff" + json.dumps(JSON_TEMPLATE),
        "\n\n  " + json.dumps(JSON_TEMPLATE),
    ],
)
def test_json_is_read_however_it_is_written(text: str) -> None:
    assert load(text) == JSON_TEMPLATE


def test_json_with_a_comment_is_read_as_the_yaml_that_it_is() -> None:
    assert load('# a comment\n{"Resources": {"A": {"Type": "T", "V": !Ref B}}}')["Resources"] == {
        "A": {"Type": "T", "V": {"Ref": "B"}}
    }


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_byte_order_mark_does_not_matter(codec: str) -> None:
    assert load("Resources: {A: {Type: é}}".encode(codec)) == {"Resources": {"A": {"Type": "é"}}}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   \n",
        b"# only a comment",
        b"[1, 2]",
        b"- a\n- b",
        b"5",
        b"text",
        b"null",
        b'"Resources"',
        b"\x00" * 100,
        b"\xff\xfe\xfd",
        b"\x89PNG\r\n\x1a\n\x00\x00",
        b"PK\x03\x04 zip",
        b"Resources: [",
        b"Resources: {A: }}",
        b"Resources: @",
        b"a: 1\n---\nb: 2",
        b"\tResources: {}",
        b"Resources: \xe9",
        b"Resources: *nothing",
        b"{}",
        b"Resources: {}",
        b"Resources:",
        b"Resources: text",
        b"Outputs: {A: {Value: 1}}",
        b'{"Resources": {"A": NaN}, "A": Infinity, }x',
        b"<html></html>",
    ],
)
def test_what_is_no_template_is_refused_with_a_reason(body: bytes) -> None:
    error = refusal_of(body)
    assert error.what
    assert "\n" not in error.why
    assert len(error.why) <= 500


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system ['touch {}']",
        "!!python/object/new:os.system ['touch {}']",
        "!!python/name:os.system",
        "!!python/module:os",
        "!<tag:yaml.org,2002:python/object/apply:os.system> ['touch {}']",
        "!!foo bar",
        "!!binary aGVsbG8=",
        "!!binary 'not base 64'",
        "!!set {a, b}",
        "!!omap [a: 1]",
        "!!pairs [a: 1, a: 2]",
        "!!bool maybe",
        "!!int ''",
        "!!int abc",
        "!!float ''",
        "!!float abc",
        "!!str [1]",
        "!!map [1]",
        "!!seq {a: 1}",
        "!!timestamp [1]",
        "!Ref &a [*a]",
        ".inf",
        "-.INF",
        ".nan",
        "1.0e+999",
        r'"\ud800"',
        r'"\x"',
        "{~: a}",
        "{[a]: b}",
        "{{a: b}: c}",
        "{!Ref a: b}",
        "{!!binary aGVsbG8=: a}",
        "9" * 5000,
    ],
)
def test_what_json_cannot_hold_is_refused_and_nothing_is_run(text: str, tmp_path: Path) -> None:
    trap = tmp_path / "was-run"
    refusal_of(HEAD + f"      Value: {text.replace('{}', str(trap))}\n".encode())
    assert not trap.exists()


@pytest.mark.parametrize(
    "text", ['{"Resources": {"A": {"V": "\\ud800"}}}', '{"Resources": {"\\udfff": {"V": 1}}}']
)
def test_half_a_character_is_refused_in_json_too(text: str) -> None:
    assert refusal_of(text).code == "template.value_not_json"


def doubling(line: str, levels: int) -> str:
    """Each level holds nine of the level before."""
    lines = ["l0: &l0 {k: 1}"]
    for level in range(1, levels):
        aliases = ",".join([f"*l{level - 1}"] * 9)
        lines.append(f"l{level}: &l{level} " + line.format(aliases))
    return "\n".join([*lines, "Resources: {A: {Type: T}}"])


def test_aliases_that_multiply_are_refused_at_once() -> None:
    assert "100,000 values" in refusal_of(doubling("[{}]", 10)).what


def test_merge_keys_that_multiply_are_refused_at_once() -> None:
    assert "100,000 keys" in refusal_of(doubling("{{<<: [{}]}}", 10)).why


@pytest.mark.slow
def test_many_aliases_of_one_large_value_are_refused_at_once() -> None:
    large = ",".join(f"k{number}: 1" for number in range(30_000))
    refusal_of(f"a: &a {{{large}}}\nb: [{'*a,' * 100_000}]\n" + HEAD.decode())
    refusal_of(f"a: &a {{{large}}}\nb: {{<<: [{'*a,' * 100_000}]}}\n" + HEAD.decode())


@pytest.mark.parametrize("text", ["Resources: &a {A: *a}", "Resources: &a {A: [*a, *a]}"])
def test_a_value_that_contains_itself_is_refused(text: str) -> None:
    assert "100,000 values" in refusal_of(text).what


@pytest.mark.parametrize(
    "piece", ["[", "{a: ", '{"a":', "- ", "? ", "!Ref [", "[\n", "{? ", "&a [", "- - - "]
)
def test_deep_nesting_is_refused_at_once_and_does_not_end_the_process(piece: str) -> None:
    text = piece * ((MAX_TEMPLATE_BYTES - 1) // len(piece))
    for hostile in (text, HEAD.decode() + "      V: " + text[: MAX_TEMPLATE_BYTES - 100]):
        refusal_of(hostile)


def test_nesting_that_somebody_could_mean_is_read() -> None:
    assert value_of("[" * 40 + "]" * 40)
    assert load('{"Resources": {"A":' + "[" * 40 + "]" * 40 + "}}")


@pytest.mark.parametrize("codec", ["json", "yaml"])
def test_the_largest_template_is_read_in_seconds(codec: str) -> None:
    resources = {
        f"Queue{number}": {"Type": "AWS::SQS::Queue", "Properties": {"Text": "x" * 1500}}
        for number in range(500)
    }
    template = {"Resources": resources}
    text = json.dumps(template) if codec == "json" else yaml.safe_dump(template, width=10_000)
    assert 700_000 < len(text) < MAX_TEMPLATE_BYTES
    assert load(text) == template


def test_a_file_of_more_bytes_than_are_read_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    with path.open("wb") as file:
        file.truncate(10**12)  # no memory has room for it
    with pytest.raises(RefusedInputError, match="1,000,000,000,000"):
        from_folder(tmp_path, "t.yaml")


def test_a_file_may_have_comments_that_are_never_sent() -> None:
    full = HEAD + b"#" * (MAX_TEMPLATE_FILE_BYTES - len(HEAD))
    assert load(full) == load(HEAD)
    assert "4,000,001" in refusal_of(full + b"#").what


def test_what_is_sent_may_have_a_million_bytes_and_not_one_more() -> None:
    template = {"Description": "x" * (MAX_TEMPLATE_BYTES - len('{"Description":""}'))}
    assert len(dump_template(template, "t.yaml")) == MAX_TEMPLATE_BYTES
    template["Description"] += "x"
    with pytest.raises(RefusedInputError, match="1,000,001"):
        dump_template(template, "t.yaml")


@pytest.mark.parametrize("name", ["missing.yaml", "folder", "n" * 300, "dangling", "circle"])
def test_a_template_that_is_not_there_is_refused_with_a_remedy(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(RefusedInputError, check=because("template.missing")) as refusal:
        from_folder(tmp_path, name)
    assert "tiercel.toml" in refusal.value.remedy


def test_a_file_is_read_as_its_text(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_bytes(HEAD)
    assert from_folder(tmp_path, "t.yaml") == load(HEAD)


def test_what_is_written_is_short_json_in_the_order_of_the_source() -> None:
    template = load("Resources:\n  Zebra: {Type: é}\n  Ape: {Type: T, A: 2012-10-17}\n")
    assert dump_template(template, "t") == (
        '{"Resources":{"Zebra":{"Type":"é"},"Ape":{"Type":"T","A":"2012-10-17"}}}'.encode()
    )


def test_a_template_that_grew_too_long_is_refused() -> None:
    with pytest.raises(RefusedInputError, match="bytes of the template"):
        dump_template({"Resources": {"A": "x" * MAX_TEMPLATE_BYTES}}, "t")


CHARACTERS = "{}[]:,-?!&*#|>'\"%@`~=<. \n\t\\\ufeff"
WORDS = (
    "Resources: A: !Ref !!int !!bool !!float !!binary !!set !!timestamp !!str &a *a <<: - ? 0x 1_ "
    '1:2 .nan true null 2012-10-17 --- ... "\\ud800"'
)
yaml_like = st.lists(
    st.sampled_from([*CHARACTERS, *(f"{word} " for word in WORDS.split()), "\n  ", "\n%YAML 1.1\n"])
    | st.text(max_size=4),
    max_size=30,
).map("".join)


@pytest.mark.slow
@settings(max_examples=400)
@given(st.binary(max_size=60) | yaml_like.map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(b"A: !!int ''")
@example(b"= : =")
@example(b"!!set {[1]}")
def test_any_bytes_are_a_template_or_are_refused(body: bytes) -> None:
    for text in (body, b"Resources: {A: {Type: T}}\nB: " + body, HEAD + b"      V: " + body):
        try:
            template = load(text)
        except RefusedInputError:
            continue
        assert load(dump_template(template, "t")) == template


any_text = st.text(st.characters(exclude_categories=[]))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=15,
)


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_what_python_writes_for_no_number_is_refused_and_no_text(word: str) -> None:
    with pytest.raises(RefusedInputError) as refused:
        load(f'{{"Resources": {{"Thing": {{"Type": "T", "V": {word}}}}}}}')
    assert refused.value.code == "template.value_not_json"


@settings(max_examples=200)
@given(json_values)
def test_any_nested_value_is_read_back_from_json_or_is_refused(value: Any) -> None:
    template = {"Resources": {"Thing": {"Type": "T", "V": value}}}
    try:
        found = load(json.dumps(template))
    except RefusedInputError:
        return
    assert found == template
    assert load(dump_template(found, "t")) == template


@settings(max_examples=200)
@given(json_values)
def test_yaml_that_a_library_wrote_is_read_as_it_was_meant(value: Any) -> None:
    template = {"Resources": {"Thing": {"Type": "T", "V": value}}}
    try:
        found = load(yaml.safe_dump(template))
    except RefusedInputError:
        return
    assert found == template


CORPUS = {
    "sam.yaml": """
AWSTemplateFormatVersion: 2010-09-09
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {Runtime: python3.12, Timeout: 5, Environment: {Variables: {LEVEL: !Ref Level}}}
Parameters:
  Level: {Type: String, Default: info, AllowedValues: [debug, info]}
  Size: {Type: Number, Default: 3}
Conditions:
  IsLoud: !Equals [!Ref Level, debug]
  IsQuiet: !Not [!Condition IsLoud]
Resources:
  Function:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: src/
      Handler: app.handler
      MemorySize: !If [IsLoud, 512, 128]
      Policies:
        - Version: 2012-10-17
          Statement:
            - Effect: Allow
              Action: [dynamodb:GetItem, 'dynamodb:PutItem']
              Resource: !GetAtt Table.Arn
      Events:
        Api: {Type: HttpApi, Properties: {Path: '/items/{id}', Method: GET}}
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: !Join ['-', [!Ref AWS::StackName, items, !Select [0, !Split [',', 'a,b']]]]
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
Outputs:
  Url: {Value: !Sub 'https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}'}
  Again: {Value: !Sub ['${A}-${B}', {A: !Ref Level, B: !ImportValue other-stack}]}
""",
    "plain.yaml": """
Description: >
  A folded
  text
Mappings:
  Sizes: {eu-central-1: {Small: 1, Large: 2.5}}
Resources:
  Topic:
    Type: AWS::SNS::Topic
    Metadata: &note {Owner: tea, Reviewed: yes, Empty: '', Text: "tab\\tend"}
    Properties:
      DisplayName: |-
        two
        lines
      Tags:
        - Key: size
          Value: !FindInMap [Sizes, !Ref AWS::Region, Small]
  Queue:
    Type: AWS::SQS::Queue
    Metadata: {<<: *note, Owner: coffee}
    DependsOn: [Topic]
    Properties:
      RedrivePolicy: {deadLetterTargetArn: !GetAtt [Dead, Arn], maxReceiveCount: 3}
      DelaySeconds: -1
  Dead: {Type: AWS::SQS::Queue}
  Subscription:
    Type: AWS::SNS::Subscription
    Properties:
      TopicArn: !Ref Topic
      Endpoint: !GetAtt Queue.Arn
      Protocol: sqs
      FilterPolicy: {Fn::Transform: {Name: Macro, Parameters: {A: [1, 2.5, true, off]}}}
  Instance:
    Type: AWS::EC2::Instance
    Properties:
      UserData: !Base64
        Fn::Sub: |
          #!/bin/sh
          echo ${AWS::Region}
""",
    "loop.yaml": """
Transform: [AWS::LanguageExtensions]
Resources:
  Fn::ForEach::Queues:
    - Name
    - [Tea, Coffee]
    - Queue${Name}: {Type: AWS::SQS::Queue, Properties: {QueueName: !Sub '${Name}-q'}}
  Rule:
    Type: AWS::Events::Rule
    Properties: {EventPattern: !ToJsonString {source: [aws.s3]}, State: ENABLED}
""",
    "plain.json": json.dumps(
        {
            "Resources": {
                "Role": {
                    "Type": "AWS::IAM::Role",
                    "Properties": {
                        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []},
                        "MaxSessionDuration": 3600,
                        "Tags": [{"Key": "a", "Value": {"Fn::GetAtt": ["B", "Arn"]}}],
                        "Path": "/tea/",
                        "Text": 'tab\t quote" back\\ é \u2028',
                        "Numbers": [0, -1, 1.5, True, False],
                    },
                }
            },
            "Outputs": {"Arn": {"Value": {"Fn::Sub": "${Role.Arn}"}}},
        },
        indent="\t",
    ),
}


@pytest.mark.parametrize("name", CORPUS)
def test_cfn_lint_reads_the_same_in_a_template(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(CORPUS[name])
    judged, faults = decode(str(path))
    assert not faults
    assert load(path.read_bytes()) == json.loads(json.dumps(judged, default=str))


@pytest.mark.parametrize(
    "path", sorted(EXAMPLES.glob("*/services/*/template.*")), ids=lambda path: path.parent.name
)
def test_cfn_lint_reads_the_same_in_the_examples(path: Path) -> None:
    judged, faults = decode(os.fspath(path))
    assert not faults
    assert load(path.read_bytes()) == json.loads(json.dumps(judged, default=str))
