"""A new sandbox does not wait for Prefect to migrate an empty database."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tiercel.sandbox.machine.prefect_database import copy_database, make_database


def test_a_new_home_gets_a_database_that_is_migrated_and_empty(tmp_path: Path) -> None:
    make_database()

    copy_database(tmp_path)

    with closing(sqlite3.connect(tmp_path / "prefect.db")) as database:
        assert database.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)
        assert database.execute("SELECT count(*) FROM flow_run").fetchone() == (0,)
    assert [file.name for file in tmp_path.iterdir()] == ["prefect.db"]


def test_a_database_that_is_there_is_kept(tmp_path: Path) -> None:
    make_database()
    (tmp_path / "prefect.db").write_bytes(b"a person's runs")

    copy_database(tmp_path)

    assert (tmp_path / "prefect.db").read_bytes() == b"a person's runs"
