"""Variables in policies, such as ${aws:PrincipalTag/team}."""
# ruff: noqa: SLF001 - what is corrected has only private names

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from ministack.core import iam_evaluator

_VARIABLE = re.compile(r"\$\{\s*([^},\s]+)\s*(?:,\s*'([^']*)'\s*)?\}")


class _UnknownError(Exception):
    """The request has no value for a variable that has no default."""


def fill_in_variables() -> None:
    """A variable in a resource or a condition stands for a key of the request.

    A statement with a variable for which there is neither value nor default does not match. The
    emulator takes variables for text.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
    """
    original = iam_evaluator._first_match

    def first_match(
        context: iam_evaluator.EvalContext,
        statements: list[iam_evaluator.ParsedStatement],
        effect: str,
    ) -> iam_evaluator.ParsedStatement | None:
        for statement in statements:
            filled = _filled(statement, context) if _has_variables(statement) else statement
            if filled and original(context, [filled], effect):
                return statement
        return None

    iam_evaluator._first_match = first_match


def _has_variables(statement: iam_evaluator.ParsedStatement) -> bool:
    texts = (*statement.resources, *statement.not_resources)
    return any("${" in one for one in texts) or "${" in str(statement.conditions)


def _filled(
    statement: iam_evaluator.ParsedStatement, context: iam_evaluator.EvalContext
) -> iam_evaluator.ParsedStatement | None:
    """Return the statement with values for its variables; None when one is not known."""
    try:
        return replace(
            statement,
            resources=_with_values(statement.resources, context),
            not_resources=_with_values(statement.not_resources, context),
            conditions={
                operator: {key: _with_values(value, context) for key, value in keys.items()}
                for operator, keys in statement.conditions.items()
            },
        )
    except _UnknownError:
        return None


def _with_values(value: Any, context: iam_evaluator.EvalContext) -> Any:
    if isinstance(value, list):
        return [_with_values(one, context) for one in value]
    if not isinstance(value, str):
        return value

    def told(match: re.Match[str]) -> str:
        known = iam_evaluator._resolve_condition_key(match[1], context)
        found = match[2] if known is None else known
        if not isinstance(found, str):
            raise _UnknownError
        return found

    return _VARIABLE.sub(told, value)
