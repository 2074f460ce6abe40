from __future__ import annotations

import pytest

from tests.support.topology import topology_of
from tiercel.domain.base.errors import ConfigurationError
from tiercel.domain.organization.stack_rules import STACK_SERVICES, StackNames, StackRules


def rules(text: str) -> StackRules:
    return (
        topology_of(more=f"[environments.preprod.stacks]\n{text}\n").environments["preprod"].stacks
    )


def test_without_a_word_names_are_free_and_every_service_is_there() -> None:
    found = topology_of().environments["prod"].stacks
    assert found == StackRules()
    assert found.names is StackNames.ANY
    assert found.services == STACK_SERVICES
    assert "arn:*:iam::*:role/OrganizationAccountAccessRole" in found.protected_resources
    assert "arn:*:iam::*:role/aws-reserved/*" in found.protected_resources
    assert found.protected_actions == ("cloudtrail:*", "config:*", "guardduty:*")


def test_what_is_protected_is_an_arn_a_role_or_a_whole_service() -> None:
    found = rules('protect = ["arn:aws:sqs:*:222222222222:payroll", "admin/Owner*", "backup:*"]')
    assert found.protected_resources == (
        "arn:aws:sqs:*:222222222222:payroll",
        "arn:*:iam::*:role/admin/Owner*",
    )
    assert found.protected_actions == ("backup:*",)


@pytest.mark.parametrize(
    "text",
    [
        'names = "free"',
        "services = []",
        'services = ["mainframe"]',
        'services = ["sqs", "sqs"]',
        'protect = ["arn:aws:sqs"]',
        'protect = ["arn:aws:sqs:*:222222222222:${named}"]',
        'protect = ["a\\", \\"b"]',
        'protect = ["sqs:Delete*"]',
        'protect = ["x", "x"]',
        "protect = [1]",
        "allow = []",
    ],
)
def test_a_rule_that_nobody_understands_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        rules(text)
    assert refusal.value.code == "configuration.invalid"
    assert f"environments.preprod.stacks.{text.split(maxsplit=1)[0]}" in refusal.value.why
