"""The pace of the tests: waits of the product take a fiftieth of their time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tiercel.tasks.engine.pace import PACE_VARIABLE, paced

PACE = "0.02"
NOWHERE = "http://127.0.0.1:9"
"""What a test takes for AWS that has no sandbox: nobody listens there."""


def hurry() -> None:
    """Set the pace for this process and those that it starts, and let no call reach AWS."""
    os.environ[PACE_VARIABLE] = PACE
    os.environ.setdefault("AWS_ENDPOINT_URL", NOWHERE)


@contextmanager
def botocore_at_pace() -> Iterator[None]:
    """Let botocore, which has no setting for it, wait between its tries as the product does."""
    from botocore.retries.standard import ExponentialBackoff

    usual = ExponentialBackoff.delay_amount

    def delay_amount(self: Any, context: Any) -> float:
        return paced(usual(self, context))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ExponentialBackoff, "delay_amount", delay_amount)
        yield
