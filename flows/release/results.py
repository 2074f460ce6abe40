"""What a flow returns for each service."""

from __future__ import annotations

from dataclasses import dataclass

from tiercel.domain.artifact.manifest import Manifest
from tiercel.domain.release.ledger import Release
from tiercel.domain.stack.observed import Stack


@dataclass(frozen=True)
class Published:
    """A service's artifact and whether this run built it; `uploaded` counts new packages."""

    manifest: Manifest
    built: bool
    uploaded: int


@dataclass(frozen=True)
class Released:
    """The release that is live, its stack, and whether this run changed anything."""

    release: Release
    stack: Stack
    changed: bool

    @property
    def outputs(self) -> dict[str, str]:
        """What dependents receive as parameters."""
        return self.stack.outputs

    @property
    def answer(self) -> str:
        """What the smoke test got, empty where there is none."""
        return self.release.outcome.smoke_test if self.release.outcome else ""


@dataclass(frozen=True)
class VerifiedService:
    """The release that verified a service's artifact, and whether this run made it."""

    release: Release
    tried: bool
