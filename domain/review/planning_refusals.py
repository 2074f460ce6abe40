"""What keeps CloudFormation from being shown a template that nobody has reviewed.

CreateChangeSet makes nothing, but some of what a template may say is carried out while it plans:
macros and transforms run code of the account or read its buckets, dynamic references and
parameters of SSM types read values of the account, imports read what other stacks export, and
templates of elsewhere are read in turn. Everything that is not known to do none of this is refused.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html,
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tiercel.domain.base.digests import canonical_json
from tiercel.domain.base.text import printable
from tiercel.domain.base.values import TemplateDocument
from tiercel.domain.review.planning_texts import dynamic_texts
from tiercel.domain.template.assets import resources
from tiercel.domain.template.locations import ASSET_BUCKET_PARAMETER

_SECTIONS = frozenset(
    {
        "AWSTemplateFormatVersion",
        "Conditions",
        "Description",
        "Globals",
        "Mappings",
        "Metadata",
        "Outputs",
        "Parameters",
        "Resources",
        "Transform",
    }
)
_TRANSFORMS = frozenset({"AWS::LanguageExtensions", "AWS::Serverless-2016-10-31"})
_FUNCTIONS = frozenset(
    {
        "And",
        "Base64",
        "Cidr",
        "Equals",
        "FindInMap",
        "GetAZs",
        "GetAtt",
        "If",
        "ImportValue",
        "Join",
        "Length",
        "Not",
        "Or",
        "Select",
        "Split",
        "Sub",
        "ToJsonString",
    }
)
"""Without `ForEach`, which makes resources of any type."""
_PARAMETER_TYPES = re.compile(
    r"String|Number|CommaDelimitedList|List<(Number|String)>"
    r"|(List<)?AWS::(EC2|Route53)::[A-Za-z]+(::[A-Za-z]+)*>?"
)
_TYPES = re.compile(r"AWS(::[A-Za-z0-9]+){2}|Custom::[A-Za-z0-9_@-]{1,60}")
_STACK = "AWS::CloudFormation::Stack"
_APPLICATION = "AWS::Serverless::Application"
_PACKAGED = re.compile(
    rf"https://\$\{{{ASSET_BUCKET_PARAMETER}\}}\.s3\.\$\{{AWS::Region\}}\.\$\{{AWS::URLSuffix\}}"
    r"/(packages/[0-9a-f]{64}\.template)"
)
_NAMED = re.compile(r"\$\{([^!}][^}]*)\}")
_LONGEST = 100
_MOST = 20


def planning_refusals(
    templates: Mapping[str, TemplateDocument],
    live: TemplateDocument,
    parameters: Mapping[str, str],
    live_parameters: Mapping[str, str],
) -> tuple[str, ...]:
    """Return why CloudFormation is not asked what templates would change; empty if it may be.

    `templates` are all that it would read, packaged, by their keys in the bucket; `live` is the one
    that the stack has now. No reason has a value of a parameter or of the template in it, but names
    of what the template declares.
    """
    found = [
        *(one for template in templates.values() for one in _of_template(template, templates)),
        *(one for template in templates.values() for one in _texts(template)),
        *_texts_of_parameters(parameters),
    ]
    known = set(_imports(live))
    found += [
        "it imports a value that the live template does not"
        for template in templates.values()
        for argument in _imports(template)
        if argument not in known or not _means_the_same(argument, parameters, live_parameters)
    ]
    return tuple(dict.fromkeys(found))[:_MOST]


def _of_template(
    template: TemplateDocument, templates: Mapping[str, TemplateDocument]
) -> Iterator[str]:
    for section in template:
        if section not in _SECTIONS:
            yield f"it has a section that is not known here: {_shown(section)}"
    named = template.get("Transform") or []
    for one in named if isinstance(named, list) else [named]:
        if not isinstance(one, str) or one not in _TRANSFORMS:
            yield f"it has a macro or a transform that is not known here: {_shown(one)}"
    yield from _functions(template)
    yield from _parameters(template)
    if not isinstance(template.get("Resources"), dict):
        yield "its resources cannot be read"
        return
    for logical_id, resource in resources(template):
        yield from _resource(logical_id, resource, templates)


def _functions(template: TemplateDocument) -> Iterator[str]:
    for key in _keys(template):
        if key == "Fn::Transform":
            yield "it has a macro or a transform inside: Fn::Transform"
        elif key.startswith("Fn::") and key.removeprefix("Fn::") not in _FUNCTIONS:
            yield f"it has a function that is not known here: {_shown(key)}"


def _parameters(template: TemplateDocument) -> Iterator[str]:
    declared = template.get("Parameters") or {}
    if not isinstance(declared, dict):
        yield "its parameters cannot be read"
        return
    for name, one in declared.items():
        kind = one.get("Type", "") if isinstance(one, dict) else ""
        if "AWS::SSM::" in str(kind):
            yield f"its parameter {_shown(name)} is of a type of Parameter Store"
        elif not isinstance(kind, str) or not _PARAMETER_TYPES.fullmatch(kind):
            yield f"its parameter {_shown(name)} is of a type that is not known here"


def _resource(
    logical_id: str, resource: TemplateDocument, templates: Mapping[str, TemplateDocument]
) -> Iterator[str]:
    kind = resource.get("Type", "")
    if not isinstance(kind, str) or not _TYPES.fullmatch(kind):
        yield f"{_shown(logical_id)} is a module, or of a type that is not AWS's"
    elif kind == _APPLICATION:
        yield f"{_shown(logical_id)} is an application of elsewhere"
    elif kind == _STACK and _nested_key(resource) not in templates:
        yield f"{_shown(logical_id)} nests a template of elsewhere"


def _nested_key(resource: TemplateDocument) -> str:
    """Return the key of a nested template, as packaging has written its address."""
    properties = resource.get("Properties")
    address = properties.get("TemplateURL") if isinstance(properties, dict) else None
    text = address.get("Fn::Sub") if isinstance(address, dict) and len(address) == 1 else None
    found = _PACKAGED.fullmatch(text) if isinstance(text, str) else None
    return found[1] if found else ""


def _texts(template: TemplateDocument) -> Iterator[str]:
    if dynamic_texts(_strings(template), is_split=any(k == "Fn::Split" for k in _keys(template))):
        yield "it has a dynamic reference, or texts that could become one"


def _texts_of_parameters(parameters: Mapping[str, str]) -> Iterator[str]:
    for name, value in parameters.items():
        if dynamic_texts([value], is_split=False):
            yield f"the value of parameter {_shown(name)} is, or could become, a dynamic reference"


def _imports(template: TemplateDocument) -> Iterator[bytes]:
    """Yield what each import of a template names, as canonical JSON."""
    for node in _nodes(template):
        if isinstance(node, dict) and "Fn::ImportValue" in node:
            yield canonical_json(node["Fn::ImportValue"])


def _means_the_same(
    argument: bytes, parameters: Mapping[str, str], live_parameters: Mapping[str, str]
) -> bool:
    """Tell whether an import that is written as before still names the same export.

    What it is put together from are texts, pseudo parameters, and parameters with the same value.
    """
    text = argument.decode()
    if set(re.findall(r'"(Fn::[^"]*)":', text)) - {"Fn::Sub", "Fn::Join"}:
        return False
    names = {*re.findall(r'\{"Ref":"([^"]*)"\}', text), *_NAMED.findall(text)}
    own = (name for name in names if not name.startswith("AWS::"))
    return all(name in parameters and parameters[name] == live_parameters.get(name) for name in own)


def _nodes(template: Any) -> Iterator[Any]:
    """Yield every mapping, list and value; without recursion, whatever its depth."""
    waiting = [template]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, dict):
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node


def _keys(template: TemplateDocument) -> Iterator[str]:
    for node in _nodes(template):
        if isinstance(node, dict):
            yield from map(str, node)


def _strings(template: TemplateDocument) -> Iterator[str]:
    yield from _keys(template)
    yield from (node for node in _nodes(template) if isinstance(node, str))


def _shown(name: object) -> str:
    return printable(str(name), _LONGEST)
