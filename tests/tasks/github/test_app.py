"""Tiercel as a GitHub App: it reads, writes and fetches, and says what is wrong with its key."""

from __future__ import annotations

import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from github import GithubException

from tests.sandbox.github.support import Place, StandIn
from tests.tasks import github_fixtures
from tests.tasks.github_fixtures import Scripted, as_person, failure
from tiercel.domain.base.errors import TiercelError, TransientError, UnreachableError
from tiercel.domain.review.check_runs import FindingsCheck, findings_check
from tiercel.domain.review.statuses import StatusState, status_of
from tiercel.tasks.github.check_runs import mark_findings
from tiercel.tasks.github.pull_requests import read_pull_request, upsert_comment
from tiercel.tasks.github.releases import read_version_tags
from tiercel.tasks.github.statuses import set_status
from tiercel.tasks.github.transport.client import (
    forget_github,
    github_call,
    repository,
    token,
)
from tiercel.tasks.github.transport.credentials import app_id, has_credentials
from tiercel.tasks.github.transport.verifying import only_marking, only_verifying
from tiercel.tasks.source.fetch import fetch_commit

seen = github_fixtures.seen
stand_in = github_fixtures.stand_in
place = github_fixtures.place
told = github_fixtures.told
scripted = github_fixtures.scripted

PEM = serialization.Encoding.PEM
PKCS8 = serialization.PrivateFormat.PKCS8
OPEN = serialization.NoEncryption()


@pytest.fixture
def key_file(tmp_path: Path, stand_in: StandIn) -> Path:
    file = tmp_path / "app.pem"
    file.write_text(stand_in.running.app.private_key)
    return file


@pytest.fixture
def app(place: Place, key_file: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A repository where the tasks act as the App."""
    credentials = place.stand_in.running.app
    monkeypatch.delenv("GITHUB_TOKEN")
    monkeypatch.setenv("GITHUB_APP_ID", str(credentials.app_id))
    monkeypatch.setenv("GITHUB_APP_PRIVATE_KEY_FILE", str(key_file))
    monkeypatch.setenv("GITHUB_APP_INSTALLATION_ID", str(credentials.installation_id))
    forget_github()
    return place


def shown(error: TiercelError) -> str:
    """Everything that a person may see of a failure, the trace in Prefect's log included."""
    return "".join(traceback.format_exception(error))


def findings(count: int) -> FindingsCheck:
    lines = "\n".join(f"app/template.yaml:{one + 1}: `{one}` is wrong" for one in range(count))
    status = status_of("app", StatusState.FAILURE, "the linter refused", f"Said:\n{lines}")
    return findings_check("preprod", [status])


def marked(place: Place, commit: str) -> list[tuple[str, str, list[tuple[str, int]]]]:
    """What a person sees of our check runs of a commit, the newest alone."""
    return [
        (run.name, run.conclusion, [(one.path, one.start_line) for one in run.get_annotations()])
        for run in as_person(place).get_commit(commit).get_check_runs()
    ]


@pytest.mark.parametrize("count", [1, 50, 120])
def test_findings_are_marked_once_however_many_requests_that_takes(app: Place, count: int) -> None:
    commit = app.pull("feature", {"a.txt": "a\n"}).head.sha
    with only_verifying():
        assert mark_findings.fn(app.name, commit, findings(count), "https://prefect/run")
        assert not mark_findings.fn(app.name, commit, findings(count), "https://prefect/run")
    lines = [("app/template.yaml", one + 1) for one in range(count)]
    assert marked(app, commit) == [("tiercel/preprod/findings in files", "failure", lines)]


def test_what_was_cut_off_is_marked_anew_and_what_was_mended_is_taken_back(app: Place) -> None:
    commit = app.pull("feature", {"a.txt": "a\n"}).head.sha
    assert not mark_findings.fn(app.name, commit, findings(0), "")
    assert marked(app, commit) == []
    app.stand_in.control("POST", "/faults", kind="500", times=1, method="PATCH")
    with pytest.raises(TransientError):
        mark_findings.fn(app.name, commit, findings(60), "")
    assert mark_findings.fn(app.name, commit, findings(60), "")
    assert len(marked(app, commit)[0][2]) == 60
    assert mark_findings.fn(app.name, commit, findings(0), "")
    assert marked(app, commit) == [("tiercel/preprod/findings in files", "success", [])]


def test_who_is_no_app_marks_nothing(place: Place) -> None:
    commit = place.pull("feature", {"a.txt": "a\n"}).head.sha
    assert app_id() == 0
    with pytest.raises(TiercelError) as refused:
        mark_findings.fn(place.name, commit, findings(1), "")
    assert "authenticate via a GitHub App" in str(refused.value)


def test_the_token_that_marks_may_do_nothing_else(app: Place) -> None:
    with only_marking(), github_call("read", app.name), pytest.raises(GithubException) as refused:
        repository(app.name).get_contents("a.txt")
    assert refused.value.status in {403, 404}


def test_the_app_reads_and_writes_as_itself(app: Place) -> None:
    made = app.pull("feature", {"a.txt": "a\n"})
    pull = read_pull_request.fn(app.name, made.number)
    assert has_credentials()
    assert set_status.fn(
        app.name, pull.head_commit, status_of("", StatusState.SUCCESS, "verified"), ""
    )
    upsert_comment.fn(pull, "<!-- m -->", "Hello")
    (comment,) = as_person(app).get_issue(pull.number).get_comments()
    assert comment.user.login == "tiercel[bot]"
    upsert_comment.fn(pull, "<!-- m -->", "Hello again")
    assert [one.body for one in as_person(app).get_issue(pull.number).get_comments()] == [
        "<!-- m -->\nHello again"
    ]


def test_git_fetches_with_the_token_of_the_installation(app: Place) -> None:
    commit = fetch_commit.fn(app.name, "main", "main")
    assert commit.sha == app.bare("rev-parse", "main").strip()
    assert token().startswith("ghs_")


def test_a_verification_may_say_how_it_ended_and_nothing_else(app: Place) -> None:
    made = app.pull("narrow", {"b.txt": "b\n"})
    pull = read_pull_request.fn(app.name, made.number)
    with only_verifying():
        narrow = token()
        assert set_status.fn(
            app.name, pull.head_commit, status_of("", StatusState.SUCCESS, "x"), ""
        )
        upsert_comment.fn(pull, "<!-- n -->", "Hello")
        commit = fetch_commit.fn(app.name, "main", "main").sha
        with github_call("create a tag", app.name), pytest.raises(GithubException) as refusal:
            repository(app.name).create_git_ref("refs/tags/v9.9.9", commit)
    assert refusal.value.status == 403
    assert narrow != token()


def test_a_token_for_verifications_is_used_by_them_alone(
    app: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "wide")
    monkeypatch.setenv("GITHUB_VERIFY_TOKEN", "narrow")
    assert app.name
    assert token() == "wide"
    with only_verifying():
        assert token() == "narrow"
    assert token() == "wide"


def test_git_without_credentials_fetches_nothing(
    app: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_APP_ID")
    assert not has_credentials()
    assert failure(lambda: fetch_commit.fn(app.name, "main", "main"))


def test_one_token_serves_as_long_as_it_is_good(app: Place) -> None:
    assert token() == token()
    read_version_tags.fn(app.name)
    assert token() == token()


def test_a_token_that_ends_is_renewed_unnoticed(
    app: Place, scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stand-in's tokens last an hour of a clock that cannot be turned back."""
    monkeypatch.delenv("GITHUB_TOKEN")
    for name, seconds in (("ghs_one", 5), ("ghs_two", 3600)):
        ends = datetime.now(UTC) + timedelta(seconds=seconds)
        scripted.says(201, {"token": name, "expires_at": f"{ends:%Y-%m-%dT%H:%M:%SZ}"})
        scripted.says(200, [])
    scripted.says(200, [])
    for _ in range(3):
        assert read_version_tags.fn(app.name) == []
    tokens = [who for who in scripted.credentials if not who.startswith("Bearer ")]
    assert tokens == ["token ghs_one", "token ghs_two", "token ghs_two"]


def test_a_failure_while_a_token_is_made_passes_by_itself(app: Place) -> None:
    app.stand_in.fault("503", method="POST", path="/access_tokens$")
    error = failure(lambda: read_version_tags.fn(app.name))
    assert isinstance(error, TransientError)
    assert error.what == "cannot authenticate as the GitHub App: GitHub is busy or ill"
    assert read_version_tags.fn(app.name) == []


@pytest.mark.real_time
def test_a_rate_limit_is_waited_for_while_a_token_is_made(app: Place, told: list[str]) -> None:
    app.stand_in.fault("429", method="POST", path="/access_tokens$", seconds=1)
    assert read_version_tags.fn(app.name) == []
    assert len(told) == 1


def test_an_installation_that_is_gone_is_told(app: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_APP_INSTALLATION_ID", "999999")
    error = failure(lambda: read_version_tags.fn(app.name))
    assert isinstance(error, UnreachableError)
    assert error.what == "not allowed to authenticate as the GitHub App, or it does not exist"
    credentials = app.stand_in.running.app
    assert error.where == f"installation 999999 of App {credentials.app_id}"
    assert error.why == "404: Not Found"
    assert not error.transient


def test_another_apps_id_is_told(app: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_APP_ID", "4711")
    error = failure(lambda: read_version_tags.fn(app.name))
    assert error.why == "404: Integration not found"


def test_a_key_of_another_app_is_told_and_not_shown(app: Place, key_file: Path) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    key_file.write_bytes(other.private_bytes(PEM, PKCS8, OPEN))
    error = failure(lambda: read_version_tags.fn(app.name))
    assert isinstance(error, UnreachableError)
    assert error.why == "401: A JSON web token could not be decoded"
    assert key_file.read_text().splitlines()[1] not in shown(error)


@pytest.mark.parametrize(
    "variable", ["GITHUB_APP_PRIVATE_KEY_FILE", "GITHUB_APP_ID", "GITHUB_APP_INSTALLATION_ID"]
)
def test_an_app_that_is_half_described_names_what_is_needed(
    app: Place, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.delenv(variable)
    error = failure(lambda: read_version_tags.fn(app.name))
    assert error.code == "github.no_credentials"
    assert variable in error.remedy


@pytest.mark.parametrize("variable", ["GITHUB_APP_ID", "GITHUB_APP_INSTALLATION_ID"])
@pytest.mark.parametrize("value", ["tiercel", "-1", "1.5", "1" * 30, "Iv1.0123", "²"])
def test_an_id_that_is_no_number_is_explained(
    app: Place, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    for call in (lambda: read_version_tags.fn(app.name), token):
        error = failure(call)
        assert type(error) is UnreachableError
        assert error.what == f"{variable} is not a number"
        assert error.remedy


@pytest.mark.usefixtures("app")
def test_a_key_file_that_is_not_there_is_explained(key_file: Path) -> None:
    key_file.unlink()
    error = failure(token)
    assert type(error) is UnreachableError
    assert error.code == "github.no_private_key"
    assert error.why == "No such file or directory"
    assert "GITHUB_APP_PRIVATE_KEY_FILE" in error.remedy


def test_a_folder_in_place_of_the_key_file_is_explained(app: Place, key_file: Path) -> None:
    key_file.unlink()
    key_file.mkdir()
    assert failure(lambda: read_version_tags.fn(app.name)).why == "Is a directory"


def test_a_key_in_the_variable_itself_is_not_shown(
    app: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = app.stand_in.running.app.private_key
    monkeypatch.setenv("GITHUB_APP_PRIVATE_KEY_FILE", key)
    error = failure(lambda: read_version_tags.fn(app.name))
    assert error.code == "github.no_private_key"
    assert key.splitlines()[1] not in shown(error)


def locked_key() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(PEM, PKCS8, serialization.BestAvailableEncryption(b"secret"))


def elliptic_key() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(PEM, PKCS8, OPEN)


def public_key() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    return key.public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


WRONG_KEYS = {
    "empty": lambda: b"",
    "words": lambda: b"a secret of ours that is no key",
    "cut": lambda: b"-----BEGIN RSA PRIVATE KEY-----\nc2VjcmV0c2VjcmV0\n",
    "locked": locked_key,
    "elliptic": elliptic_key,
    "public": public_key,
}


@pytest.mark.parametrize("kind", WRONG_KEYS)
def test_a_file_that_is_no_usable_key_is_explained_and_not_shown(
    app: Place, key_file: Path, kind: str
) -> None:
    key_file.write_bytes(WRONG_KEYS[kind]())
    error = failure(lambda: read_version_tags.fn(app.name))
    assert type(error) is UnreachableError
    assert error.code == "github.bad_private_key"
    assert error.remedy
    for line in key_file.read_text().splitlines()[1:-1]:
        assert line not in shown(error)
    assert "a secret of ours" not in shown(error)


def test_a_file_of_bytes_is_no_key(app: Place, key_file: Path) -> None:
    key_file.write_bytes(b"\xff\xfe\x00")
    error = failure(lambda: read_version_tags.fn(app.name))
    assert error.code == "github.no_private_key"
    assert error.why == "it is not a text file"
