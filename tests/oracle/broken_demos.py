"""Whole demos in accounts that lack one permission: what the person at the terminal is told."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.oracle.accounts import Policies
from tests.oracle.mutants import Mutant
from tests.oracle.needs import allows
from tests.support.commands import error_in, run
from tiercel.domain.base.errors import ExitCode
from tiercel.sandbox.lifecycle import status


@dataclass(frozen=True)
class BrokenDemo:
    """A permission that is taken away, and what the message has to say of it."""

    policy: str
    sid: str
    who: str
    action: str
    resource: str

    @property
    def allow(self) -> Mutant:
        """The policy without the statement."""
        return next(one for one in allows() if (one.name, one.sid) == (self.policy, self.sid))

    def faults(self, error: dict[str, Any]) -> list[str]:
        """Return what is missing in the parts of an error, as `--json` has them."""
        why = error.get("why", "")
        wanted = {
            "who was refused": self.who in why,
            "what was refused": f"perform: {self.action} on resource: " in why,
            "on what": self.resource in why,
            "what was tried": error.get("what", "").startswith("not allowed to "),
            "where": bool(error.get("where")),
            "what to do": "tiercel check" in error.get("remedy", ""),
            "no trace": "Traceback" not in json.dumps(error),
        }
        return [f"the message lacks {name}: {error}" for name, holds in wanted.items() if not holds]


BROKEN = (
    BrokenDemo(
        "orchestrator-permissions",
        "BecomeDeployerAndAuditor",
        "assumed-role/acme-preprod-orchestrator/",
        "sts:AssumeRole",
        "role/acme-preprod-deployer",
    ),
    BrokenDemo(
        "deployer-permissions",
        "StagePackages",
        "assumed-role/acme-preprod-deployer/",
        "s3:GetObject",
        "acme-preprod-staging-222222222222-eu-central-1/packages/",
    ),
    BrokenDemo(
        "orchestrator-permissions",
        "PullVerifiedArtifacts",
        "assumed-role/acme-prod-orchestrator/",
        "s3:GetObject",
        "acme-preprod-artifacts-111111111111-eu-central-1/",
    ),
)


def play(demo: BrokenDemo, state: Path) -> list[str]:
    """Run a demo in a new state folder without the permission; return what is wrong with it."""
    place = ("--state", str(state))
    try:
        code, _, errors = run("sandbox", "up", *place)
        box = status(state)
        if code or box is None:
            return [f"the sandbox did not start: {errors}"]
        Policies(box).take_away(demo.allow)
        code, output, errors = run("demo", *place, "--json")
    finally:
        run("sandbox", "down", "--quiet", *place)
    if code != ExitCode.UNREACHABLE:
        return [f"the demo ended with {code}: {output}{errors}"]
    error = error_in(output)
    # Refused for several services, it is one failure that has them as causes.
    return demo.faults((error["causes"] or [error])[0])
