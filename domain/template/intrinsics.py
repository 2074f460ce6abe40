"""What a value of a template may become, as far as that is known before a deploy.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any

from tiercel.domain.base.values import TemplateDocument
from tiercel.domain.template.expansion.loops import ANY_ITEM, LoopedResource, looped_resources

OWN = "${own}"
"""In a text: something of a resource of the same stack."""
UNKNOWN_TEXT = ANY_ITEM
"""In a text: what only CloudFormation will know, or nobody."""

_MOST = 64
"""Possibilities of one value that are followed; more are not known."""
# The name in it may have the item of a loop in it.
_PLACEHOLDER = re.compile(r"\$\{((?:\$\{\?\}|[^}])*)\}")
# Whoever answers or signals says what these have, and all that AWS does not make: a team's own
# function, or any caller.
_FOREIGN_TYPES = (
    "AWS::CloudFormation::CustomResource",
    "AWS::CloudFormation::WaitCondition",
    "AWS::ServiceCatalog::CloudFormationProvisionedProduct",
)
_STORED_TEXT = "AWS::SSM::Parameter"
_NAMING = ("Name", "Username", "Identifier")
"""How the properties and attributes end that say what a resource is called."""
_REFERRED_BY_ARN = (
    "AWS::ACMPCA::CertificateAuthority",
    "AWS::AppRunner::Service",
    "AWS::Batch::ComputeEnvironment",
    "AWS::Batch::JobQueue",
    "AWS::CertificateManager::Certificate",
    "AWS::ECS::Service",
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "AWS::ElasticLoadBalancingV2::TargetGroup",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::OIDCProvider",
    "AWS::IAM::SAMLProvider",
    "AWS::Lambda::Alias",
    "AWS::Lambda::LayerVersion",
    "AWS::MSK::Cluster",
    "AWS::SNS::Topic",
    "AWS::SecretsManager::Secret",
    "AWS::Serverless::LayerVersion",
    "AWS::Serverless::StateMachine",
    "AWS::StepFunctions::Activity",
    "AWS::StepFunctions::StateMachine",
)
"""Types of which Ref gives an ARN, whatever they are called."""
_SOMEBODY = re.compile(r"[0-9]{12}|[0-9a-f]{64}|o-[a-z0-9]{10,32}|\*|arn.*")
_PART_OF_SOMEBODY = re.compile(r"(?:o-)?[a-z0-9]*|\*|.*:.*")
_DEEPEST = 70
"""Values in one another that are followed, through templates and resources."""
_STACKS = ("AWS::CloudFormation::Stack", "AWS::Serverless::Application")
_STACK_FILE = {
    "AWS::CloudFormation::Stack": "TemplateURL",
    "AWS::Serverless::Application": "Location",
}


@dataclass
class _Budget:
    """Values that may still be followed: outputs of nested stacks multiply.

    `depth` tells how many are being followed: what leads back to itself has no value.
    """

    left: int = 100_000
    depth: int = 0


@dataclass(frozen=True)
class TemplateScope:
    """A template among those of a service, by path, and what its parameters may be.

    A parameter of the service's own template stands for itself, as `${Name}`: its value is
    known at a deploy.
    """

    path: str
    templates: Mapping[str, TemplateDocument]
    parameters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    budget: _Budget = field(default_factory=_Budget, compare=False)

    @property
    def template(self) -> TemplateDocument:
        """The template itself."""
        return self.templates[self.path]

    @property
    def resources(self) -> Mapping[str, TemplateDocument]:
        """The template's resources by logical id."""
        found = self.template.get("Resources") or {}
        return {str(name): one for name, one in found.items() if isinstance(one, dict)}

    @cached_property
    def looped(self) -> tuple[LoopedResource, ...]:
        """What loops make over what only a deploy knows."""
        return tuple(looped_resources(self.template))

    def all_resources(self) -> Iterator[tuple[str, TemplateDocument]]:
        """Yield the resources by logical id, with those of loops as their ids are written."""
        yield from self.resources.items()
        for one in self.looped:
            yield one.written, one.resource

    def nested(self) -> Iterator[tuple[str, TemplateScope]]:
        """Yield the stacks that the template nests from files of the repository."""
        for name, resource in self.resources.items():
            scope = self.of_nested(name)
            if scope and resource:
                yield name, scope

    def of_nested(self, logical_id: str) -> TemplateScope | None:
        """Return what a nested stack is made of, None if it is none of the repository."""
        resource = self.resources.get(logical_id, {})
        properties = resource.get("Properties")
        key = _STACK_FILE.get(str(resource.get("Type")), "")
        file = properties.get(key) if isinstance(properties, dict) else None
        if not isinstance(file, str) or not isinstance(properties, dict):
            return None
        path = posixpath.normpath(posixpath.join(posixpath.dirname(self.path), file))
        if path not in self.templates or path == self.path:
            return None
        given = properties.get("Parameters")
        passed = given if isinstance(given, dict) else {}
        received = _received(self, self.templates[path], passed)
        return TemplateScope(path, self.templates, received, self.budget)


def scope_of(path: str, templates: Mapping[str, TemplateDocument]) -> TemplateScope:
    """Return the scope of a service's own template."""
    declared = templates[path].get("Parameters") or {}
    values = {name: (_of_own_parameter(str(name), one),) for name, one in declared.items()}
    return TemplateScope(path, templates, values)


def _of_own_parameter(name: str, declared: Any) -> str:
    """A parameter of Parameter Store has another value than what is given for it."""
    kind = str(declared.get("Type", "")) if isinstance(declared, dict) else ""
    return UNKNOWN_TEXT if kind.startswith("AWS::SSM::Parameter") else f"${{{name}}}"


def _received(
    outer: TemplateScope, template: TemplateDocument, passed: TemplateDocument
) -> dict[str, tuple[str, ...]]:
    values: dict[str, tuple[str, ...]] = {}
    for name, declared in (template.get("Parameters") or {}).items():
        default = declared.get("Default") if isinstance(declared, dict) else None
        if name in passed:
            values[name] = texts_of(passed[name], outer)
        else:
            values[name] = (UNKNOWN_TEXT,) if default is None else (str(default),)
    return values


def texts_of(value: Any, scope: TemplateScope) -> tuple[str, ...]:
    """Return the texts that a value may become; what is not known of them is a placeholder.

    Conditions are not evaluated: both sides count.
    """
    budget = scope.budget
    budget.left -= 1
    if budget.left < 0 or budget.depth >= _DEEPEST or isinstance(value, list):
        return (UNKNOWN_TEXT,)
    if not isinstance(value, dict):
        return (str(value),)
    budget.depth += 1
    found = _function(value, scope)
    budget.depth -= 1
    return found if len(found) <= _MOST else (UNKNOWN_TEXT,)


def items_of(value: Any, scope: TemplateScope) -> tuple[str, ...]:
    """Return the texts of which a value, a text or a list of texts, may consist."""
    if isinstance(value, list):
        return tuple(text for one in value for text in items_of(one, scope))
    if isinstance(value, dict) and isinstance(value.get("Fn::If"), list):
        return items_of(value["Fn::If"][1:], scope)
    if isinstance(value, dict) and isinstance(value.get("Fn::FindInMap"), list):
        return items_of(_mapped(value["Fn::FindInMap"], scope), scope)
    return texts_of(value, scope)


def _function(value: TemplateDocument, scope: TemplateScope) -> tuple[str, ...]:
    if len(value) != 1:
        return (UNKNOWN_TEXT,)
    ((name, argument),) = value.items()
    follow = _FUNCTIONS.get(name)
    return follow(argument, scope) if follow else (UNKNOWN_TEXT,)


def _ref(name: Any, scope: TemplateScope) -> tuple[str, ...]:
    name = str(name)
    if name == "AWS::NoValue":
        return ()
    if name.startswith("AWS::"):
        return (f"${{{name}}}",)
    if name in scope.parameters:
        return scope.parameters[name]
    if any(_may_be(name, str(one)) for one in scope.parameters):
        return (UNKNOWN_TEXT,)
    found = [_named_as(resource, scope) for resource in _named(name, scope)]
    if found:
        return tuple(text for texts in found for text in texts)
    # SAM makes resources whose ids begin with those of its own.
    return (OWN,) if name.startswith(tuple(scope.resources)) else (UNKNOWN_TEXT,)


def _named_as(resource: TemplateDocument, scope: TemplateScope) -> tuple[str, ...]:
    """Return what Ref gives: OWN, but for a name that the template chose as somebody else's."""
    if _is_answered(str(resource.get("Type", ""))):
        return (UNKNOWN_TEXT,)
    is_arn = resource.get("Type") in _REFERRED_BY_ARN
    return (OWN,) if is_arn else _chosen_name(resource, scope)


def _is_answered(kind: str) -> bool:
    return not kind.startswith("AWS::") or kind.startswith(_FOREIGN_TYPES)


def _chosen_name(resource: TemplateDocument, scope: TemplateScope) -> tuple[str, ...]:
    kind, properties = str(resource.get("Type", "")), resource.get("Properties")
    chosen = [
        text
        for value in _naming_values(properties, (*_NAMING, f"{kind.rpartition('::')[2]}Id"))
        for text in texts_of(value, scope)
        if _may_name_somebody(text)
    ]
    return tuple(chosen) or (OWN,)


def _naming_values(properties: Any, endings: tuple[str, ...], below: int = 1) -> Iterator[Any]:
    """Yield what a resource may be called; some types have it one level deeper."""
    for key, value in properties.items() if isinstance(properties, dict) else ():
        if str(key).endswith(endings) and not isinstance(value, list):
            yield value
        elif below:
            yield from _naming_values(value, endings, below - 1)


def _may_name_somebody(text: str) -> bool:
    """Tell whether a name may be an account's, an organization's, everybody's or begin an ARN."""
    known = _PLACEHOLDER.sub("", text)
    return (_SOMEBODY if known == text else _PART_OF_SOMEBODY).fullmatch(known) is not None


def _may_be(name: str, other: str) -> bool:
    """Tell whether two names may be the same, once the items of loops in them are known."""
    (start, *unknown), (begin, *unsure) = name.split(ANY_ITEM), other.split(ANY_ITEM)
    if not unknown and not unsure:
        return name == other
    if not unknown or not unsure:
        whole, part = (name, other) if not unknown else (other, name)
        known = part.split(ANY_ITEM)
        return whole.startswith(known[0]) and whole.endswith(known[-1])
    return _meet(start, begin) and _meet(unknown[-1][::-1], unsure[-1][::-1])


def _meet(start: str, other: str) -> bool:
    return start.startswith(other) or other.startswith(start)


def _attribute(argument: Any, scope: TemplateScope) -> tuple[str, ...]:
    parts = argument if isinstance(argument, list) else str(argument).split(".", 1)
    if len(parts) != 2 or not all(isinstance(part, str) for part in parts):
        return (UNKNOWN_TEXT,)
    name, attribute = parts
    found = [_attribute_of(one, name, attribute, scope) for one in _named(name, scope)]
    return tuple(text for texts in found for text in texts) if found else _ref(name, scope)


def _named(name: str, scope: TemplateScope) -> list[TemplateDocument]:
    """Return the resource of a name, or all that may have it."""
    if name in scope.resources:
        return [scope.resources[name]]
    plain = scope.resources.items() if ANY_ITEM in name else ()
    return [
        *(resource for logical_id, resource in plain if _may_be(name, logical_id)),
        *(one.resource for one in scope.looped if _may_be(name, one.logical_id)),
    ]


def _attribute_of(
    resource: TemplateDocument, name: str, attribute: str, scope: TemplateScope
) -> tuple[str, ...]:
    kind = str(resource.get("Type", ""))
    if kind in _STACKS:
        return _output(name, attribute.removeprefix("Outputs."), scope)
    if kind == _STORED_TEXT:
        return _stored(resource, attribute, scope)
    if _is_answered(kind):
        return (UNKNOWN_TEXT,)
    return _chosen_name(resource, scope) if attribute.endswith(_NAMING) else (OWN,)


def _stored(resource: TemplateDocument, attribute: str, scope: TemplateScope) -> tuple[str, ...]:
    """Return what the template itself writes into a parameter of Parameter Store."""
    properties = resource.get("Properties")
    if not isinstance(properties, dict) or attribute not in properties:
        return (UNKNOWN_TEXT,)
    return texts_of(properties[attribute], scope)


def _output(stack: str, output: str, scope: TemplateScope) -> tuple[str, ...]:
    nested = scope.of_nested(stack)
    outputs = nested.template.get("Outputs") if nested else None
    found = outputs.get(output) if isinstance(outputs, dict) else None
    if nested is None or not isinstance(found, dict) or "Value" not in found:
        return (UNKNOWN_TEXT,)
    return texts_of(found["Value"], nested)


def _sub(argument: Any, scope: TemplateScope) -> tuple[str, ...]:
    text, given = argument if isinstance(argument, list) and len(argument) == 2 else (argument, {})
    if not isinstance(text, str) or not isinstance(given, dict):
        return (UNKNOWN_TEXT,)
    pieces: list[tuple[str, ...]] = []
    end = 0
    for match in _PLACEHOLDER.finditer(text):
        pieces += [(text[end : match.start()],), _substituted(match[1], given, scope)]
        end = match.end()
    return _joined("", [*pieces, (text[end:],)])


def _substituted(name: str, given: TemplateDocument, scope: TemplateScope) -> tuple[str, ...]:
    if name.startswith("!"):
        return (UNKNOWN_TEXT,)  # a placeholder as text: nothing that names an account has one
    if name in given:
        return texts_of(given[name], scope)
    return _attribute(name, scope) if "." in name else _ref(name, scope)


def _join(argument: Any, scope: TemplateScope) -> tuple[str, ...]:
    if not isinstance(argument, list) or len(argument) != 2 or not isinstance(argument[1], list):
        return (UNKNOWN_TEXT,)
    return _joined(str(argument[0]), [texts_of(one, scope) for one in argument[1]])


def _joined(between: str, pieces: list[tuple[str, ...]]) -> tuple[str, ...]:
    """Return every combination; pieces without a value are left out, as by `Fn::Join`."""
    some = [piece for piece in pieces if piece]
    count = 1
    for piece in some:
        count *= len(piece)
        if count > _MOST:
            return (UNKNOWN_TEXT,)
    return tuple(between.join(parts) for parts in product(*some))


def _either(argument: Any, scope: TemplateScope) -> tuple[str, ...]:
    if not isinstance(argument, list):
        return (UNKNOWN_TEXT,)
    return tuple(text for one in argument[1:] for text in texts_of(one, scope))


def _select(argument: Any, scope: TemplateScope) -> tuple[str, ...]:
    index, values = argument if isinstance(argument, list) and len(argument) == 2 else ("", None)
    if not isinstance(values, list) or not str(index).isdecimal() or int(index) >= len(values):
        return (UNKNOWN_TEXT,)
    return texts_of(values[int(index)], scope)


def _mapped(argument: list[Any], scope: TemplateScope) -> list[Any]:
    """Return every value that a look-up may find; names that are not known may be any."""
    node: list[Any] = [scope.template.get("Mappings")]
    for key in argument[:3]:
        maps = [one for one in node if isinstance(one, dict)]
        if isinstance(key, str) and ANY_ITEM not in key:
            node = [one[key] for one in maps if key in one]
        else:
            node = [value for one in maps for value in one.values()]
    return node or [{"Fn::ImportValue": ""}]


def _found_in_map(argument: Any, scope: TemplateScope) -> tuple[str, ...]:
    if not isinstance(argument, list):
        return (UNKNOWN_TEXT,)
    return tuple(text for one in _mapped(argument, scope) for text in texts_of(one, scope))


_FUNCTIONS = {
    "Ref": _ref,
    "Fn::FindInMap": _found_in_map,
    "Fn::GetAtt": _attribute,
    "Fn::If": _either,
    "Fn::Join": _join,
    "Fn::Select": _select,
    "Fn::Sub": _sub,
}
