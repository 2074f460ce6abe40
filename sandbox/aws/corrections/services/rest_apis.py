"""REST APIs that a template describes by an OpenAPI document, as SAM's Api does."""
# ruff: noqa: SLF001 - what is corrected has only private names

from __future__ import annotations

from typing import Any

from ministack.services import apigateway_v1
from ministack.services.cloudformation import provisioners

from tiercel.sandbox.aws.corrections.services import documents

_Json = dict[str, Any]

_TYPE = "AWS::ApiGateway::RestApi"
_ANY = "x-amazon-apigateway-any-method"
_INTEGRATION = "x-amazon-apigateway-integration"


def read_rest_apis_from_s3() -> None:
    """BodyS3Location is read, and a changed document overwrites the API under the same id.

    The emulator ignores BodyS3Location, and creates another API with another address when
    the document changed.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigateway-restapi.html
    https://docs.aws.amazon.com/apigateway/latest/api/API_PutRestApi.html
    """
    handlers = provisioners._RESOURCE_HANDLERS[_TYPE]
    original_create, original_update = handlers["create"], handlers["update"]

    def create(logical_id: str, properties: _Json, stack: str) -> Any:
        return original_create(logical_id, _with_body(properties), stack)

    def update(
        api_id: str, old: _Json, new: _Json, stack: str, logical_id: str | None = None
    ) -> Any:
        document = documents.of_api(new)
        same_body = {"Body": document}
        result = original_update(api_id, old | same_body, new | same_body, stack, logical_id)
        if document is not None:
            _overwrite(api_id, document)
        return result

    handlers["create"], handlers["update"] = create, update


def _with_body(properties: _Json) -> _Json:
    document = documents.of_api(properties)
    return properties if document is None else properties | {"Body": document}


def _overwrite(api_id: str, document: _Json) -> None:
    resources = apigateway_v1._resources[api_id]
    root_id, root = next(item for item in resources.items() if item[1]["path"] == "/")
    root["resourceMethods"] = {}
    apigateway_v1._resources[api_id] = {root_id: root}
    apigateway_v1._authorizers_v1[api_id] = {}
    schemes = apigateway_v1._import_security_schemes(api_id, document)
    for path, item in document.get("paths", {}).items():
        apigateway_v1._import_path_item(api_id, path, item, schemes, document.get("security"))


def import_any_method() -> None:
    """x-amazon-apigateway-any-method becomes the method ANY.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-any-method.html
    """
    original = apigateway_v1._import_path_item

    def import_path_item(api_id: str, path: str, item: _Json, *security: Any) -> None:
        original(api_id, path, item, *security)
        if _ANY in item:
            resources = apigateway_v1._resources[api_id].items()
            resource = next(identifier for identifier, found in resources if found["path"] == path)
            apigateway_v1._import_operation(api_id, resource, "ANY", item[_ANY], *security)

    apigateway_v1._import_path_item = import_path_item


def import_integration_responses() -> None:
    """An integration's templates, credentials and responses are imported with it.

    SAM's `Cors` is an OPTIONS method whose mock integration answers with headers.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-integration.html
    """
    original = apigateway_v1._import_operation

    def import_operation(
        api_id: str, resource_id: str, method: str, operation: _Json, *security: Any
    ) -> None:
        original(api_id, resource_id, method, operation, *security)
        integration = (operation or {}).get(_INTEGRATION)
        if integration:
            _put_integration(api_id, resource_id, method, integration)
            _put_responses(api_id, resource_id, method, operation, integration)

    apigateway_v1._import_operation = import_operation


def _put_integration(api_id: str, resource_id: str, method: str, integration: _Json) -> None:
    kept = {name: value for name, value in integration.items() if name != "responses"}
    kept["type"] = str(integration.get("type", "")).upper()
    apigateway_v1._put_integration(api_id, resource_id, method, kept)


def _put_responses(
    api_id: str, resource_id: str, method: str, operation: _Json, integration: _Json
) -> None:
    for pattern, response in integration.get("responses", {}).items():
        status = str(response.get("statusCode", "200"))
        declared = operation.get("responses", {}).get(status, {}).get("headers", {})
        parameters = {f"method.response.header.{name}": False for name in declared}
        apigateway_v1._put_method_response(
            api_id, resource_id, method, status, {"responseParameters": parameters}
        )
        selection = {} if pattern == "default" else {"selectionPattern": pattern}
        apigateway_v1._put_integration_response(
            api_id, resource_id, method, status, response | selection
        )
