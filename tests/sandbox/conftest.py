from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.support import TOPOLOGY
from tiercel.sandbox.lifecycle import Sandbox, down, up


@pytest.fixture(scope="session")
def box() -> Iterator[Sandbox]:
    state = Path(tempfile.mkdtemp(prefix="sandbox-"))
    try:
        yield up(state, TOPOLOGY, prefect=False, github=False)
    finally:
        down(state)
        shutil.rmtree(state)
