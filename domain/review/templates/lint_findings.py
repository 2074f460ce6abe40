"""Which errors of cfn-lint are errors of CloudFormation, and which are only worth a look.

cfn-lint guesses what a value is for. What it guesses wrongly would refuse what AWS takes.
"""

from __future__ import annotations

from typing import Any

from tiercel.domain.base.values import TemplateDocument

# https://github.com/aws-cloudformation/cfn-lint/blob/main/docs/rules.md
_GUESSES = frozenset(
    {
        "E1029",  # ${Name} in a text that is no Fn::Sub: CloudFormation takes it as it is written
        "E1040",  # a Fn::GetAtt, and
        "E1041",  # a Ref whose value has another form than the property is thought to want
    }
)
# Of types whose attributes it does not know, as SAM's, it says this of every attribute.
_KNOWS_NONE = "is not one of []"
# Its list of keys of Globals lacks some that SAM has, FunctionUrlConfig among them.
# https://github.com/aws/serverless-application-model/blob/develop/samtranslator/plugins/globals/globals.py
_GLOBALS, _MORE_KEYS = "E3724", "Additional properties are not allowed"
_OF_AWS = "AWS::"


def is_guess(rule: str, message: str) -> bool:
    """Tell whether CloudFormation may well take what cfn-lint calls an error."""
    unknown_global = rule == _GLOBALS and message.startswith(_MORE_KEYS)
    return rule in _GUESSES or unknown_global or _KNOWS_NONE in message


def has_macros(template: TemplateDocument) -> bool:
    """Tell whether macros of the account's own change the template before it is looked at.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-macros.html
    """
    named = template.get("Transform")
    names = named if isinstance(named, list) else [named]
    return any(_is_own(one) for one in names) or _transforms(template)


def _is_own(name: Any) -> bool:
    if isinstance(name, dict):
        name = name.get("Name")
    return isinstance(name, str) and not name.startswith(_OF_AWS)


def _transforms(value: Any) -> bool:
    if isinstance(value, list):
        return any(_transforms(one) for one in value)
    if not isinstance(value, dict):
        return False
    return _is_own(value.get("Fn::Transform")) or any(_transforms(one) for one in value.values())
