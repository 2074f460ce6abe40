from __future__ import annotations

import os
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from tiercel.domain.base.errors import BuildFailedError, ExitCode
from tiercel.domain.organization.topology import Builds
from tiercel.tasks.build.process import build_environment, can_go_offline, run_build

pytestmark = pytest.mark.process

BUILDS = Builds()
OWN_TOOLS = str(Path(sys.executable).parent)


SECRETS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_PROFILE",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "GITHUB_TOKEN",
    "PREFECT_API_AUTH_STRING",
    "PREFECT_API_KEY",
    "PREFECT_API_URL",
    "PYTHONPATH",
    "SSH_AUTH_SOCK",
    "TIERCEL_CONFIG",
)


def shell(script: str) -> tuple[str, ...]:
    return ("sh", "-c", script)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.mkdir()
    return path


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    return tmp_path / "scratch"


def environment_of_a_build(folder: Path, scratch: Path, builds: Builds) -> dict[str, str]:
    run_build(shell("env -0 > environment"), folder, scratch, builds)
    lines = (folder / "environment").read_text().split("\0")
    return dict(line.split("=", 1) for line in lines if line)


def failure_of(command: tuple[str, ...], folder: Path, scratch: Path) -> BuildFailedError:
    with pytest.raises(BuildFailedError) as failure:
        run_build(command, folder, scratch, BUILDS)
    return failure.value


def is_running(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] not in {"Z", "X"}


def test_a_build_runs_in_its_folder_and_changes_it(folder: Path, scratch: Path) -> None:
    run_build(shell("pwd > where && echo built > result"), folder, scratch, BUILDS)
    assert (folder / "where").read_text().strip() == os.path.realpath(folder)
    assert (folder / "result").read_text() == "built\n"


def test_a_build_sees_no_secret_of_the_worker(
    folder: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in SECRETS:
        monkeypatch.setenv(name, "secret-of-the-worker")
    seen = environment_of_a_build(folder, scratch, BUILDS)
    assert not seen.keys() & set(SECRETS)
    assert "secret-of-the-worker" not in "".join(seen.values())


def test_a_build_sees_these_variables_and_no_others(folder: Path, scratch: Path) -> None:
    seen = environment_of_a_build(folder, scratch, BUILDS)
    assert seen.keys() - {"PWD", "OLDPWD", "SHLVL", "_"} == {
        "CI", "HOME", "LANG", "PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED",
        "SOURCE_DATE_EPOCH", "TMPDIR", "UV_CACHE_DIR",
    }  # fmt: skip
    assert seen["SOURCE_DATE_EPOCH"] == "315532800"


def test_home_and_temporary_files_lie_in_the_scratch_folder(folder: Path, scratch: Path) -> None:
    script = 'touch "$HOME/in-home" && mktemp && cd && pwd'
    run_build(shell(script), folder, scratch, BUILDS)
    assert (scratch / "home/in-home").exists()
    assert list((scratch / "tmp").iterdir())


@pytest.mark.parametrize("form", ["{}", "{}/", "{}/../bin"])
def test_tiercels_own_programs_are_not_on_the_path(
    folder: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", str(Path(OWN_TOOLS).parent))
    monkeypatch.setenv("PATH", f"{form.format(OWN_TOOLS)}:/usr/local/bin:/usr/bin:/bin")
    seen = environment_of_a_build(folder, scratch, BUILDS)
    assert seen["PATH"] == "/usr/local/bin:/usr/bin:/bin"
    assert "VIRTUAL_ENV" not in seen
    assert failure_of(("prefect", "version"), folder, scratch).why.startswith(
        "it cannot be started"
    )


def test_only_what_the_configuration_names_is_passed_on(
    folder: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://packages.example.com")
    monkeypatch.setenv("NPM_TOKEN", "secret")
    builds = Builds(pass_environment=("UV_DEFAULT_INDEX", "NOT_SET"))
    seen = environment_of_a_build(folder, scratch, builds)
    assert seen["UV_DEFAULT_INDEX"] == "https://packages.example.com"
    assert not {"NPM_TOKEN", "NOT_SET"} & seen.keys()


@pytest.mark.parametrize("name", ["HOME", "PATH", "TMPDIR", "SOURCE_DATE_EPOCH"])
def test_what_tiercel_sets_cannot_be_passed_on(
    scratch: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    expected = build_environment(scratch, BUILDS)
    monkeypatch.setenv(name, expected[name] if name == "PATH" else "/root")
    assert build_environment(scratch, Builds(pass_environment=(name,))) == expected


@pytest.mark.parametrize(
    "argument",
    [
        "; touch trap",
        "$(touch trap)",
        "`touch trap`",
        "| touch trap",
        "&& touch trap",
        "> trap",
        "*",
        "~",
        "$HOME",
        "-n",
        "'",
        '"',
        "a\nb",
    ],
)
def test_arguments_are_passed_on_as_they_are_and_no_shell_reads_them(
    folder: Path, scratch: Path, argument: str
) -> None:
    command = ("dd", f"of={argument}", "if=/dev/null", "status=none")
    run_build(command, folder, scratch, BUILDS)
    assert [path.name for path in folder.iterdir()] == [argument]


def test_a_build_has_nobody_to_ask(folder: Path, scratch: Path) -> None:
    run_build(shell("cat > asked; ! tty -s"), folder, scratch, BUILDS)
    assert (folder / "asked").read_bytes() == b""


def test_a_failed_build_says_what_failed_why_and_what_to_do(folder: Path, scratch: Path) -> None:
    error = failure_of(shell("echo compiling; echo no such module >&2; exit 3"), folder, scratch)
    assert error.exit_code is ExitCode.BUILD_FAILED
    assert "sh -c" in error.what
    assert error.why.splitlines() == ["it ended with exit code 3", "compiling", "no such module"]
    assert {part.label for part in error.failure.parts()} == {"why", "now", "do"}


def test_a_build_that_kills_itself_has_failed(folder: Path, scratch: Path) -> None:
    assert "ended by SIGKILL" in failure_of(shell("kill -9 $$"), folder, scratch).why


@pytest.mark.parametrize(
    "command", [("no-such-program",), ("./missing",), (".",), ("x" * 5000,), ("a\x00b",), ("",)]
)
def test_a_command_that_cannot_be_started_is_a_failed_build(
    folder: Path, scratch: Path, command: tuple[str, ...]
) -> None:
    assert "it cannot be started" in failure_of(command, folder, scratch).why


def test_a_build_whose_folder_is_gone_is_a_failed_build(tmp_path: Path, scratch: Path) -> None:
    assert "it cannot be started" in failure_of(("true",), tmp_path / "gone", scratch).why


def test_only_the_last_lines_are_shown(folder: Path, scratch: Path) -> None:
    lines = failure_of(shell("seq 100000; exit 1"), folder, scratch).why.splitlines()
    assert lines[1:] == [str(number) for number in range(99_971, 100_001)]


def test_one_endless_line_is_cut(folder: Path, scratch: Path) -> None:
    script = "head -c 3000000 /dev/zero | tr '\\0' x; exit 1"
    _, shown = failure_of(shell(script), folder, scratch).why.splitlines()
    assert shown == "x" * 500


def test_output_that_could_command_a_terminal_is_made_harmless(folder: Path, scratch: Path) -> None:
    (folder / "output").write_bytes(
        b"\x1b[2J\x1b]0;title\x07\x9b31m red\r\n"
        + "\u202ecod\u202c\u200b\u2028next".encode()
        + b"\x00\x08\xff\xfe\n\tdone"
    )
    error = failure_of(shell("cat output; exit 1"), folder, scratch)
    assert all(line.isprintable() for line in error.why.splitlines())
    assert "red" in error.why
    assert error.why.splitlines()[-1] == "    done"


def test_a_command_with_control_characters_is_shown_without_them(
    folder: Path, scratch: Path
) -> None:
    error = failure_of(shell("exit 1 # \x1b[2J\n" + "long " * 500), folder, scratch)
    assert error.what.isprintable()
    assert len(error.what) < 600


def test_a_failure_shows_no_output_of_an_earlier_command(folder: Path, scratch: Path) -> None:
    run_build(shell("echo first"), folder, scratch, BUILDS)
    assert failure_of(("false",), folder, scratch).why == "it ended with exit code 1"


def test_no_file_of_a_build_grows_without_end(folder: Path, scratch: Path) -> None:
    failure_of(shell("sleep 0.2; truncate --size=3G large"), folder, scratch)
    assert (folder / "large").stat().st_size <= 2 * 1024**3


FAMILY = """
sleep 300 & echo $! >> pids
(sleep 300 & echo $! >> pids; wait) &
setsid sleep 300 & echo $! >> pids
setsid sh -c 'sleep 300 & echo $! >> pids; wait' &
bash -c 'set -m; nohup sleep 300 & echo $! >> pids; disown'
while [ "$(wc -l < pids)" -lt 5 ]; do sleep 0.01; done
"""


@pytest.mark.parametrize(("end", "fails"), [("wait", True), ("exit 0", False), ("exit 1", True)])
def test_whatever_a_build_started_ends_with_it(
    folder: Path, scratch: Path, end: str, fails: bool
) -> None:
    # Long enough for the family to be there, also where others use the machine.
    builds = Builds.model_construct(timeout_seconds=3 if end == "wait" else 60, pass_environment=())
    try:
        run_build(shell(FAMILY + end), folder, scratch, builds)
        failed = False
    except BuildFailedError:
        failed = True
    assert failed is fails
    pids = [int(line) for line in (folder / "pids").read_text().split()]
    assert len(pids) == 5
    assert not [pid for pid in pids if is_running(pid)]


def test_a_build_that_does_not_end_fails_with_the_time_it_had(folder: Path, scratch: Path) -> None:
    builds = Builds.model_construct(timeout_seconds=1, pass_environment=())
    with pytest.raises(BuildFailedError) as failure:
        run_build(shell("echo waiting; trap '' TERM INT; sleep 300"), folder, scratch, builds)
    assert failure.value.why.splitlines() == ["it did not end within 1 seconds", "waiting"]


def test_a_build_does_not_end_the_build_beside_it(folder: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(
            run_build, shell("sleep 1; echo done > slow"), folder, tmp_path / "scratch-1", BUILDS
        )
        for _ in range(3):
            run_build(("true",), folder, tmp_path / "scratch", BUILDS)
        slow.result()
    assert (folder / "slow").exists()


CONNECT = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])), 5)"
OWN_LOOPBACK = """
import socket
server = socket.create_server(('127.0.0.1', 0))
socket.create_connection(server.getsockname(), 5)
"""


@pytest.mark.skipif(not can_go_offline(), reason="this system gives no network of its own")
def test_an_offline_build_reaches_nothing_but_itself(folder: Path, scratch: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        connect = ("python3", "-c", CONNECT, str(server.getsockname()[1]))
        run_build(connect, folder, scratch, BUILDS)
        with pytest.raises(BuildFailedError):
            run_build(connect, folder, scratch, BUILDS, offline=True)
    run_build(("python3", "-c", OWN_LOOPBACK), folder, scratch, BUILDS, offline=True)


@pytest.mark.skipif(not can_go_offline(), reason="this system gives no network of its own")
def test_an_offline_build_has_the_environment_of_every_build(folder: Path, scratch: Path) -> None:
    online = environment_of_a_build(folder, scratch, BUILDS)
    run_build(shell("env -0 > environment"), folder, scratch, BUILDS, offline=True)
    lines = (folder / "environment").read_text().split("\0")
    assert dict(line.split("=", 1) for line in lines if line) == online
