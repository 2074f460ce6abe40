"""The schema of tiercel.toml by the judgement of a language server that editors use."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.commands import ROOT
from tiercel.domain.configuration.schema import configuration_schema

TAPLO = shutil.which("taplo") or ""
pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(not TAPLO, reason="there is no taplo: `pip install taplo`"),
]
RIGHT = (ROOT / "tiercel.toml").read_text("utf-8")


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("", "", ""),
        ("\nseconds = 30", '\nseconds = "30"', '"30" is not of type "integer"'),
        ('\nwhere = "isolated"', '\nwere = "isolated"', "'were' was unexpected"),
    ],
)
def test_a_file_that_names_the_schema_is_checked_by_it(
    right: str, wrong: str, told: str, tmp_path: Path
) -> None:
    (tmp_path / "schema.json").write_text(json.dumps(configuration_schema()))
    text = RIGHT.replace(right, wrong, 1)
    (tmp_path / "tiercel.toml").write_text(f"#:schema ./schema.json\n{text}")
    ended = subprocess.run(
        [TAPLO, "lint", "tiercel.toml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (ended.returncode == 0) is (told == "")
    assert told in ended.stderr
