"""What a template's conditions come to, as far as that is known when its packages are made.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-conditions.html
"""

from __future__ import annotations

from itertools import product
from typing import Any

from tiercel.domain.template.intrinsics import TemplateScope, texts_of

_EITHER = frozenset({True, False})
_DEEPEST = 32


def decided(value: Any, scope: TemplateScope) -> Any:
    """Return a value with the side of each Fn::If whose condition is the same in every environment.

    One that may come out either way stays as it is written.
    """
    if isinstance(value, list):
        return [decided(one, scope) for one in value]
    if not isinstance(value, dict):
        return value
    choice = value.get("Fn::If")
    if isinstance(choice, list) and len(choice) == 3:
        comes_out = _named(choice[0], scope, 0)
        if len(comes_out) == 1:
            return decided(choice[1] if True in comes_out else choice[2], scope)
    return {name: decided(one, scope) for name, one in value.items()}


def _named(name: Any, scope: TemplateScope, depth: int) -> frozenset[bool]:
    conditions = scope.template.get("Conditions")
    if depth > _DEEPEST or not isinstance(conditions, dict) or name not in conditions:
        return _EITHER
    return _outcomes(conditions[name], scope, depth + 1)


def _outcomes(condition: Any, scope: TemplateScope, depth: int) -> frozenset[bool]:
    """Return what a condition may come to: both, where that is not known yet."""
    if not isinstance(condition, dict) or len(condition) != 1 or depth > _DEEPEST:
        return _EITHER
    (function, given), *_ = condition.items()
    if function == "Condition":
        return _named(given, scope, depth)
    if function == "Fn::Equals" and isinstance(given, list) and len(given) == 2:
        return _equal(given, scope)
    parts = [_outcomes(one, scope, depth + 1) for one in given] if isinstance(given, list) else []
    if function == "Fn::Not" and len(parts) == 1:
        return frozenset(not one for one in parts[0])
    if function in ("Fn::And", "Fn::Or") and parts:
        meets = all if function == "Fn::And" else any
        return frozenset(meets(one) for one in product(*parts))
    return _EITHER


def _equal(given: list[Any], scope: TemplateScope) -> frozenset[bool]:
    first, second = (texts_of(one, scope) for one in given)
    if any("${" in text for text in (*first, *second)):
        return _EITHER
    return frozenset(one == other for one in first for other in second) or _EITHER
