"""Counts at the end of a session what GitHub's own description says of all that was seen.

A plugin of the whole test suite: with pytest-xdist each worker checks what it saw and hands
the result to the controller, which adds up, prints and fails the session if something is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.github.webhook_receiver import Delivered
from tiercel.sandbox.github.http.journal import ApiExchange

HERE = Path(__file__).parent
_OUTPUT = "github_tally"


@dataclass
class Watched:
    """What the stand-ins of this process said, and what they model."""

    exchanges: list[ApiExchange] = field(default_factory=list)
    deliveries: list[Delivered] = field(default_factory=list)
    modelled: set[str] = field(default_factory=set)


@dataclass
class Tally:
    """What was held against the descriptions; lists, because workers send it as JSON."""

    operations: list[str] = field(default_factory=list)
    responses: int = 0
    requests: int = 0
    violations: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    deliveries: int = 0
    wrong_deliveries: list[str] = field(default_factory=list)
    used: list[str] = field(default_factory=list)
    modelled: list[str] = field(default_factory=list)
    unavailable: str = ""

    def plus(self, other: Tally) -> Tally:
        """Return what two processes saw together."""
        mine, more = asdict(self), asdict(other)
        return Tally(**{name: _both(value, more[name]) for name, value in mine.items()})

    def lines(self) -> list[str]:
        """Return what a person reads at the end."""
        if self.unavailable:
            return [f"GitHub OpenAPI: nothing validated: {self.unavailable}"]
        api = (
            f"GitHub OpenAPI: {len(self.operations)} operations, {self.responses} responses, "
            f"{self.requests} requests validated, {len(self.violations)} violations"
        )
        webhooks = (
            f"GitHub webhooks: {len(self.events)} events, {self.deliveries} deliveries "
            f"validated, {len(self.wrong_deliveries)} violations"
        )
        return [api, webhooks]

    def problems(self, *, complete: bool) -> list[str]:
        """Return why the session is to fail; an unused operation counts if all tests ran."""
        unused = sorted({*self.modelled} - {*self.used}) if complete else []
        never = [f"modelled, and never used: {name}" for name in unused]
        if complete and not self.unavailable and not (self.responses and self.deliveries):
            never.append("nothing was validated")
        return [*self.violations, *self.wrong_deliveries, *never]


def _both(one: Any, other: Any) -> Any:
    if isinstance(one, list):
        return sorted({*one, *other})
    return one + other if isinstance(one, int) else one or other


_WATCHED = pytest.StashKey[Watched]()
_SUM = pytest.StashKey[Tally]()
_PROBLEMS = pytest.StashKey[list[str]]()
_IN_PARTS = pytest.StashKey[bool]()


def watched(config: pytest.Config) -> Watched:
    """Return what is looked at when the session ends; fixtures add to it."""
    return config.stash.setdefault(_WATCHED, Watched())


def tally_of(seen: Watched) -> Tally:
    """Hold what one process saw against the descriptions."""
    # Imported here: most sessions do not need the validators, which take a while.
    from tests.sandbox.github.description import load_api, load_webhooks
    from tests.sandbox.github.fidelity import ApiChecker, WebhookChecker, check_all
    from tests.support.npm_files import UnavailableError

    used = {f"{item.method} {item.operation}" for item in seen.exchanges if item.status < 300}
    tally = Tally(used=sorted(used), modelled=sorted(seen.modelled))
    try:
        api = check_all(ApiChecker(load_api()), seen.exchanges)
        checker = WebhookChecker(load_webhooks())
    except UnavailableError as reason:
        tally.unavailable = str(reason)
        return tally
    for item in seen.deliveries:
        if item.headers["content-type"] == "application/json":
            checker.check(item.event, item.headers, item.payload)
    tally.operations, tally.responses = sorted(api.operations), api.responses
    tally.requests, tally.violations = api.requests, sorted(set(api.violations))
    tally.events, tally.deliveries = sorted(checker.verdict.operations), checker.verdict.responses
    tally.wrong_deliveries = sorted(set(checker.verdict.violations))
    return tally


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == HERE:
            item.config.stash[_IN_PARTS] = True


def is_complete(session: pytest.Session) -> bool:
    """Tell whether every test of this folder was to run, here or in another worker."""
    in_parts = _IN_PARTS in session.config.stash or any("::" in a for a in session.config.args)
    return not in_parts and set(HERE.glob("test_*.py")) <= {item.path for item in session.items}


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what a worker of pytest-xdist saw."""
    sent = getattr(node, "workeroutput", {}).get(_OUTPUT)
    if sent:
        tally, complete = json.loads(sent)
        _take(node.config, Tally(**tally), complete=complete)


def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    if _WATCHED in config.stash:
        tally, complete = tally_of(config.stash[_WATCHED]), is_complete(session)
        output = getattr(config, "workeroutput", None)
        if output is not None:
            output[_OUTPUT] = json.dumps([asdict(tally), complete])
            return
        _take(config, tally, complete=complete)
    if session.exitstatus == pytest.ExitCode.OK and config.stash.get(_PROBLEMS, []):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _take(config: pytest.Config, tally: Tally, *, complete: bool) -> None:
    config.stash[_SUM] = config.stash.get(_SUM, Tally()).plus(tally)
    config.stash[_PROBLEMS] = config.stash[_SUM].problems(complete=complete)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    stash = terminalreporter.config.stash
    if _SUM in stash:
        for line in stash[_SUM].lines():
            terminalreporter.write_line(line)
        for problem in stash[_PROBLEMS][:20]:
            terminalreporter.write_line(problem, red=True)
