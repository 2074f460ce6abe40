"""The first thing that a person sees of a command, before anything that takes long is imported."""

from __future__ import annotations

import time

import pytest

from tests.support.patience import PATIENCE_SECONDS
from tiercel.cli.terminal.running.sign_of_life import _CLEAR, _Sign


def test_a_sign_is_there_at_once_and_gone_without_a_trace_before_the_first_word(
    capfd: pytest.CaptureFixture[str],
) -> None:
    sign, shown = _Sign(), ""
    sign.begin("tiercel deploy")
    until = time.monotonic() + PATIENCE_SECONDS
    while not shown and time.monotonic() < until:
        shown = capfd.readouterr().err
    sign.end()
    assert shown.startswith(_CLEAR.decode() + "tiercel deploy ...")
    assert capfd.readouterr().err.endswith(_CLEAR.decode())
    sign.end()
    assert capfd.readouterr().err == "", "what is taken away is taken away once"
