"""SAM's own translator: what CloudFormation makes of a template, without an account."""

from __future__ import annotations

import copy
import json
from typing import Any

import boto3
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

_PRINCIPALS = ("AWS::IAM::Role", "AWS::IAM::User")
_SAM = "AWS::Serverless-2016-10-31"
REGION = "eu-central-1"
_KNOWN_POLICIES: dict[str, str] = {}


def _translator() -> Translator:
    session = boto3.Session(region_name=REGION)
    return Translator(_KNOWN_POLICIES, Parser(), boto_session=session)


class NotTranslatedError(Exception):
    """SAM refuses a template; says why."""


def translated(template: dict[str, Any], values: dict[str, str]) -> dict[str, Any]:
    """Return the template as SAM transforms it; one that is not SAM's as it is."""
    transforms = template.get("Transform") or ()
    names = [transforms] if isinstance(transforms, str) else transforms
    if _SAM not in names:
        return template
    try:
        made: dict[str, Any] = _translator().translate(copy.deepcopy(template), values)
    except InvalidDocumentException as error:
        causes = "; ".join(str(one.message) for one in error.causes) or error.message
        raise NotTranslatedError(causes) from error
    except Exception as error:
        raise NotTranslatedError(f"{type(error).__name__}: {error}") from error
    return made


def unbounded_roles(template: dict[str, Any]) -> list[str]:
    """Return the roles and users that have no boundary, or have none in some environment."""
    return [
        str(name)
        for name, resource in (template.get("Resources") or {}).items()
        if isinstance(resource, dict)
        and resource.get("Type") in _PRINCIPALS
        and _may_be_missing((resource.get("Properties") or {}).get("PermissionsBoundary"))
    ]


def _may_be_missing(boundary: Any) -> bool:
    return not boundary or "AWS::NoValue" in json.dumps(boundary)
