"""What is asked again when GitHub or the network fails, and how a rate limit is waited for."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from github import GithubException
from github.Requester import Requester
from urllib3 import BaseHTTPResponse, Retry

from tiercel.domain.base.rate_limits import rate_limit_seconds
from tiercel.tasks.engine.pace import pause
from tiercel.tasks.engine.retry_budget import tries_once
from tiercel.tasks.engine.task import run_logger

RATE_LIMIT_BUDGET_SECONDS = 120.0
_REFUSED = (403, 429)


class PatientRetry(Retry):
    """Repeats reads that failed, and every request that met a rate limit.

    A write that failed otherwise is left to the caller, who looks first whether it was done;
    GitHub does nothing of a request that it refuses for its rate. PyGithub's own GithubRetry
    sleeps for any `Retry-After`, knows no limit with status 429 and sleeps unseen.
    """

    def __init__(
        self,
        *,
        budget: float = RATE_LIMIT_BUDGET_SECONDS,
        limited_seconds: float = 0.0,
        **more: Any,
    ) -> None:
        """Let one request wait at most `budget` seconds for rate limits.

        `limited_seconds` is how long GitHub asks to wait before the next attempt.
        """
        defaults: dict[str, Any] = {
            "total": 5,
            "backoff_factor": 0.5,
            "status_forcelist": range(500, 600),
            "allowed_methods": {"GET", "HEAD"},
            "respect_retry_after_header": False,
            "raise_on_status": False,
        }
        super().__init__(**(defaults | more))
        self._budget = budget
        self._limited_seconds = limited_seconds

    def new(self, **changes: Any) -> Self:
        """Return a copy, as urllib3 asks for one before each attempt."""
        return super().new(**({"budget": self._budget} | changes))

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:  # noqa: FBT001, FBT002
        """Tell whether `increment` is to look at an answer."""
        return status_code in _REFUSED or super().is_retry(method, status_code, has_retry_after)

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        *more: Any,
        **named: Any,
    ) -> Self:
        """Return what is left for the next attempt; raise when there is to be none.

        GithubException for a refusal that waiting does not help against. Inside `one_try` there is
        no next attempt.
        """
        if response is None or response.status not in _REFUSED:
            left = self.new(total=0) if tries_once() else self
            return super(PatientRetry, left).increment(method, url, response, *more, **named)
        headers = {name.lower(): value for name, value in response.headers.items()}
        body = _body(response)
        seconds = rate_limit_seconds(
            response.status, headers, str(body.get("message")), time.time()
        )
        if seconds is None or seconds > self._budget or tries_once():
            raise _refusal(response.status, headers, body)
        return self.new(budget=self._budget - seconds, limited_seconds=seconds)

    def sleep(self, response: BaseHTTPResponse | None = None) -> None:  # noqa: ARG002
        """Wait before the next attempt; a rate limit shows in the run's log."""
        if self._limited_seconds:
            ends = datetime.now(UTC) + timedelta(seconds=self._limited_seconds)
            run_logger().warning(
                "GitHub's rate limit is used up: waiting %.0f s, until %s UTC",
                self._limited_seconds,
                f"{ends:%H:%M:%S}",
            )
        pause(self._limited_seconds or self.get_backoff_time())


def _body(response: BaseHTTPResponse) -> dict[str, Any]:
    try:
        body = json.loads(response.data)
    except ValueError:
        return {}
    odd = not isinstance(body, dict) or not isinstance(body.get("message", ""), str)
    return {} if odd else body


def _refusal(status: int, headers: Mapping[str, str], body: dict[str, Any]) -> GithubException:
    return Requester.createException(status, dict(headers), body)
