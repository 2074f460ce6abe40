from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import ROOT, data_in, error_in, invoke, start, start_without_terminal
from tests.support.patience import PATIENCE_SECONDS
from tests.support.repositories import git
from tiercel.domain.base.errors import ExitCode
from tiercel.sandbox.lifecycle import Sandbox

CONFIG = (ROOT / "tiercel.toml").read_text()
NOWHERE = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/nonexistent",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
}


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ("region =", "regoin =", "environments.preprod.regoin: unknown key"),
        ('"111111111111"', '"1111"', "environments.preprod.infrastructure_account"),
        ('"222222222222"', '"111111111111"', "environments.preprod.runtime_account"),
        ('branch = "main"', 'branch = "develop"', "environments.prod.branch"),
        ("[environments.prod]", "[environments.qa]", "environments.prod.branch: missing"),
        ('path = "services/storage"', 'path = "x"\ndepends_on = ["orders"]', "in a circle"),
    ],
)
def test_a_wrong_configuration_is_refused_and_the_key_is_named(
    tmp_path: Path, before: str, after: str, named: str
) -> None:
    path = tmp_path / "tiercel.toml"
    path.write_text(CONFIG.replace(before, after, 1))
    assert path.read_text() != CONFIG

    code, output, errors = invoke("config", "check", str(path), "--json")

    assert code == ExitCode.CONFIGURATION
    assert named in error_in(output)["why"]
    assert errors == ""


def test_a_choice_whose_boundary_iam_would_not_take_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tiercel.toml"
    many = ", ".join(f'"arn:aws:sqs:eu-central-1:444444444444:queue-{n}"' for n in range(99))
    path.write_text(f"{CONFIG}\n[environments.prod.stacks]\nprotect = [{many}]\n")

    code, output, _ = invoke("config", "check", str(path), "--json")

    assert code == ExitCode.CONFIGURATION
    error = error_in(output)
    assert error["code"] == "configuration.policy_too_long"
    assert error["where"] == f"{path}: environments.prod.stacks"


def test_a_profile_that_does_not_exist_is_none_of_the_sandboxs_business(tmp_path: Path) -> None:
    state = ("--state", str(tmp_path / "sandbox"))
    try:
        code, _, errors = invoke("sandbox", "up", "--no-prefect", *state, AWS_PROFILE="nonexistent")
    finally:
        invoke("sandbox", "down", *state)

    assert (code, errors) == (ExitCode.OK, "")


def test_a_path_with_brackets_is_a_path_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / "[" / "x] [bold]" / "t.toml"
    path.parent.mkdir(parents=True)
    path.write_text(CONFIG)

    code, output, errors = invoke("config", "check", str(path), COLUMNS="400")

    assert (code, errors) == (ExitCode.OK, "")
    assert str(path) in output.replace("\n", "")


def test_the_configuration_that_is_checked_is_the_one_that_is_used(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(CONFIG.replace('branch = "develop"', 'branch = "next"'))

    code, output, _ = invoke("config", "check", "--json", TIERCEL_CONFIG=str(path))
    assert code == ExitCode.OK
    assert data_in(output)["environments"]["preprod"]["branch"] == "next"

    path.unlink()
    code, output, _ = invoke("config", "check", "--json", TIERCEL_CONFIG=str(path))
    assert code == ExitCode.CONFIGURATION
    error = error_in(output)
    assert error["where"] == str(path)
    assert "--config" not in error["remedy"]
    assert "TIERCEL_CONFIG" in error["remedy"]


def test_an_empty_name_of_a_configuration_is_none() -> None:
    code, output, _ = invoke("config", "check", "--json", TIERCEL_CONFIG="")

    assert (code, data_in(output)["organization"]["name"]) == (ExitCode.OK, "acme")


@pytest.mark.parametrize("text", [CONFIG, '[services.desk]\npath = "desk"\n'])
def test_a_configuration_is_read_once_so_that_a_pipe_can_be_checked(
    text: str, tmp_path: Path
) -> None:
    pipe = tmp_path / "tiercel.toml"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(text,), daemon=True)
    writer.start()

    code, output, _ = invoke("config", "check", str(pipe), "--json")
    writer.join()

    assert code == ExitCode.OK
    assert data_in(output)["services"]


def test_a_configuration_that_is_not_utf8_is_told_as_that(tmp_path: Path) -> None:
    path = tmp_path / "tiercel.toml"
    path.write_bytes(CONFIG.encode("utf-16"))

    code, output, _ = invoke("config", "check", str(path), "--json")

    assert code == ExitCode.CONFIGURATION
    error = error_in(output)
    assert (error["code"], error["where"]) == ("configuration.not_utf8", str(path))


def test_a_right_configuration_is_shown() -> None:
    code, output, _ = invoke("config", "check", "--json")

    assert code == ExitCode.OK
    assert data_in(output)["environments"]["preprod"]["branch"] == "develop"


@pytest.mark.parametrize(
    "arguments",
    [
        ("publish", "acme/shop", "main"),
        ("deploy", "acme/shop", "main", "--local"),
        ("status",),
        ("releases",),
    ],
)
def test_a_command_for_the_sandbox_never_goes_to_aws_when_no_sandbox_runs(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    code, _, errors = invoke(*arguments, "--sandbox", "--state", str(tmp_path))

    assert code == ExitCode.UNREACHABLE
    assert "the sandbox is not running" in errors
    assert "Traceback" not in errors


def test_without_credentials_status_says_what_to_do() -> None:
    code, output, errors = invoke("status", "--json", **NOWHERE)

    assert code == ExitCode.UNREACHABLE
    assert "no AWS credentials" in output
    assert "AWS_PROFILE" in output
    assert "Traceback" not in errors


SSO = """
[sso-session corp]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-central-1

[profile broken]
"""
ACCOUNT = "sso_account_id = 111111111111\nsso_role_name = Admin\nregion = eu-central-1\n"


@pytest.mark.parametrize(
    ("profile", "what", "remedy"),
    [
        (f"sso_session = corp\n{ACCOUNT}", "nobody is logged in", "aws sso login"),
        (
            f"sso_start_url = https://x.awsapps.com/start\nsso_region = eu-west-1\n{ACCOUNT}",
            "nobody is logged in",
            "aws sso login",
        ),
        ("credential_process = false", "there are no usable AWS credentials", "AWS_CONFIG_FILE"),
        (
            "role_arn = arn:aws:iam::111111111111:role/x\nsource_profile = nobody",
            "there are no usable AWS credentials",
            "AWS_CONFIG_FILE",
        ),
        ("[[broken", "there are no usable AWS credentials", "AWS_CONFIG_FILE"),
    ],
    ids=["sso-session", "sso", "credential-process", "source-profile", "no-file"],
)
def test_a_profile_that_gives_no_credentials_has_a_remedy_and_no_traceback(
    tmp_path: Path, profile: str, what: str, remedy: str
) -> None:
    (tmp_path / "config").write_text(SSO + profile)
    profiles = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "HOME": str(tmp_path)}

    code, output, errors = invoke("status", "--json", **NOWHERE | profiles, AWS_PROFILE="broken")

    assert code == ExitCode.UNREACHABLE
    error = error_in(output)
    assert what in error["what"]
    assert error["why"]
    assert remedy in error["remedy"]
    assert errors == ""


def test_a_code_that_nobody_can_give_is_a_failure_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(
        "[profile mfa]\nrole_arn = arn:aws:iam::111111111111:role/x\nsource_profile = mine\n"
        "mfa_serial = arn:aws:iam::111111111111:mfa/me\nregion = eu-central-1\n"
        "[profile mine]\naws_access_key_id = a\naws_secret_access_key = b\n"
    )
    profiles = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_PROFILE": "mfa"}

    process = start_without_terminal("status", "--json", **NOWHERE | profiles)
    output, errors = process.communicate(timeout=PATIENCE_SECONDS)

    assert process.returncode == ExitCode.UNREACHABLE
    error = error_in(output)
    assert "asks for a code" in error["what"]
    assert "terminal" in error["remedy"]
    assert "Aborted" not in errors


@pytest.mark.parametrize("command", ["status", "releases"])
def test_a_command_that_is_interrupted_says_so(command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        process = start(
            command,
            "--json",
            AWS_ENDPOINT_URL=f"http://127.0.0.1:{silent.getsockname()[1]}",
            AWS_ACCESS_KEY_ID="a",
            AWS_SECRET_ACCESS_KEY="b",
        )
        silent.settimeout(PATIENCE_SECONDS)
        connection, _ = silent.accept()
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=PATIENCE_SECONDS)
        connection.close()

    assert process.returncode == ExitCode.INTERRUPTED
    error = error_in(output)
    assert (error["what"], error["exit_code"]) == ("interrupted", ExitCode.INTERRUPTED)
    assert errors == ""


def test_a_question_that_is_left_without_an_answer_ends_as_interrupted(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    person, terminal = os.openpty()
    program = Path(sys.executable).parent / "tiercel"
    process = subprocess.Popen(
        [program, "init"], cwd=tmp_path, stdin=terminal, stdout=terminal, stderr=terminal
    )
    os.close(terminal)
    asked = b""
    while b"organization" not in asked:
        asked += os.read(person, 1024)

    os.write(person, b"\x04")

    assert process.wait(PATIENCE_SECONDS) == ExitCode.INTERRUPTED
    os.close(person)
    assert [one.name for one in tmp_path.iterdir()] == [".git"]


def test_a_folder_that_is_no_repository_is_refused_before_anything_starts(tmp_path: Path) -> None:
    code, _, errors = invoke(
        "demo", "--repository", str(tmp_path), "--state", str(tmp_path / "state")
    )

    assert code == ExitCode.REFUSED
    assert "no git repository with a commit" in errors
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    "words", [("demo", "--repository"), ("publish", "--sandbox", "--local", "HEAD")]
)
def test_a_folder_that_is_not_there_is_told_as_such(words: tuple[str, ...], tmp_path: Path) -> None:
    given = str(tmp_path / "away")
    told = (*words, given) if words[0] == "demo" else (words[0], given, *words[1:])
    code, output, _ = invoke(*told, "--state", str(tmp_path / "state"), "--json")
    error = error_in(output)
    assert (code, error["code"], error["where"]) == (ExitCode.REFUSED, "sandbox.no_folder", given)


def test_a_clone_without_its_history_is_refused_before_anything_starts(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    whole, shallow = tmp_path / "whole", tmp_path / "shallow"
    whole.mkdir()
    git(whole, "init", "--quiet", "--initial-branch=develop")
    for message in ("one", "two"):
        git(whole, "commit", "--quiet", "--allow-empty", f"--message={message}")
    git(tmp_path, "clone", "--quiet", "--depth=1", whole.as_uri(), str(shallow))

    for words in (
        ("publish", str(shallow), "HEAD", "--local", "--sandbox", "--state", str(sandbox.state)),
        ("demo", "--repository", str(shallow), "--state", str(tmp_path / "state")),
    ):
        code, output, _ = invoke(*words, "--json")
        error = error_in(output)
        assert (code, error["code"]) == (ExitCode.REFUSED, "sandbox.shallow_repository")
        assert "git fetch --unshallow" in error["remedy"]
    assert not (tmp_path / "state").exists()
    assert not (sandbox.state / "repositories" / "acme" / "shallow.git").exists()


@pytest.mark.parametrize(
    ("words", "unheeded"),
    [
        ("preprod --foundation --give-up", "--give-up"),
        ("--shadow prod --foundation --free-name b", "--free-name, --foundation"),
        ("--shadow prod --approve 1 --account a --give-up", "--approve, --account, --give-up"),
        ("preprod --plan-only --give-up", "--give-up"),
    ],
)
def test_an_option_that_a_drill_would_not_heed_is_refused_before_anything_is_read(
    words: str, unheeded: str, tmp_path: Path
) -> None:
    nowhere = str(tmp_path / "none.toml")
    code, output, _ = invoke("rebuild", *words.split(), "--config", nowhere, "--json")

    assert code == ExitCode.REFUSED
    error = error_in(output)
    assert (error["code"], error["where"]) == ("drill.option_unheeded", unheeded)


def test_an_unknown_option_is_a_usage_error() -> None:
    code, _, errors = invoke("deploy", "--nonsense")

    assert code == ExitCode.USAGE
    assert "Traceback" not in errors


@contextmanager
def prefect_that(status: int, answer: str) -> Iterator[str]:
    """The address of something that gives one answer to everything."""

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, *_: Any) -> None:
            """Keep the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/api"
        server.shutdown()


@pytest.mark.walks("credential-of-prefect")
@pytest.mark.parametrize(
    ("status", "answer", "what", "remedy"),
    [
        (401, "{}", "refuses these credentials", "PREFECT_API_AUTH_STRING"),
        (200, '"3.1.0"', "has version 3.1.0", "3.9 or newer"),
        (200, '"4.0.0"', "has version 4.0.0", "below 4"),
    ],
)
def test_a_prefect_server_that_cannot_be_used_is_told_with_the_reason(
    tmp_path: Path, status: int, answer: str, what: str, remedy: str
) -> None:
    with prefect_that(status, answer) as url:
        code, output, errors = invoke(
            "up", "--json", PREFECT_API_URL=url, PREFECT_HOME=str(tmp_path)
        )

    assert code == ExitCode.UNREACHABLE, errors
    error = error_in(output)
    assert what in error["what"]
    assert remedy in error["remedy"]
    assert error["where"] == url


@pytest.mark.parametrize(
    ("variables", "what"),
    [
        ({}, "no Prefect server is named"),
        ({"PREFECT_API_URL": "http://127.0.0.1:1/api"}, "the Prefect server does not answer"),
    ],
)
@pytest.mark.parametrize("arguments", [("up",), ("publish", "acme/shop", "main")])
def test_without_a_prefect_server_nothing_is_deployed_and_no_run_is_started(
    tmp_path: Path, arguments: tuple[str, ...], variables: dict[str, str], what: str
) -> None:
    variables = {"PREFECT_HOME": str(tmp_path), "PREFECT_CLIENT_MAX_RETRIES": "0"} | variables
    code, output, errors = invoke(*arguments, "--json", **variables)

    assert code == ExitCode.UNREACHABLE, errors
    assert error_in(output)["what"] == what
