"""One job of `make actions` that needs no sandbox, so that every run of the suite has one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.actions.act import act
from tests.actions.comparison import compare

pytestmark = pytest.mark.process


def test_a_tag_that_is_pushed_starts_nothing_and_the_job_says_why(tmp_path: Path) -> None:
    payload = {
        "ref": "refs/tags/v1.0.0`$(reboot)`",
        "before": "0" * 40,
        "after": "1" * 40,
        "deleted": False,
        "repository": {"full_name": "acme/shop"},
    }
    nowhere = {"PREFECT_API_URL": "http://127.0.0.1:1/api"}
    compare(act(tmp_path, "preprod.yml", "push", payload, nowhere), "tag")
