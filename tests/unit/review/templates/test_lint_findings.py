from __future__ import annotations

from typing import Any

import pytest

from tiercel.domain.review.templates.lint_findings import has_macros, is_guess


@pytest.mark.parametrize(
    ("rule", "message", "guessed"),
    [
        ("E1029", "an embedded parameter", True),
        ("E1040", "does not match destination format", True),
        ("E1041", "does not match destination format", True),
        ("E1010", "'ApiId' is not one of [] in ['us-east-1']", True),
        ("E1010", "'ApiId' is not one of ['Arn'] in ['us-east-1']", False),
        (
            "E3724",
            "Additional properties are not allowed ('FunctionUrlConfig' was unexpected)",
            True,
        ),
        ("E3724", "'Globals' section requires the serverless transform", False),
        ("E2531", "Runtime 'nodejs14.x' was deprecated", False),
        ("E3002", "Additional properties are not allowed", False),
    ],
)
def test_what_cfn_lint_only_guesses_is_no_error(rule: str, message: str, guessed: bool) -> None:
    assert is_guess(rule, message) is guessed


@pytest.mark.parametrize(
    ("template", "macros"),
    [
        ({}, False),
        ({"Transform": "AWS::Serverless-2016-10-31"}, False),
        ({"Transform": ["AWS::LanguageExtensions", "AWS::Include"]}, False),
        ({"Transform": "Count"}, True),
        ({"Transform": [{"Name": "Count", "Parameters": {}}]}, True),
        ({"Resources": {"A": [{"Fn::Transform": {"Name": "AWS::Include"}}]}}, False),
        ({"Resources": {"A": [{"Fn::Transform": {"Name": "Count"}}]}}, True),
    ],
)
def test_macros_are_told_from_what_aws_transforms(template: dict[str, Any], macros: bool) -> None:
    assert has_macros(template) is macros
