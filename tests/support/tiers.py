"""The quick tier, which starts no process, and the order in which the whole suite is quick.

A test that starts a process has the marker `process`: from a fixture that starts one, from its
folder, or written down. A test without it that starts one fails, in every tier.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.support import forked_workers

QUICK_SECONDS = 2.0
_ROOT = Path(__file__).parents[2]
_FIXTURES = frozenset(
    {
        "aws",
        "box",
        "operator",
        "oracle",
        "origin",
        "place",
        "play",
        "prefect_server",
        "sandbox",
        "sandbox_judge",
        "server",
        "stand_in",
    }
)
_FOLDERS = ("tests/chaos/", "tests/corpus/", "tests/end_to_end/", "tests/oracle/")
_EVENTS = frozenset({"os.fork", "os.forkpty", "os.posix_spawn", "os.system", "subprocess.Popen"})

# Files that share an expensive start run in one worker; what takes longest begins first. Files
# of end_to_end wait for real time-outs most of the time: each is a group, beside those that work.
_GROUPS = (
    ("tests/oracle/test_terraform", 0),
    ("tests/end_to_end/test_demo", 0),
    ("tests/flows/", 2),
    ("tests/end_to_end/", 0),
    ("tests/actions/", 0),
    ("tests/adversary/", 1),
    ("tests/image/", 0),
    ("tests/chaos/", 1),
    ("tests/corpus/", 0),
    ("tests/tasks/", 2),
    ("tests/sandbox/github/", 1),
    ("tests/sandbox/", 1),
    ("tests/oracle/", 0),
    ("tests/architecture/", 0),
    ("tests/unit/", 0),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="only what starts no process, in time")
    parser.addoption("--actions", action="store_true", help="the workflows, by act")
    parser.addoption("--foundation", action="store_true", help="a drill of Terraform's resources")
    parser.addoption("--adversary", action="store_true", help="all attacks, and not a sample")
    parser.addoption("--image", action="store_true", help="the container image, built and started")
    parser.addoption("--base", default="", help="what the image is built on: NAME@sha256:DIGEST")


class ProcessGuard:
    """Makes a test fail that starts a process although it is not marked so."""

    def __init__(self) -> None:
        self.test = ""

    def __call__(self, event: str, _: tuple[Any, ...]) -> None:
        """Judge one audit event: https://docs.python.org/3/library/audit_events.html."""
        if event in _EVENTS and self.test:
            raise AssertionError(f"a test without the marker `process` starts one: {event}")


_GUARD = pytest.StashKey[ProcessGuard]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_GUARD] = ProcessGuard()
    if config.pluginmanager.has_plugin("xdist"):
        config.pluginmanager.register(_Groups())
        if forked_workers.POSSIBLE:
            config.pluginmanager.register(forked_workers.ForkedWorkers())
    sys.addaudithook(config.stash[_GUARD])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if _starts_processes(item):
            item.add_marker(pytest.mark.process)
    if config.getoption("--quick"):
        config.hook.pytest_deselected(items=[one for one in items if _is_slow(one)])
        items[:] = [one for one in items if not _is_slow(one)]
    groups = _groups([_file(item) for item in items])
    items.sort(key=lambda item: groups[_file(item)])


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    """Gives a worker a whole group at a time.

    xdist's own groups are written into ids of tests, where pytest 9.2 does not look for them.
    """

    def _split_scope(self, nodeid: str) -> str:
        collected = next(iter(self.registered_collections.values()))
        if not hasattr(self, "_found"):
            self._found = _groups([_file_of(one) for one in collected])
        return self._found[_file_of(nodeid)][1]


class _Groups:
    """A hook of xdist's, which is not known where there is no xdist."""

    @pytest.hookimpl
    def pytest_xdist_make_scheduler(
        self, config: pytest.Config, log: Producer
    ) -> GroupScheduling | None:
        """Return our scheduler for `--dist loadgroup`, and leave the others alone."""
        return GroupScheduling(config, log) if config.getoption("dist") == "loadgroup" else None


def _starts_processes(item: pytest.Item) -> bool:
    names = getattr(item, "fixturenames", ())
    return _file(item).startswith(_FOLDERS) or not _FIXTURES.isdisjoint(names)


def _is_slow(item: pytest.Item) -> bool:
    return any(item.get_closest_marker(name) for name in ("process", "slow"))


def _file(item: pytest.Item) -> str:
    return item.path.relative_to(_ROOT).as_posix()


def _file_of(nodeid: str) -> str:
    return nodeid.partition("::")[0]


def _groups(files: list[str]) -> dict[str, tuple[int, str]]:
    """The place in the order and the group of every file, each named once for each of its tests.

    Files of a folder are dealt out by turns, the one with most tests first.
    """
    sizes: dict[str, int] = {}
    for file in files:
        sizes[file] = sizes.get(file, 0) + 1
    dealt: dict[str, int] = {}
    found: dict[str, tuple[int, str]] = {}
    for file in sorted(sizes, key=lambda one: (-sizes[one], one)):
        rank, (folder, count) = next(
            (rank, group) for rank, group in enumerate(_GROUPS) if file.startswith(group[0])
        )
        turn = dealt[folder] = dealt.get(folder, -1) + 1
        found[file] = (rank, f"{folder}{turn % count}" if count else file)
    return found


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    guard, marked = item.config.stash[_GUARD], item.get_closest_marker("process")
    guard.test = "" if marked else item.nodeid
    before = _spent()
    try:
        result = yield
    finally:
        guard.test = ""
    seconds = _spent() - before
    if item.config.getoption("--quick") and seconds > QUICK_SECONDS:
        pytest.fail(f"a test of the quick tier took {seconds:.1f} s: at most {QUICK_SECONDS} s")
    return result


def _spent() -> float:
    """Seconds of this thread, without those in which it was ready and others had the processor.

    https://docs.kernel.org/scheduler/sched-stats.html#proc-pid-schedstat
    """
    try:
        waited = int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
    except OSError:
        waited = 0.0
    return time.monotonic() - waited
