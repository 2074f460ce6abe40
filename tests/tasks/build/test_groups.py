"""Control groups, in a folder that looks like the kernel's: none may be made where tests run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tiercel.tasks.build.isolation.groups import (
    CommandGroup,
    Delegation,
    delegated_group,
    lack_of,
)
from tiercel.tasks.build.isolation.limits import NamespaceGuard

DELEGATED = Delegation("worker", ("cpu", "memory", "pids"), writable=True)
UNIT = "/system.slice/system-tiercel.slice/tiercel-worker@preprod.service"
FILES = ("memory.max", "pids.max", "memory.oom.group", "memory.swap.max", "cgroup.procs")


@pytest.fixture
def groups(tmp_path: Path) -> Path:
    """The groups of a machine on which a worker runs as the unit says."""
    unit = tmp_path / UNIT.lstrip("/")
    (unit / "worker").mkdir(parents=True)
    for name, text in (("procs", ""), ("controllers", "memory pids\n"), ("subtree_control", "")):
        (unit / f"cgroup.{name}").write_text(text)
    return tmp_path


@pytest.fixture
def unit(groups: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The unit's group, whose files the kernel makes together with a folder below it."""
    make = Path.mkdir

    def with_files(folder: Path) -> None:
        make(folder)
        for name in FILES:
            (folder / name).touch()

    monkeypatch.setattr(Path, "mkdir", with_files)
    return groups / UNIT.lstrip("/")


def guard_of(above: Path, tmp_path: Path) -> NamespaceGuard:
    with (tmp_path / "pipe").open("wb+") as pipe:
        return NamespaceGuard(pipe, pipe, (pipe, pipe), [tmp_path], 2, 50, 1, 1, above)


def test_a_worker_below_a_delegated_group_may_make_groups() -> None:
    assert lack_of(DELEGATED) == ""


@pytest.mark.parametrize(
    ("found", "lack"),
    [
        (replace(DELEGATED, own="session-1.scope"), "no group that was delegated"),
        (replace(DELEGATED, own=""), "no group that was delegated"),
        (replace(DELEGATED, controllers=("memory",)), "no controller pids"),
        (replace(DELEGATED, controllers=()), "no controller memory, pids"),
        (replace(DELEGATED, writable=False), "somebody else"),
    ],
)
def test_nobody_else_makes_groups(found: Delegation, lack: str) -> None:
    assert lack in lack_of(found)


def test_the_group_above_the_workers_own_is_found(groups: Path) -> None:
    membership = f"12:cpu:/elsewhere\n0::{UNIT}/worker\n"
    assert delegated_group(membership, groups) == groups / UNIT.lstrip("/")


@pytest.mark.parametrize(
    "membership", ["", "1:memory:/x/worker\n", f"0::{UNIT}\n", "0::/gone/worker\n", "0::/\n"]
)
def test_where_nothing_was_delegated_there_is_none(groups: Path, membership: str) -> None:
    assert delegated_group(membership, groups) is None


def test_a_group_has_its_process_and_the_limits_of_the_workers_file(unit: Path) -> None:
    group = CommandGroup.create(unit, memory_mib=2, processes=50, pid=4711)
    said = {name: (group.folder / name).read_text() for name in FILES}
    assert said == {
        "memory.max": str(2 * 1024**2),
        "pids.max": "50",
        "memory.oom.group": "1",
        "memory.swap.max": "0",
        "cgroup.procs": "4711",
    }
    assert (unit / "cgroup.subtree_control").read_text() == "+memory +pids"


def test_a_group_that_cannot_be_limited_is_not_left_behind(groups: Path) -> None:
    unit = groups / UNIT.lstrip("/")
    with pytest.raises(OSError, match=r"memory\.max"):  # a folder alone is no group
        CommandGroup.create(unit, memory_mib=2, processes=50, pid=4711)
    assert not list(unit.glob("build-*"))


def test_a_command_that_the_kernel_ended_had_too_much_memory(unit: Path, tmp_path: Path) -> None:
    guard = guard_of(unit, tmp_path)
    guard._join(4711)
    (folder,) = unit.glob("build-*")
    assert guard.exceeded() == ""
    (folder / "memory.events").write_text("low 0\nmax 12\noom 1\noom_kill 3\n")
    assert guard.exceeded() == "2 MiB of memory"


def test_a_command_that_is_given_no_group_is_looked_at(groups: Path, tmp_path: Path) -> None:
    unit = groups / UNIT.lstrip("/")
    guard = guard_of(unit, tmp_path)
    guard._join(4711)
    assert guard._group is None
    assert not list(unit.glob("build-*"))


def test_a_group_goes_with_its_command(unit: Path, tmp_path: Path) -> None:
    guard = guard_of(unit, tmp_path)
    guard._join(4711)
    (folder,) = unit.glob("build-*")
    for name in FILES:
        (folder / name).unlink()  # what the kernel does by itself
    guard.end()
    assert not folder.exists()
