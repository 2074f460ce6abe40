"""A script in the place of terraform, which destroys and makes the roles of a drill's foundation.

What it is told to stop at it waits at, so that something else happens meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tiercel.domain.accounts.terraform_plan import read_terraform_plan
from tiercel.domain.drill.foundation import foundation_of

_SCRIPT = """\
#!/bin/sh
world={world}
echo "$*" >> $world/calls
touch $world/reached-$1
while [ -e $world/stop-$1 ]; do sleep 0.02; done
case "$1 $*" in
    plan*-destroy*) if [ -e $world/roles ]; then echo delete > plan; else echo nothing > plan; fi ;;
    plan*) if [ -e $world/roles ]; then echo nothing > plan; else echo create > plan; fi ;;
    show*) cat $world/$(cat plan).json ;;
    apply*)
        if [ $(cat plan) = delete ]; then rm $world/roles; else touch $world/roles; fi
        if [ -e $world/fails-once ]; then rm $world/fails-once; exit 1; fi ;;
esac
"""


class FakeTerraform:
    """The roles are there, until they are destroyed."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Stand before any other terraform."""
        self._world = folder
        folder.mkdir()
        command = folder / "terraform"
        command.write_text(_SCRIPT.format(world=folder))
        command.chmod(0o755)
        for plan in ("delete", "create", "nothing"):
            (folder / f"{plan}.json").write_text(json.dumps(_shown(plan)))
        (folder / "roles").touch()
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    @property
    def calls(self) -> list[str]:
        """What it was called with, one verb each."""
        return [line.split()[0] for line in (self._world / "calls").read_text().splitlines()]

    @property
    def has_roles(self) -> bool:
        """Whether the roles are there."""
        return (self._world / "roles").exists()

    def fail_once(self) -> None:
        """Fail at the end of the next apply, as whoever is killed before he knows of its end."""
        (self._world / "fails-once").touch()

    def stop_at(self, verb: str) -> None:
        """Wait at this verb."""
        (self._world / f"stop-{verb}").touch()

    async def reached(self, verb: str, run: asyncio.Task[None]) -> None:
        """Return when the run, which is not to end before that, waits at this verb."""
        while not (self._world / f"reached-{verb}").exists():
            assert not run.done()
            await asyncio.sleep(0.01)

    def go_on(self, verb: str) -> None:
        """Let it go on from this verb."""
        (self._world / f"stop-{verb}").unlink()


def _shown(plan: str) -> dict[str, Any]:
    boundary = {
        "address": "module.runtime_account.aws_iam_policy.boundary",
        "type": "aws_iam_policy",
        "change": {"actions": [plan]},
    }
    return {"format_version": "1.2", "resource_changes": [boundary][plan == "nothing" :]}


FOUNDATION = foundation_of(
    *(read_terraform_plan("preprod", _shown(plan)) for plan in ("nothing", "delete"))
)
"""What is approved."""
