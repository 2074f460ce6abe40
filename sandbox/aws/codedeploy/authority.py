"""Whether a deployment group's service role may make a call; the gateway's own judge is asked."""

from __future__ import annotations

from collections.abc import Callable

Judge = Callable[[str, str, str], None]
"""Takes a role's ARN, an action and a resource; raises ValueError if the role may not."""


class Authority:
    """Asks the judge that the service was given when it was registered."""

    def __init__(self) -> None:
        """Nobody judges yet."""
        self.judge: Judge | None = None

    def require(self, role: str, action: str, resource: str) -> None:
        """Raise ValueError unless the role may; a service without a judge is no service."""
        if self.judge is None:
            raise ValueError("CodeDeploy was not registered with anybody who judges permissions")
        self.judge(role, action, resource)


authority = Authority()
