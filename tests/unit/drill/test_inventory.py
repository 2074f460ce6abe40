from __future__ import annotations

import pytest

from tiercel.domain.drill.inventory import DataKind, HeldData, name_in


@pytest.mark.parametrize(
    ("physical_id", "name"),
    [
        ("acme-preprod-files", "acme-preprod-files"),
        ("https://sqs.eu-central-1.amazonaws.com/222222222222/acme-preprod-q", "acme-preprod-q"),
        (
            "arn:aws:kafka:eu-central-1:222222222222:cluster/acme-preprod-k/1a-2",
            "acme-preprod-k/1a-2",
        ),
        ("arn:aws:thing:eu-central-1:222222222222:acme-preprod-t", "acme-preprod-t"),
        ("eu-central-1_Users", "eu-central-1_Users"),
    ],
)
def test_data_is_called_as_an_approval_names_it(physical_id: str, name: str) -> None:
    assert name_in(physical_id) == name


def test_what_nobody_counts_has_no_number() -> None:
    held = HeldData(kind=DataKind.USER_POOL, name="users", path="Users")
    assert held.line().startswith("user pool users: ")
    assert not any(character.isdigit() for character in held.line())
