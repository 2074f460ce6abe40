from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from tests.sandbox.support import (
    PREPROD,
    Caller,
    call_url,
    deploy,
    deployer,
    destroyer,
    outputs,
    rest,
    staged,
    zipped,
)
from tiercel.sandbox.lifecycle import Sandbox

ECHO = """
import json
def handler(event, context):
    http = event.get("requestContext", {}).get("http", {})
    seen = {
        "route": event.get("routeKey"),
        "method": http.get("method") or event.get("httpMethod"),
        "path": event.get("rawPath") or event.get("path"),
        "parameters": event.get("pathParameters"),
        "host": {k.lower(): v for k, v in event["headers"].items()}.get("host"),
    }
    return {"statusCode": 200, "body": json.dumps(seen)}
"""


@pytest.fixture(scope="module")
def who(box: Sandbox) -> Caller:
    return deployer(box, PREPROD)


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


def http_event(path: str, method: str, **more: Any) -> dict[str, Any]:
    return {"Type": "HttpApi", "Properties": {"Path": path, "Method": method} | more}


HTTP_URL = {"Fn::Sub": "https://${ServerlessHttpApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}"}
REST_URL = {"Fn::Sub": "https://${ServerlessRestApi}.execute-api.${AWS::Region}.amazonaws.com/Prod"}


@pytest.fixture(scope="module")
def http_api(who: Caller) -> tuple[str, str]:
    events = {
        "Items": http_event("/items", "get"),
        "Item": http_event("/items/{id}", "get"),
        "Files": http_event("/files/{proxy+}", "any"),
        "Rest": {"Type": "HttpApi"},
    }
    template = serverless({"Echo": function(staged(who, zipped(app=ECHO)), Events=events)})
    template["Outputs"] = {"Url": {"Value": HTTP_URL}}
    stack = deploy(who, stack_name(), template)
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    return stack["StackName"], outputs(stack)["Url"]


@pytest.mark.parametrize(
    ("method", "path", "route", "parameters"),
    [
        ("GET", "/items", "GET /items", None),
        ("GET", "/items/7", "GET /items/{id}", {"id": "7"}),
        ("PUT", "/files/a/b.txt", "ANY /files/{proxy+}", {"proxy": "a/b.txt"}),
        ("POST", "/items", "$default", None),
        ("GET", "/", "$default", None),
    ],
)
def test_a_serverless_http_api_routes_to_its_function(
    box: Sandbox, http_api: tuple[str, str], method: str, path: str, route: str, parameters: Any
) -> None:
    status, body, _ = call_url(box, http_api[1] + path, method)
    assert status == 200, body
    seen = json.loads(body)
    assert (seen["route"], seen["method"], seen["path"]) == (route, method, path)
    assert seen["parameters"] == parameters
    assert seen["host"] == http_api[1].removeprefix("https://")


def test_an_updated_http_api_keeps_its_address_and_changes_its_routes(
    box: Sandbox, who: Caller
) -> None:
    where = staged(who, zipped(app=ECHO))
    name = stack_name()
    first = serverless(
        {"Echo": function(where, Events={"A": http_event("/old", "get")})}, Url=HTTP_URL
    )
    second = serverless(
        {"Echo": function(where, Events={"A": http_event("/new", "get")})}, Url=HTTP_URL
    )
    before = outputs(deploy(who, name, first))["Url"]
    stack = deploy(who, name, second, "UPDATE")
    assert stack["StackStatus"] == "UPDATE_COMPLETE"
    assert outputs(stack)["Url"] == before
    assert call_url(box, before + "/new")[0] == 200
    assert call_url(box, before + "/old")[0] == 404


def test_an_http_api_endpoint_is_named_as_on_aws(who: Caller) -> None:
    api = {"Type": "AWS::Serverless::HttpApi", "Properties": {"StageName": "live"}}
    where = staged(who, zipped(app=ECHO))
    events = {"A": http_event("/x", "get", ApiId={"Ref": "Api"})}
    template = serverless(
        {"Api": api, "Echo": function(where, Events=events)},
        Endpoint={"Fn::GetAtt": ["Api", "ApiEndpoint"]},
        Id={"Ref": "Api"},
    )
    found = outputs(deploy(who, stack_name(), template))
    assert found["Endpoint"] == f"https://{found['Id']}.execute-api.eu-central-1.amazonaws.com"


def test_an_http_api_with_an_authorizer_refuses_calls_without_a_token(
    box: Sandbox, who: Caller
) -> None:
    authorizer = {
        "IdentitySource": "$request.header.Authorization",
        "JwtConfiguration": {"issuer": "https://issuer.example", "audience": ["shop"]},
    }
    api = {
        "Type": "AWS::Serverless::HttpApi",
        "Properties": {
            "Auth": {"Authorizers": {"Token": authorizer}, "DefaultAuthorizer": "Token"}
        },
    }
    open_to_all = http_event("/open", "get", ApiId={"Ref": "Api"}, Auth={"Authorizer": "NONE"})
    events = {"A": http_event("/closed", "get", ApiId={"Ref": "Api"}), "B": open_to_all}
    template = serverless(
        {"Api": api, "Echo": function(staged(who, zipped(app=ECHO)), Events=events)},
        Url={"Fn::GetAtt": ["Api", "ApiEndpoint"]},
    )
    url = outputs(deploy(who, stack_name(), template))["Url"]
    assert call_url(box, url + "/closed")[0] == 401
    assert call_url(box, url + "/open")[0] == 200


def test_a_serverless_rest_api_answers_and_keeps_its_address(box: Sandbox, who: Caller) -> None:
    where = staged(who, zipped(app=ECHO))
    name = stack_name()

    def template(path: str) -> dict[str, Any]:
        events = {
            "A": {"Type": "Api", "Properties": {"Path": path, "Method": "get"}},
            "B": {"Type": "Api", "Properties": {"Path": "/files/{proxy+}", "Method": "any"}},
        }
        return serverless({"Echo": function(where, Events=events)}, Url=REST_URL)

    url = outputs(deploy(who, name, template("/old")))["Url"]
    assert json.loads(call_url(box, url + "/old")[1])["path"] == "/old"
    assert json.loads(call_url(box, url + "/files/a/b", "PUT")[1])["method"] == "PUT"
    assert outputs(deploy(who, name, template("/new"), "UPDATE"))["Url"] == url
    assert call_url(box, url + "/new")[0] == 200
    assert call_url(box, url + "/old")[0] == 403


def test_rest_api_preflight_is_answered_by_its_mock_integration(box: Sandbox, who: Caller) -> None:
    api = {
        "Type": "AWS::Serverless::Api",
        "Properties": {"StageName": "Prod", "Cors": "'https://shop.example'"},
    }
    events = {
        "A": {
            "Type": "Api",
            "Properties": {"Path": "/x", "Method": "get", "RestApiId": {"Ref": "Api"}},
        }
    }
    url = {"Fn::Sub": "https://${Api}.execute-api.${AWS::Region}.amazonaws.com/Prod/x"}
    template = serverless(
        {"Api": api, "Echo": function(staged(who, zipped(app=ECHO)), Events=events)}, Url=url
    )
    found = outputs(deploy(who, stack_name(), template))["Url"]
    status, _, headers = call_url(box, found, "OPTIONS", Origin="https://shop.example")
    assert status == 200
    assert headers["Access-Control-Allow-Origin"] == "https://shop.example"


OPENAPI = {
    "openapi": "3.0.1",
    "info": {"title": "shop", "version": "1"},
    "paths": {
        "/hello": {
            "get": {
                "x-amazon-apigateway-integration": {
                    "type": "aws_proxy",
                    "httpMethod": "POST",
                    "payloadFormatVersion": "2.0",
                    "uri": "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/"
                    "FUNCTION/invocations",
                }
            }
        }
    },
}


@pytest.mark.parametrize(
    ("kind", "path"),
    [("AWS::Serverless::Api", "/Prod/hello"), ("AWS::Serverless::HttpApi", "/hello")],
)
def test_an_api_described_in_s3_answers(box: Sandbox, who: Caller, kind: str, path: str) -> None:
    name = stack_name()
    arn = f"arn:aws:lambda:eu-central-1:222222222222:function:{name}"
    document = staged(who, json.dumps(OPENAPI).replace("FUNCTION", arn).encode())
    stage = {"StageName": "Prod"} if kind.endswith("::Api") else {}
    permission = {
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            "Action": "lambda:InvokeFunction",
            "FunctionName": {"Ref": "Echo"},
            "Principal": "apigateway.amazonaws.com",
        },
    }
    template = serverless(
        {
            "Api": {"Type": kind, "Properties": {"DefinitionUri": document} | stage},
            "Echo": function(staged(who, zipped(app=ECHO)), FunctionName=name),
            "Allow": permission,
        },
        Url={"Fn::Sub": "https://${Api}.execute-api.${AWS::Region}.amazonaws.com"},
    )
    stack = deploy(who, name, template)
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    status, body, _ = call_url(box, outputs(stack)["Url"] + path)
    assert status == 200, body


def test_a_function_url_answers_at_its_own_host(box: Sandbox, who: Caller) -> None:
    echo = function(staged(who, zipped(app=ECHO)), FunctionUrlConfig={"AuthType": "NONE"})
    template = serverless({"Echo": echo}, Url={"Fn::GetAtt": ["EchoUrl", "FunctionUrl"]})
    url = outputs(deploy(who, stack_name(), template))["Url"]
    assert ".lambda-url.eu-central-1.on.aws" in url
    status, body, _ = call_url(box, url + "a/b")
    assert (status, json.loads(body)["path"]) == (200, "/a/b")


def test_a_stack_at_rest_is_deleted_with_its_apis(box: Sandbox, who: Caller) -> None:
    events = {"A": http_event("/x", "get")}
    template = serverless(
        {"Echo": function(staged(who, zipped(app=ECHO)), Events=events)}, Url=HTTP_URL
    )
    stack = deploy(who, stack_name(), template)
    destroyer(box, PREPROD).client("cloudformation").delete_stack(StackName=stack["StackName"])
    assert rest(who, stack["StackId"])["StackStatus"] == "DELETE_COMPLETE"
    assert call_url(box, outputs(stack)["Url"] + "/x")[0] == 404
