"""Commands that are run for real: what they are given, how they end, what is left of them."""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path

import pytest

from tiercel.domain.base.errors import InterruptedRunError
from tiercel.tasks.engine.pace import stoppable
from tiercel.tasks.engine.processes import Command, Ended, Ending, run_command

pytestmark = pytest.mark.process

LONG = 60.0
PATIENCE = 20.0
Make = Callable[..., Command]
Start = Callable[[Command], tuple[threading.Event, Callable[[], Ended]]]


@pytest.fixture
def shell(tmp_path: Path) -> Make:
    """Make commands of a shell, in this test's folder."""

    def made(script: str, seconds: float = LONG, **more: object) -> Command:
        environment = {"PATH": os.defpath, "MARK": str(tmp_path)}
        return Command(("sh", "-c", script), tmp_path, environment, seconds, **more)  # type: ignore[arg-type]

    return made


@pytest.fixture
def start() -> Iterator[Start]:
    """Run a command in a thread as tasks do; give what cancels the run, and what it returns."""
    with ThreadPoolExecutor() as pool, stoppable() as stop:

        def run(command: Command) -> tuple[threading.Event, Callable[[], Ended]]:
            running = pool.submit(copy_context().run, run_command, command)
            return stop, lambda: running.result(PATIENCE)

        yield run


def wait_for(fact: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not fact():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def pid_in(path: Path) -> int:
    wait_for(lambda: path.exists() and path.read_text().endswith("\n"))
    return int(path.read_text())


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_command_has_the_environment_and_the_folder_that_it_is_given(
    shell: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_WORKER", "x")
    ended = run_command(shell("env -u _ -u SHLVL; pwd -P"))
    assert ended.succeeded
    assert sorted(ended.stdout.decode().split()) == sorted(
        [f"MARK={tmp_path}", f"PATH={os.defpath}", f"PWD={tmp_path}", os.path.realpath(tmp_path)]
    )


def test_no_shell_reads_the_arguments(tmp_path: Path) -> None:
    command = Command(("echo", "$(touch trap)", "; touch trap"), tmp_path, dict(os.environ), LONG)
    assert run_command(command).stdout == b"$(touch trap) ; touch trap\n"
    assert not list(tmp_path.iterdir())


def test_a_command_has_nobody_to_ask_and_no_terminal(shell: Make, typed: str) -> None:
    ended = run_command(shell("cat; tty"))
    assert ended.stdout == b"not a tty\n"
    assert os.read(0, 100).decode() == typed


@pytest.fixture
def typed() -> Iterator[str]:
    """Something stands ready in the input of this process."""
    reading, writing = os.pipe()
    kept = os.dup(0)
    os.dup2(reading, 0)
    os.write(writing, b"typed")
    os.close(writing)
    yield "typed"
    os.dup2(kept, 0)
    for one in (kept, reading):
        os.close(one)


def test_both_outputs_are_returned_apart(shell: Make) -> None:
    ended = run_command(shell("echo out; echo err >&2; exit 3"))
    assert (ended.ending, ended.returncode) == (Ending.EXITED, 3)
    assert (ended.stdout, ended.stderr) == (b"out\n", b"err\n")
    assert not ended.succeeded


def test_a_log_has_both_outputs_in_their_order_and_nothing_of_an_earlier_command(
    shell: Make, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    run_command(shell("echo earlier, and longer than the next"), log)
    ended = run_command(shell("echo one; echo two >&2; echo three"), log)
    assert log.read_bytes() == b"one\ntwo\nthree\n"
    assert (ended.stdout, ended.stderr) == (b"", b"")


@pytest.mark.parametrize("arguments", [("no-such-program",), (".",), ("",), ("a\x00b",), ("./x",)])
def test_a_command_that_cannot_be_started_says_so(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    ended = run_command(Command(arguments, tmp_path, dict(os.environ), LONG))
    assert ended.ending is Ending.NOT_STARTED
    assert ended.why.startswith("it cannot be started: ")


@pytest.mark.parametrize(
    "sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV], ids=lambda one: one.name
)
def test_who_was_killed_from_outside_did_not_run_out_of_time(
    shell: Make, sent: signal.Signals
) -> None:
    ended = run_command(shell(f"ulimit -c 0; kill -{sent.value} $$"))
    assert (ended.ending, ended.returncode) == (Ending.SIGNALLED, -sent)
    assert sent.name in ended.why


def test_one_without_grace_is_killed_when_its_time_is_over(shell: Make) -> None:
    ended = run_command(shell("trap '' TERM INT; sleep 300 & wait", 0.3))
    assert (ended.ending, ended.returncode) == (Ending.TIMED_OUT, -signal.SIGKILL)
    assert ended.why == "it did not end within 0.3 seconds"


def test_one_with_grace_is_asked_to_stop_and_may_put_things_in_order(
    shell: Make, tmp_path: Path
) -> None:
    script = "trap 'echo saved > state; exit 4' INT; while :; do sleep 0.01; done"
    ended = run_command(shell(script, 1, stop=signal.SIGINT, grace_seconds=LONG))
    assert (ended.ending, ended.returncode) == (Ending.TIMED_OUT, 4)
    assert (tmp_path / "state").read_text() == "saved\n"


@pytest.mark.parametrize("ending", ["exit 0", "exit 1", "kill -9 $$"])
def test_what_it_left_running_in_its_group_is_killed(
    shell: Make, tmp_path: Path, ending: str
) -> None:
    run_command(shell(f"(trap '' TERM HUP; sleep 300) & echo $! > pid; {ending}"))
    wait_for(lambda: not is_running(pid_in(tmp_path / "pid")))


def test_what_it_left_running_does_not_hold_up_its_end(shell: Make) -> None:
    begin = time.monotonic()
    ended = run_command(shell("sleep 300 & echo started"))
    assert ended.stdout == b"started\n"
    assert time.monotonic() - begin < PATIENCE


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="only Linux shows others' environments")
def test_what_went_into_a_session_of_its_own_is_found_by_the_mark(
    shell: Make, tmp_path: Path
) -> None:
    script = "setsid sh -c 'echo $$ > pid; exec sleep 300' & while [ ! -s pid ]; do :; done"
    run_command(shell(script, mark=f"MARK={tmp_path}"))
    wait_for(lambda: not is_running(pid_in(tmp_path / "pid")))


@pytest.mark.parametrize("writes", ["yes", "yes >&2", "head -c 2000000 /dev/zero"])
def test_one_that_writes_without_end_is_ended(shell: Make, writes: str) -> None:
    ended = run_command(shell(writes, output_bytes=1_000_000))
    assert ended.ending is Ending.FLOODED
    assert ended.why == "it wrote more than 1,000,000 bytes"
    assert len(ended.stdout) + len(ended.stderr) == 1_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits other processes")
def test_no_file_grows_past_its_limit(shell: Make, tmp_path: Path) -> None:
    ended = run_command(shell("head -c 100000 /dev/zero > large", file_bytes=4096))
    assert not ended.succeeded
    assert (tmp_path / "large").stat().st_size <= 4096


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits other processes")
def test_a_limit_of_the_worker_that_is_lower_than_that_of_a_command_stays(
    shell: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    ended = run_command(shell("ulimit -f", file_bytes=1_000_000))
    assert ended.succeeded
    assert ended.stdout == b"8\n", "in blocks of 512 bytes"


LOOP = "echo $$ > pid; while :; do sleep 0.01; done"


def test_a_cancelled_run_ends_its_command_and_lets_it_put_things_in_order(
    shell: Make, tmp_path: Path, start: Start
) -> None:
    script = f"trap 'echo saved > state; exit 0' TERM; {LOOP}"
    cancel, result = start(shell(script, grace_seconds=LONG))
    pid = pid_in(tmp_path / "pid")
    cancel.set()
    with pytest.raises(InterruptedRunError):
        result()
    assert (tmp_path / "state").read_text() == "saved\n"
    assert not is_running(pid)


def test_one_that_does_not_use_its_grace_is_killed(
    shell: Make, tmp_path: Path, start: Start
) -> None:
    cancel, result = start(shell(f"trap '' TERM; {LOOP}", grace_seconds=0.1))
    pid = pid_in(tmp_path / "pid")
    cancel.set()
    with pytest.raises(InterruptedRunError):
        result()
    assert not is_running(pid)


CHILD = "trap 'touch child-asked' TERM; echo $$ > pid; while :; do sleep 0.01; done"


def test_only_the_command_itself_is_asked_to_stop(
    shell: Make, tmp_path: Path, start: Start
) -> None:
    (tmp_path / "child").write_text(CHILD)
    script = "trap 'touch asked; sleep 0.3; exit 0' TERM; sh child & while :; do sleep 0.01; done"
    cancel, result = start(shell(script, grace_seconds=LONG))
    child = pid_in(tmp_path / "pid")
    cancel.set()
    with pytest.raises(InterruptedRunError):
        result()
    assert (tmp_path / "asked").exists()
    assert not (tmp_path / "child-asked").exists()
    wait_for(lambda: not is_running(child))


def test_one_that_ends_at_once_costs_no_look(shell: Make) -> None:
    begin = time.monotonic()
    for _ in range(20):
        assert run_command(shell(":")).succeeded
    assert time.monotonic() - begin < 1.5  # 20 looks would be 2 seconds


def test_neither_files_nor_threads_are_left_of_commands(shell: Make) -> None:
    def held() -> tuple[int, int]:
        return len(os.listdir("/proc/self/fd")), threading.active_count()  # noqa: PTH208

    before = held()
    for _ in range(5):
        run_command(shell("echo a"))
    wait_for(lambda: held() == before)
