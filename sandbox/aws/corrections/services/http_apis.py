"""HTTP APIs that a template describes by an OpenAPI document, as SAM's HttpApi does."""
# ruff: noqa: SLF001 - what is corrected has only private names

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ministack.core import responses
from ministack.services import apigateway
from ministack.services.cloudformation import provisioners

from tiercel.sandbox.aws.corrections.services import documents

Document = dict[str, Any]
_Json = dict[str, Any]

_TYPE = "AWS::ApiGatewayV2::Api"
_METHODS = frozenset({"get", "post", "put", "delete", "patch", "head", "options"})
_ANY = "x-amazon-apigateway-any-method"
_INTEGRATION = "x-amazon-apigateway-integration"
_AUTHORIZER = "x-amazon-apigateway-authorizer"


def import_http_apis() -> None:
    """An API's Body or BodyS3Location gives it its routes, integrations and authorizers.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigatewayv2-api.html
    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-open-api.html
    """
    handlers = provisioners._RESOURCE_HANDLERS[_TYPE]
    original_create, original_update = handlers["create"], handlers["update"]

    def create(logical_id: str, properties: _Json, stack: str) -> Any:
        document = documents.of_api(properties)
        api_id, _ = original_create(logical_id, properties, stack)
        return _complete(api_id, properties, document)

    def update(
        api_id: str, old: _Json, new: _Json, stack: str, logical_id: str | None = None
    ) -> Any:
        document = documents.of_api(new)
        api_id, _ = original_update(api_id, old, new, stack, logical_id)
        return _complete(api_id, new, document)

    handlers["create"], handlers["update"] = create, update


def _complete(api_id: str, properties: _Json, document: Document | None) -> Any:
    api = apigateway._apis[api_id]
    scheme = apigateway._api_endpoint_scheme(api["protocolType"]).replace("http", "https")
    region = responses.get_region()
    api["apiEndpoint"] = f"{scheme}://{api_id}.execute-api.{region}.amazonaws.com"
    if document is not None:
        _describe(api, properties, document)
        _replace_routes(api_id, document)
    return api_id, {"ApiId": api_id, "ApiEndpoint": api["apiEndpoint"]}


def _describe(api: _Json, properties: _Json, document: Document) -> None:
    """The document names the API and its CORS rules where the template does not."""
    info = document.get("info", {})
    if "Name" not in properties and info.get("title"):
        api["name"] = str(info["title"])
    if "Description" not in properties and info.get("description"):
        api["description"] = str(info["description"])
    if "CorsConfiguration" not in properties and document.get("x-amazon-apigateway-cors"):
        api["corsConfiguration"] = document["x-amazon-apigateway-cors"]


def _replace_routes(api_id: str, document: Document) -> None:
    apigateway._routes[api_id] = {}
    apigateway._integrations[api_id] = {}
    apigateway._authorizers[api_id] = {}
    schemes = document.get("components", {}).get("securitySchemes", {})
    authorizations = {
        name: _authorization(api_id, name, scheme) for name, scheme in schemes.items()
    }
    for route_key, operation in _operations(document):
        integration = _integration(document, operation)
        route = {"routeKey": route_key}
        if integration:
            identifier = _created(apigateway._create_integration(api_id, integration))
            route["target"] = f"integrations/{identifier['integrationId']}"
        security: Any = operation.get("security", document.get("security", []))
        _created(apigateway._create_route(api_id, route | _secured(security, authorizations)))


def _operations(document: Document) -> Iterator[tuple[str, _Json]]:
    """Yield each operation with its route key: `GET /items`, `ANY /{proxy+}`, `$default`."""
    for path, item in document.get("paths", {}).items():
        for method, operation in item.items():
            if path.lstrip("/") == "$default" and method.lower() == _ANY:
                yield "$default", operation
            elif method.lower() == _ANY:
                yield f"ANY {path}", operation
            elif method.lower() in _METHODS:
                yield f"{method.upper()} {path}", operation


def _integration(document: Document, operation: _Json) -> _Json:
    described = operation.get(_INTEGRATION, {})
    if "$ref" in described:
        name = described["$ref"].rpartition("/")[2]
        described = document["components"]["x-amazon-apigateway-integrations"][name]
    renamed = {
        "type": "integrationType",
        "uri": "integrationUri",
        "httpMethod": "integrationMethod",
        "credentials": "credentialsArn",
    }
    values = {renamed.get(name, name): value for name, value in described.items()}
    if "integrationType" in values:
        values["integrationType"] = values["integrationType"].upper()
    return values


def _authorization(api_id: str, name: str, scheme: _Json) -> _Json:
    """Return what a route's record says when this scheme secures it."""
    authorizer = scheme.get(_AUTHORIZER)
    if authorizer is None:
        is_iam = str(scheme.get("x-amazon-apigateway-authtype", "")).lower() == "awssigv4"
        return {"authorizationType": "AWS_IAM" if is_iam else "NONE"}
    source = authorizer.get("identitySource", "$request.header.Authorization")
    sources = [part.strip() for part in source.split(",")] if isinstance(source, str) else source
    kind = str(authorizer.get("type", "jwt")).upper()
    values = {"authorizerCredentials": "authorizerCredentialsArn"}
    record = {values.get(key, key): value for key, value in authorizer.items()}
    record |= {"name": name, "authorizerType": kind, "identitySource": sources}
    created = _created(apigateway._create_authorizer(api_id, record))
    return {
        "authorizationType": "JWT" if kind == "JWT" else "CUSTOM",
        "authorizerId": created["authorizerId"],
    }


def _secured(security: list[dict[str, list[str]]], authorizations: dict[str, _Json]) -> _Json:
    """Return the authorization of a route: that of its first known requirement."""
    for requirement in security:
        for name, scopes in requirement.items():
            if name in authorizations:
                return authorizations[name] | ({"authorizationScopes": scopes} if scopes else {})
    return {"authorizationType": "NONE"}


def _created(response: tuple[int, Any, bytes]) -> _Json:
    """Return what the API's own service created; ValueError with its reason when it refused."""
    status, _, body = response
    data: _Json = json.loads(body)
    if status >= 400:
        raise ValueError(str(data.get("message", data)))
    return data
