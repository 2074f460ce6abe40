from __future__ import annotations

import json

from tests.chaos.report import page
from tests.chaos.rows import ROWS
from tests.support.commands import ROOT


def test_the_page_shows_every_row_and_what_was_measured_last() -> None:
    measured = json.loads((ROOT / "docs" / "understand" / "reliability.json").read_text("utf-8"))

    shown = (ROOT / "docs" / "understand" / "reliability.md").read_text("utf-8")

    assert shown == page(measured, ROWS)
    assert measured.keys() <= {row.key for row in ROWS}
