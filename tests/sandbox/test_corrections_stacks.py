from __future__ import annotations

import hashlib
import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.support import (
    PREPROD,
    Caller,
    caller,
    code,
    deploy,
    deployer,
    destroyer,
    eventually,
    outputs,
    reasons,
    rest,
    staged,
    zipped,
)
from tiercel.domain.organization.names import Role
from tiercel.domain.stack.causes import SANDBOX_CANNOT
from tiercel.sandbox.lifecycle import Sandbox

QUEUE = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}
ANSWER = 'def handler(event, context):\n    return "here"\n'


@pytest.fixture(scope="module")
def who(box: Sandbox) -> Caller:
    return deployer(box, PREPROD)


@pytest.fixture(scope="module")
def root(box: Sandbox) -> Caller:
    return caller(box, "preprod-runtime-root")


def stack_name() -> str:
    return PREPROD.prefix + "test-" + uuid.uuid4().hex[:8]


def serverless(resources: dict[str, Any], **results: Any) -> dict[str, Any]:
    return {
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": resources,
        "Outputs": {name: {"Value": value} for name, value in results.items()},
    }


def function(where: dict[str, str], **properties: Any) -> dict[str, Any]:
    fixed = {
        "Handler": "app.handler",
        "Runtime": "python3.11",
        "CodeUri": where,
        "PermissionsBoundary": PREPROD.boundary_arn,
    }
    return {"Type": "AWS::Serverless::Function", "Properties": fixed | properties}


def invoke(who: Caller, name: str, payload: Any = None) -> Any:
    answer = who.client("lambda").invoke(FunctionName=name, Payload=json.dumps(payload))
    result = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, result
    return result


@pytest.mark.parametrize(
    "url",
    [
        "https://{Bucket}.s3.eu-central-1.amazonaws.com/{Key}",
        "https://{Bucket}.s3.amazonaws.com/{Key}",
        "https://s3.eu-central-1.amazonaws.com/{Bucket}/{Key}",
    ],
)
def test_a_change_set_reads_its_template_by_every_form_of_url(who: Caller, url: str) -> None:
    where = staged(who, json.dumps(QUEUE).encode())
    stack = deploy(who, stack_name(), None, TemplateURL=url.format(**where))
    assert stack["StackStatus"] == "CREATE_COMPLETE"


def test_a_change_set_of_outputs_alone_lists_no_change_and_is_executed(who: Caller) -> None:
    name = stack_name()
    deploy(who, name, QUEUE)
    changed = QUEUE | {"Outputs": {"New": {"Value": "x"}}}

    stack = deploy(who, name, changed, "UPDATE")

    assert stack["StackStatus"] == "UPDATE_COMPLETE"
    assert outputs(stack) == {"New": "x"}
    with pytest.raises(ClientError, match="UNAVAILABLE"):
        deploy(who, name, changed, "UPDATE")


def test_a_type_that_only_the_emulator_lacks_is_no_error_of_the_template(who: Caller) -> None:
    package = {"ClientId": "x", "ClientSecret": "x", "RefreshToken": "x"}
    told = {"AuthenticationConfiguration": package, "SkillPackage": {}, "VendorId": "x"}
    skill = {"Type": "Alexa::ASK::Skill", "Properties": told}
    stack = deploy(who, stack_name(), {"Resources": {"Skill": skill}})
    assert f"{SANDBOX_CANNOT}: AWS publishes no permissions" in reasons(who, stack["StackId"])
    wrong = {"Resources": {"Skill": skill, "Thing": {"Type": "AWS::No::Such"}}}
    with pytest.raises(ClientError, match=r"Unrecognized resource types: \[AWS::No::Such\]"):
        deploy(who, stack_name(), wrong)


def test_of_a_type_that_the_emulator_lacks_a_record_is_kept_and_its_event_says_so(
    who: Caller,
) -> None:
    document: Any = {"Type": "AWS::SSM::Document", "Properties": {"Content": {}, "Name": "steps"}}
    client = {"Type": "AWS::ApiGateway::ClientCertificate", "Properties": {}}
    template = {
        "Resources": {"Document": document, "Client": client},
        "Outputs": {
            "Name": {"Value": {"Ref": "Document"}},
            "Id": {"Value": {"Fn::GetAtt": ["Client", "ClientCertificateId"]}},
        },
    }
    name = stack_name()
    stack = deploy(who, name, template)
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    made = outputs(stack)
    assert made["Name"] == "steps"
    assert made["Id"].startswith(f"{name}-Client-")
    events = who.client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
    told = {one["LogicalResourceId"]: one.get("ResourceStatusReason", "") for one in events
            if one["ResourceStatus"] == "CREATE_COMPLETE"}  # fmt: skip
    assert all("keeps a record" in told[one] for one in ("Document", "Client"))

    document["Properties"] |= {"Content": {"a": 1}}
    assert outputs(deploy(who, name, template, "UPDATE")) == made


def test_what_trips_the_emulator_is_its_own_gap(who: Caller) -> None:
    table = {
        "Type": "AWS::DynamoDB::Table",
        "Properties": {"KeySchema": [1], "AttributeDefinitions": [1]},
    }
    stack = deploy(who, stack_name(), {"Resources": {"Table": table}})
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert f"{SANDBOX_CANNOT}: it fails with this resource" in reasons(who, stack["StackId"])


def test_a_nested_stack_that_cannot_be_deleted_in_part_stays_as_on_aws(
    box: Sandbox, who: Caller, root: Caller
) -> None:
    bucket = {"Resources": {"Files": {"Type": "AWS::S3::Bucket"}}}
    where = staged(
        who, json.dumps(bucket | {"Outputs": {"B": {"Value": {"Ref": "Files"}}}}).encode()
    )
    url = "https://{Bucket}.s3.eu-central-1.amazonaws.com/{Key}".format(**where)
    nested = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": url}}
    name = {"B": {"Value": {"Fn::GetAtt": ["Inner", "Outputs.B"]}}}
    stack = deploy(who, stack_name(), {"Resources": {"Inner": nested}, "Outputs": name})
    root.client("s3").put_object(Bucket=outputs(stack)["B"], Key="x", Body=b"x")
    destroyer(box, PREPROD).client("cloudformation").delete_stack(StackName=stack["StackName"])
    assert rest(who, stack["StackId"])["StackStatus"] == "DELETE_FAILED"
    assert "failed to delete: [Files]" in reasons(who, stack["StackId"])


def test_a_template_url_without_an_object_is_refused(who: Caller) -> None:
    url = f"https://{PREPROD.staging_bucket}.s3.eu-central-1.amazonaws.com/test/absent"
    with pytest.raises(ClientError, match="not found"):
        deploy(who, stack_name(), None, TemplateURL=url)


def test_a_nested_stack_reads_its_template_from_a_virtual_host(who: Caller) -> None:
    inner = QUEUE | {"Outputs": {"Name": {"Value": {"Fn::GetAtt": ["Queue", "QueueName"]}}}}
    where = staged(who, json.dumps(inner).encode())
    url = "https://{Bucket}.s3.eu-central-1.amazonaws.com/{Key}".format(**where)
    nested = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": url}}
    template = {
        "Resources": {"Inner": nested},
        "Outputs": {"Name": {"Value": {"Fn::GetAtt": ["Inner", "Outputs.Name"]}}},
    }
    stack = deploy(who, stack_name(), template)
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert outputs(stack)["Name"].startswith(stack["StackName"])


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ({"Bucket": PREPROD.staging_bucket, "Key": "test/absent"}, "NoSuchKey"),
        ({"Bucket": "acme-preprod-absent", "Key": "x"}, "NoSuchBucket"),
    ],
)
def test_a_function_without_code_rolls_its_stack_back(
    who: Caller, where: dict[str, str], reason: str
) -> None:
    stack = deploy(who, stack_name(), serverless({"Broken": function(where)}))
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert reason in reasons(who, stack["StackId"])


def test_a_function_whose_code_is_no_zip_rolls_its_stack_back(who: Caller) -> None:
    stack = deploy(who, stack_name(), serverless({"Broken": function(staged(who, b"text"))}))
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "Could not unzip" in reasons(who, stack["StackId"])


def test_a_layer_without_content_rolls_its_stack_back(who: Caller) -> None:
    absent = {"Bucket": PREPROD.staging_bucket, "Key": "test/absent"}
    layer = {"Type": "AWS::Lambda::LayerVersion", "Properties": {"Content": code(absent)}}
    stack = deploy(who, stack_name(), {"Resources": {"Layer": layer}})
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"


def test_an_update_to_absent_code_rolls_back_to_the_code_before(who: Caller) -> None:
    name = stack_name()
    good = staged(who, zipped(app=ANSWER))
    template = serverless({"Good": function(good)}, Name={"Ref": "Good"})
    deployed = outputs(deploy(who, name, template))["Name"]
    absent = {"Bucket": PREPROD.staging_bucket, "Key": "test/absent"}
    broken = serverless({"Good": function(absent)}, Name={"Ref": "Good"})
    assert deploy(who, name, broken, "UPDATE")["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert invoke(who, deployed) == "here"


def test_a_stack_with_a_bucket_that_is_not_empty_ends_delete_failed(
    box: Sandbox, who: Caller, root: Caller
) -> None:
    bucket = {
        "Type": "AWS::S3::Bucket",
        "Properties": {"VersioningConfiguration": {"Status": "Enabled"}},
    }
    template = {"Resources": {"Files": bucket}, "Outputs": {"Name": {"Value": {"Ref": "Files"}}}}
    stack = deploy(who, stack_name(), template)
    name, s3 = outputs(stack)["Name"], root.client("s3")
    version = s3.put_object(Bucket=name, Key="x", Body=b"x")["VersionId"]
    destroyer(box, PREPROD).client("cloudformation").delete_stack(StackName=stack["StackName"])
    failed = rest(who, stack["StackId"])
    assert failed["StackStatus"] == "DELETE_FAILED"
    assert "Files" in failed["StackStatusReason"]
    assert "not empty" in reasons(who, stack["StackId"])
    s3.delete_object(Bucket=name, Key="x", VersionId=version)
    destroyer(box, PREPROD).client("cloudformation").delete_stack(StackName=stack["StackName"])
    assert rest(who, stack["StackId"])["StackStatus"] == "DELETE_COMPLETE"
    assert name not in [found["Name"] for found in s3.list_buckets()["Buckets"]]


def test_a_function_imports_from_its_layer(who: Caller) -> None:
    content = staged(who, zipped(python__shared='WORD = "from the layer"\n'))
    named = {"ContentUri": content, "LayerName": {"Fn::Sub": "${AWS::StackName}-layer"}}
    layer = {"Type": "AWS::Serverless::LayerVersion", "Properties": named}
    body = "import shared\ndef handler(event, context):\n    return shared.WORD\n"
    user = function(staged(who, zipped(app=body)), Layers=[{"Ref": "Layer"}])
    template = serverless({"Layer": layer, "User": user}, Name={"Ref": "User"})
    stack = deploy(who, stack_name(), template)
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert invoke(who, outputs(stack)["Name"]) == "from the layer"


COUNTER = """
import os, boto3
def handler(event, context):
    table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
    for record in event["Records"]:
        table.put_item(Item={"id": record["body"]})
"""


def test_messages_of_a_queue_reach_a_function_that_writes_to_a_table(
    who: Caller, root: Caller
) -> None:
    worker = function(
        staged(who, zipped(app=COUNTER)),
        Environment={"Variables": {"TABLE": {"Ref": "Table"}}},
        Policies=[{"DynamoDBCrudPolicy": {"TableName": {"Ref": "Table"}}}],
        Events={"Q": {"Type": "SQS", "Properties": {"Queue": {"Fn::GetAtt": ["Queue", "Arn"]}}}},
    )
    template = serverless(
        {
            "Table": {"Type": "AWS::Serverless::SimpleTable"},
            "Queue": {"Type": "AWS::SQS::Queue"},
            "Worker": worker,
        },
        Table={"Ref": "Table"},
        Queue={"Ref": "Queue"},
    )
    stack = deploy(who, stack_name(), template)
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    found = outputs(stack)
    root.client("sqs").send_message(QueueUrl=found["Queue"], MessageBody="tea")
    dynamodb = root.client("dynamodb")
    items = eventually(lambda: dynamodb.scan(TableName=found["Table"])["Items"])
    assert items == [{"id": {"S": "tea"}}]


def test_a_function_may_do_only_what_its_role_allows(who: Caller) -> None:
    template = serverless(
        {
            "Table": {"Type": "AWS::Serverless::SimpleTable"},
            "Worker": function(
                staged(who, zipped(app=COUNTER)),
                Environment={"Variables": {"TABLE": {"Ref": "Table"}}},
            ),
        },
        Name={"Ref": "Worker"},
    )
    found = outputs(deploy(who, stack_name(), template))
    answer = who.client("lambda").invoke(
        FunctionName=found["Name"], Payload=json.dumps({"Records": [{"body": "tea"}]})
    )
    assert "AccessDenied" in answer["Payload"].read().decode()


def test_a_state_machine_reads_its_definition_from_s3_and_runs(who: Caller, root: Caller) -> None:
    definition = {
        "StartAt": "Ask",
        "States": {"Ask": {"Type": "Task", "Resource": "${FunctionArn}", "End": True}},
    }
    machine = {
        "Type": "AWS::Serverless::StateMachine",
        "Properties": {
            "DefinitionUri": staged(who, json.dumps(definition).encode()),
            "DefinitionSubstitutions": {"FunctionArn": {"Fn::GetAtt": ["Answer", "Arn"]}},
            "Policies": [{"LambdaInvokePolicy": {"FunctionName": {"Ref": "Answer"}}}],
            "PermissionsBoundary": PREPROD.boundary_arn,
        },
    }
    answer = function(staged(who, zipped(app=ANSWER)))
    template = serverless({"Machine": machine, "Answer": answer}, Arn={"Ref": "Machine"})
    stack = deploy(who, stack_name(), template)
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    states = root.client("stepfunctions")
    run = states.start_execution(stateMachineArn=outputs(stack)["Arn"])["executionArn"]

    def ended() -> Any:
        execution = states.describe_execution(executionArn=run)
        return execution if execution["status"] != "RUNNING" else None

    execution = eventually(ended)
    assert (execution["status"], execution.get("output")) == ("SUCCEEDED", '"here"')


def change_set(who: Caller, stack: str, name: str, template: Any = QUEUE) -> dict[str, str]:
    """Ask for a CREATE change set without executing it."""
    answer: dict[str, str] = who.client("cloudformation").create_change_set(
        StackName=stack,
        ChangeSetName=name,
        ChangeSetType="CREATE",
        RoleARN=PREPROD.role_arn(Role.CLOUDFORMATION),
        TemplateBody=json.dumps(template),
    )
    return answer


def test_change_sets_of_a_stack_in_review_belong_to_one_stack(who: Caller) -> None:
    name, cloudformation = stack_name(), who.client("cloudformation")
    first, second = change_set(who, name, "one"), change_set(who, name, "two")
    assert first["StackId"] == second["StackId"]
    assert first["Id"] != second["Id"]
    with pytest.raises(ClientError, match="ValidationError"):
        change_set(who, name, "three", {"Resources": {"X": {"Type": "AWS::No::Such"}}})
    found = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    assert (found["StackId"], found["StackStatus"]) == (first["StackId"], "REVIEW_IN_PROGRESS")
    cloudformation.execute_change_set(ChangeSetName="one", StackName=name)
    assert rest(who, first["StackId"])["StackStatus"] == "CREATE_COMPLETE"


def test_a_change_set_is_found_by_its_arn_alone(who: Caller) -> None:
    made = change_set(who, stack_name(), "one")
    found = who.client("cloudformation").describe_change_set(ChangeSetName=made["Id"])
    assert found["StackId"] == made["StackId"]


def test_the_name_of_an_executed_change_set_may_be_used_again(who: Caller) -> None:
    name, cloudformation = stack_name(), who.client("cloudformation")
    change_set(who, name, "one")
    cloudformation.execute_change_set(ChangeSetName="one", StackName=name)
    rest(who, name)
    two_queues = {"Resources": QUEUE["Resources"] | {"Other": {"Type": "AWS::SQS::Queue"}}}
    cloudformation.create_change_set(
        StackName=name,
        ChangeSetName="one",
        RoleARN=PREPROD.role_arn(Role.CLOUDFORMATION),
        TemplateBody=json.dumps(two_queues),
    )


def test_the_credentials_of_a_function_cannot_be_derived(who: Caller) -> None:
    body = (
        "import os\n"
        "def handler(event, context):\n"
        "    return os.environ['AWS_ACCESS_KEY_ID'], context.invoked_function_arn\n"
    )
    template = serverless(
        {"F": function(staged(who, zipped(app=body)))},
        Name={"Ref": "F"},
        Role={"Fn::GetAtt": ["FRole", "Arn"]},
    )
    found = outputs(deploy(who, stack_name(), template))
    key, arn = invoke(who, found["Name"])
    derived = hashlib.sha256(f"{arn}:{found['Role']}".encode()).hexdigest()[:16]
    assert key.startswith("ASIA")
    assert key != f"ASIA{derived.upper()}"


RESPONDER = """
import json, urllib.request
def handler(event, context):
    answer = {
        "Status": "SUCCESS", "PhysicalResourceId": "made", "StackId": event["StackId"],
        "RequestId": event["RequestId"], "LogicalResourceId": event["LogicalResourceId"],
        "Data": {"Word": event["ResourceProperties"].get("Word", "") + "!"},
    }
    body = json.dumps(answer).encode()
    request = urllib.request.Request(event["ResponseURL"], body, method="PUT")
    urllib.request.urlopen(request, timeout=10)
"""


def test_a_custom_resource_answers_to_its_stack(who: Caller) -> None:
    custom = {
        "Type": "Custom::Word",
        "Properties": {"ServiceToken": {"Fn::GetAtt": ["Maker", "Arn"]}, "Word": "tea"},
    }
    template = serverless(
        {"Maker": function(staged(who, zipped(app=RESPONDER)), Timeout=20), "Made": custom},
        Word={"Fn::GetAtt": ["Made", "Word"]},
    )
    stack = deploy(who, stack_name(), template)
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert outputs(stack)["Word"] == "tea!"
