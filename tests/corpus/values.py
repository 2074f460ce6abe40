"""Values for a template's parameters, as somebody who tries an application would give them."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import find
from hypothesis.errors import NoSuchExample
from hypothesis.strategies import from_regex

_BY_TYPE = {
    "AWS::EC2::AvailabilityZone::Name": "eu-central-1a",
    "AWS::EC2::Image::Id": "ami-0123456789abcdef0",
    "AWS::EC2::Instance::Id": "i-0123456789abcdef0",
    "AWS::EC2::KeyPair::KeyName": "corpus",
    "AWS::EC2::SecurityGroup::GroupName": "corpus",
    "AWS::EC2::SecurityGroup::Id": "sg-0123456789abcdef0",
    "AWS::EC2::Subnet::Id": "subnet-0123456789abcdef0",
    "AWS::EC2::VPC::Id": "vpc-0123456789abcdef0",
    "AWS::EC2::Volume::Id": "vol-0123456789abcdef0",
    "AWS::Route53::HostedZone::Id": "Z0123456789ABCDEFGHIJ",
    "AWS::SSM::Parameter::Name": "/corpus/value",
    "Number": "1",
}
_SECRET = "{{resolve:secretsmanager:corpus:SecretString:value}}"
_BY_NAME = (
    ("ipaddress", "10.0.0.10"),
    ("email", "somebody@example.com"),
    ("mail", "somebody@example.com"),
    ("arn", "arn:aws:sns:eu-central-1:222222222222:corpus"),
    ("cidr", "10.0.0.0/16"),
    ("url", "https://example.com/corpus"),
    ("domain", "example.com"),
    ("bucket", "corpus-given-bucket"),
    ("phone", "+15551234567"),
    ("account", "222222222222"),
    ("password", "Corpus-1234567890"),
)
_CANDIDATES = (
    "corpus", "Corpus1234", "corpus-1234567890", "somebody@example.com", "10.0.0.0/16",
    "https://example.com/corpus", "example.com", "222222222222", "1", "true", "1234567890abcdef",
    "arn:aws:sns:eu-central-1:222222222222:corpus", "+15551234567", "a", "abcdefghijklmnopqrst",
    "vpc-0123456789abcdef0", "subnet-0123456789abcdef0", "eu-central-1", "2026-12-01",
)  # fmt: skip


def given_values(template: dict[str, Any]) -> dict[str, str]:
    """Return a value that is allowed for each parameter without a default."""
    parameters = template.get("Parameters")
    found = parameters.items() if isinstance(parameters, dict) else ()
    return {
        name: _value(name, declared)
        for name, declared in found
        if isinstance(declared, dict) and "Default" not in declared
    }


def value_of_type(kind: str) -> str:
    """Return what a parameter of Parameter Store has for a type such as `...Value<List<X>>`."""
    inner = re.search(r"([A-Za-z0-9:]+)>+$", kind)
    return _BY_TYPE.get(inner[1] if inner else "", "corpus")


def _value(name: str, declared: dict[str, Any]) -> str:
    allowed = declared.get("AllowedValues")
    if isinstance(allowed, list) and allowed:
        return str(allowed[0])
    kind = str(declared.get("Type", "String"))
    inner = re.fullmatch(r"List<(.+)>", kind)
    if kind.startswith("AWS::SSM::Parameter::Value"):
        return "/corpus/value"
    if kind in _BY_TYPE or (inner and inner[1] in _BY_TYPE):
        value = _BY_TYPE[inner[1] if inner else kind]
        return str(declared.get("MinValue", value)) if kind == "Number" else value
    named = [value for word, value in _BY_NAME if word in name.lower()]
    for candidate in (*named, *_CANDIDATES):
        if _fits(candidate, declared):
            return candidate
    return _of_pattern(declared)


def _of_pattern(declared: dict[str, Any]) -> str:
    """Return the simplest text that a pattern of its own allows, if Python can read it."""
    pattern = str(declared.get("AllowedPattern", ""))
    try:
        texts = from_regex(pattern, fullmatch=True)
        return find(texts, lambda text: text.isascii() and _fits(text, declared))
    except (re.error, NoSuchExample):
        return "corpus"


def _fits(text: str, declared: dict[str, Any]) -> bool:
    pattern = declared.get("AllowedPattern")
    try:
        fits = not isinstance(pattern, str) or re.fullmatch(pattern, text) is not None
    except re.error:
        fits = True
    shortest, longest = declared.get("MinLength", 0), declared.get("MaxLength", 4096)
    return fits and int(shortest) <= len(text) <= int(longest)


def configured_values(template: dict[str, Any], values: dict[str, str]) -> dict[str, str]:
    """Return the values as tiercel.toml has them: a secret is named, and not told."""
    declared = template.get("Parameters") or {}
    return {
        name: _SECRET if str(declared[name].get("NoEcho", "")).lower() == "true" else value
        for name, value in values.items()
    }
