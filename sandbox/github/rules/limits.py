"""The primary rate limit: so many requests an hour and token.

https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tiercel.sandbox.github.memory.world import JsonObject, World
from tiercel.sandbox.github.rules.auth import Actor
from tiercel.sandbox.github.rules.errors import RATE_LIMITED, ApiError

_WINDOW_SECONDS = 3600


@dataclass
class _Window:
    ends: int
    used: int = 0


class Limits:
    """Counts requests; what was counted is forgotten when the stand-in stops."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._windows: dict[int, _Window] = {}

    def count(self, actor: Actor) -> None:
        """Count a request; ApiError 403 when the hour's requests are used up."""
        window = self._window(actor)
        if window.used >= self._world.settings.rate_limit:
            name = f"user ID {actor.user.id}" if actor.user else "127.0.0.1"
            raise ApiError(RATE_LIMITED, message=f"API rate limit exceeded for {name}.")
        window.used += 1

    def headers(self, actor: Actor) -> dict[str, str]:
        """Return the headers that tell a client how much it has left."""
        values = self.overview(actor)["rate"]
        headers = {f"X-RateLimit-{name.capitalize()}": str(n) for name, n in values.items()}
        return headers | {"X-RateLimit-Resource": "core"}

    def overview(self, actor: Actor) -> JsonObject:
        """Return the answer to a question about the rate limit, which costs nothing."""
        window, limit = self._window(actor), self._world.settings.rate_limit
        used = min(window.used, limit)
        core = {"limit": limit, "used": used, "remaining": limit - used, "reset": window.ends}
        search = {"limit": 30, "used": 0, "remaining": 30, "reset": window.ends}
        return {"resources": {"core": core, "search": search}, "rate": core}

    def _window(self, actor: Actor) -> _Window:
        key = actor.token.id if actor.token else 0
        now = self._world.now().timestamp()
        window = self._windows.get(key)
        if window is None or window.ends <= now:
            window = self._windows[key] = _Window(math.ceil(now) + _WINDOW_SECONDS)
        return window
