from __future__ import annotations

import json

import pytest

from tests.architecture.documents import text_of
from tests.support.access_matrix import PAGE, page
from tiercel.sandbox.accounts.templates import policy_folder, policy_names


def test_the_access_matrix_is_what_the_policies_say() -> None:
    assert PAGE.read_text() == page(), "run `make docs`"


@pytest.mark.parametrize("name", policy_names())
def test_every_statement_of_a_policy_is_a_row_of_the_matrix(name: str) -> None:
    text = text_of("docs/operate/access-matrix.md")
    for statement in json.loads((policy_folder() / f"{name}.json").read_text())["Statement"]:
        rows = [line for line in text.splitlines() if line.startswith(f"| {statement['Sid']} |")]
        said = "\n".join(rows)
        assert all(action.partition(":")[2] in said for action in statement["Action"])
        assert "None" not in said
