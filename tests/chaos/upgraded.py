"""Cases: the worker is upgraded while a promotion waits, and another code takes the second half."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import tiercel
from tests.chaos.frame import Case
from tests.chaos.victims import Victims, victims
from tests.chaos.waiting import Promoted
from tests.chaos.world import difference, digest
from tiercel.domain.approvals.waiting import OpenWait, WaitEnding
from tiercel.domain.base.errors import ExitCode

Edits = tuple[tuple[str, str, str], ...]
"""The path of a module below `tiercel`, and what is put in the place of what there."""

_CHANGE, _RECORD = "domain/stack/plan.py", "domain/approvals/plans.py"
_PLANS = "flows/promotion/promotion_plans.py"
_FIELD, _TOLD = "    live: int\n    artifact_id", "            self.unchanged,\n"
_NEWER: Edits = (
    (_CHANGE, '    nested_in: str = ""\n', '    nested_in: str = ""\n    hook: str = ""\n'),
    (_RECORD, _FIELD, f'    shown_by: str = "another"\n{_FIELD}'),
)
"""What is known of a change, and of a service in a plan, has become more."""
_OTHER_DIGEST: Edits = (
    (_RECORD, _FIELD, f'    hooks: str = ""\n{_FIELD}'),
    (_RECORD, _TOLD, f"{_TOLD}            *([self.hooks] if self.hooks else []),\n"),
    (
        _PLANS,
        "        unchanged=unchanged,\n",
        '        unchanged=unchanged,\n        hooks="one",\n',
    ),
)
"""A word is bound to more than before: what was planned before has the digest that it had."""


@dataclass(frozen=True)
class Upgrade:
    """The promotion of an update, and what a clean one leaves."""

    promoted: Promoted
    clean: Mapping[str, Any]

    def carried_on(self, edits: Edits) -> None:
        """The word that was given before the upgrade counts after it, for the same digest."""
        self._asked()
        with self._another(edits) as newer:
            self._ends(newer, ExitCode.OK)
        self._is_as_clean()

    def taken_back(self, edits: Edits) -> None:
        """What a newer Tiercel has planned is carried out by this one."""
        one = self.promoted
        one.begin(1)
        with self._another(edits) as newer:
            self._ends(newer, ExitCode.WAITING)
        found = one.waiting()
        assert found
        key = f"approvals/plans/{found.plan.digest}.json"
        plan = one.gated.read("infrastructure", one.gated.names.artifact_bucket, key)
        assert "shown_by" in json.loads(plan)["services"][0], "it was planned by this Tiercel"
        one.approve(found.plan.digest)
        one.go_on()
        self._is_as_clean()

    def planned_again(self, edits: Edits) -> None:
        """A digest that the upgrade has made another voids the word, and the run says so."""
        one, before = self.promoted, self._asked()
        with self._another(edits) as newer:
            said = self._ends(newer, ExitCode.WAITING)["error"]
            assert "its digest is another" in said["why"], said
            assert one.gated.operations(one.subjects[0]) == self.clean["operations"][0][:1]
            one.approve(said["where"].rpartition(" ")[2])
            self._ends(newer, ExitCode.OK)
        state = one.state()
        assert state["operations"] == self.clean["operations"]
        assert state["left"] == []
        asked = [plan for key, plan, _ in state["waited"] if key.endswith("asked.json")]
        ended = [how for key, _, how in state["waited"] if key.endswith("ended.json")]
        assert ended == [WaitEnding.CHANGED, WaitEnding.EXECUTED]
        assert asked[0] == before.plan.digest != asked[1]

    def _asked(self) -> OpenWait:
        one = self.promoted
        one.begin(1)
        found = one.waits()
        one.approve(found.plan.digest)
        return found

    def _is_as_clean(self) -> None:
        state = self.promoted.state()
        assert digest(state) == digest(dict(self.clean)), difference(state, dict(self.clean))

    def _ends(self, newer: Victims, wanted: ExitCode) -> dict[str, Any]:
        code, said = newer.end(newer.start("promote", "", **self.promoted.wanted))
        assert code == wanted, (code, said)
        return said

    @contextmanager
    def _another(self, edits: Edits) -> Iterator[Victims]:
        """Runs of a Tiercel that differs by some edits."""
        with tempfile.TemporaryDirectory(prefix="tiercel-newer-") as folder:
            package = Path(folder, "tiercel")
            shutil.copytree(Path(tiercel.__file__).parent, package)
            for path, before, after in edits:
                module = package / path
                text = module.read_text("utf-8")
                assert text.count(before) == 1, path
                module.write_text(text.replace(before, after), "utf-8")
            with victims(self.promoted.gated, Path(folder)) as newer:
                yield newer


def upgrades(promoted: Promoted, clean: Mapping[str, Any]) -> Iterator[Case]:
    one = Upgrade(promoted, clean)
    cases: tuple[tuple[str, Callable[[Edits], None], Edits], ...] = (
        ("upgraded meanwhile, the same digest", one.carried_on, _NEWER),
        ("taken back to the version before meanwhile", one.taken_back, _NEWER),
        ("upgraded meanwhile, another digest", one.planned_again, _OTHER_DIGEST),
    )
    for name, check, edits in cases:
        yield Case(name, partial(check, edits))
