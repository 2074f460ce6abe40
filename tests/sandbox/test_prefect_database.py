"""How the sandbox begins its Prefect server: no empty database is migrated, no port is lost."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.codes import because
from tiercel.domain.base.errors import TiercelError
from tiercel.sandbox.machine.layout import Layout
from tiercel.sandbox.machine.prefect_database import copy_database, make_database
from tiercel.sandbox.machine.prefect_server import start_prefect
from tiercel.sandbox.machine.processes import bind, stop


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


@pytest.mark.process
def test_nobody_can_take_the_port_of_a_server_that_does_not_answer_yet(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "state")
    layout.create()
    server = start_prefect(layout, 0)
    try:
        with pytest.raises(TiercelError, check=because("sandbox.port_taken")):
            bind(server.port)
    finally:
        stop([server.process])
