"""What a capture of a terminal loses before it is compared with another one of the same thing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.captures.masks import broken, masked

FOLDER = Path("/tmp/captures-x1y2")


@pytest.mark.parametrize(
    ("seen", "left"),
    [
        ("AWS at http://127.0.0.1:35929", "AWS at http://127.0.0.1:00000"),
        ("Publish 622efe7 and deploy it", "Publish 0000000 and deploy it"),
        ("Publish 5906836 and deploy it", "Publish 0000000 and deploy it"),
        ("Publish defaced and deploy it", "Publish 0000000 and deploy it"),
        (
            "published artifact 520316497812, 3 packages",
            "published artifact 000000000000, 3 packages",
        ),
        ("at https://91984281.execute-api.eu", "at https://00000000.execute-api.eu"),
        ("Crossed: Sum 4.0 Greater 3.0", "Crossed: Sum 0.0 Greater 3.0"),
        ("account 222222222222, code 0.2.0", "account 222222222222, code 0.2.0"),
        ("stack acme-preprod-catalog is live", "stack acme-preprod-catalog is live"),
        ("CatalogErrors-CB380C1EF3B4A is ALARM", "CatalogErrors-0000000000000 is ALARM"),
        ("deployment d-O29JSWO2O", "deployment d-000000000"),
        ("2026-12-01 12:49:42", "0000-00-00 00:00:00"),
        ("✓ done in 191 s", "✓ done in N s"),
        ("   9.1 s  web: d-O29JSWO2O: Stopped: One or", "   0.0 s  web: goes back"),
        ("   9.1 s  web: UPDATE_ROLLBACK_IN_PROGRESS AWS::", "   0.0 s  web: goes back"),
        (f"as {FOLDER}/.tiercel says", "as ~/.tiercel says"),
    ],
)
def test_times_ids_and_places_go_and_names_stay(seen: str, left: str) -> None:
    assert masked(seen, FOLDER) == f"{left}\n"


def test_lines_with_a_clock_are_sorted_with_what_stands_below_them() -> None:
    seen = "  10.3 s  web: live\n           and well\n   9.1 s  api: live\nPreprod\n"

    shown = masked(seen, FOLDER).splitlines()

    assert [line.split()[-1] for line in shown] == ["live", "live", "well", "Preprod"]
    assert "api" in shown[0]


def test_of_a_timeline_the_flows_are_left() -> None:
    seen = (
        " flow, service  seconds",
        " verify (2 runs)  9.1  ━━━━",
        "   api            3.0  ━━",
        " deploy           2.0  ━",
        "End",
    )

    assert masked("\n".join(seen), FOLDER).splitlines() == [" deploy", " verify", "End"]


def test_a_line_that_is_too_long_is_broken_where_a_terminal_breaks_it() -> None:
    assert broken("short\n\nQueue-0000000000000\n", 12) == "short\n\nQueue-000000\n0000000\n"
