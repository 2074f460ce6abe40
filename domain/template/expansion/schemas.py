"""Schemas of GraphQL APIs that SAM takes as text alone where it is not known which bucket has them.

SAM's `SchemaUri` has to be an address as it stands, without a function in it, and one template
serves the buckets of several environments. What is inline may be one.
https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-graphqlapi.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tiercel.domain.base.values import TemplateDocument
from tiercel.domain.template.local_files import is_local

_TYPE = "AWS::Serverless::GraphQLApi"
_ADDRESS, _TEXT = "SchemaUri", "SchemaInline"


def schema_paths(template: TemplateDocument) -> tuple[str, ...]:
    """Return the local files that hold schemas, as the template names them, none twice."""
    return tuple(dict.fromkeys(path for _, path in _local_schemas(template)))


def with_schemas(template: TemplateDocument, texts: Mapping[str, str]) -> TemplateDocument:
    """Return a template with its schemas, given the text of each path."""
    changed = {}
    for name, path in _local_schemas(template):
        resource = template["Resources"][name]
        kept = {key: value for key, value in resource["Properties"].items() if key != _ADDRESS}
        changed[name] = resource | {"Properties": kept | {_TEXT: texts[path]}}
    return template | {"Resources": template["Resources"] | changed} if changed else template


def _local_schemas(template: TemplateDocument) -> Iterator[tuple[str, str]]:
    resources = template.get("Resources")
    for name, resource in resources.items() if isinstance(resources, dict) else ():
        if isinstance(resource, dict) and resource.get("Type") == _TYPE:
            properties = resource.get("Properties")
            path = properties.get(_ADDRESS) if isinstance(properties, dict) else None
            if isinstance(path, str) and is_local(path):
                yield str(name), path
