from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
import requests
from github import GithubException, RateLimitExceededException

from tests.sandbox.github.support import Place, patient_retry, refusal, run_git


@pytest.fixture(autouse=True)
def _no_fault_is_left(place: Place) -> Iterator[None]:
    yield
    place.stand_in.control("DELETE", "/faults")


@pytest.mark.parametrize("kind", ["500", "502", "503"])
def test_a_server_error_happens_so_many_times(place: Place, kind: str) -> None:
    repo = place.repo()
    place.stand_in.fault(kind, method="GET", path=r"/branches/main$", times=2)
    for _ in range(2):
        assert refusal(lambda: repo.get_branch("main")).status == int(kind)
    assert repo.get_branch("main").name == "main"


def test_pygithub_reads_through_a_server_error(place: Place) -> None:
    repo = place.repo(retry=patient_retry())
    place.stand_in.fault("503", path="/branches/main", times=2)
    assert repo.get_branch("main").name == "main"


def test_a_used_up_rate_limit_says_when_it_ends(place: Place) -> None:
    repo = place.repo()
    place.stand_in.fault("rate_limit", path="/branches", seconds=2)
    error = refusal(lambda: repo.get_branch("main"))
    assert isinstance(error, RateLimitExceededException)
    assert error.headers is not None
    assert error.headers["x-ratelimit-remaining"] == "0"
    assert 0 <= int(error.headers["x-ratelimit-reset"]) - time.time() <= 3


def test_pygithub_waits_for_the_end_of_a_secondary_limit(place: Place) -> None:
    repo = place.repo(retry=patient_retry())
    place.stand_in.fault("secondary_rate_limit", path="/branches", seconds=1)
    started = time.monotonic()
    assert repo.get_branch("main").name == "main"
    assert time.monotonic() - started >= 1


def test_too_many_requests_say_how_long_to_wait(place: Place) -> None:
    place.stand_in.fault("429", path="/branches", seconds=7)
    repo = place.repo()
    error = refusal(lambda: repo.get_branch("main"))
    assert (error.status, (error.headers or {})["retry-after"]) == (429, "7")


def test_the_hourly_limit_is_counted_per_token(place: Place) -> None:
    token = place.stand_in.token("author")
    with place.stand_in.http(token) as http:
        left = [
            int(http.get(f"/repos/{place.name}").headers["x-ratelimit-remaining"]) for _ in range(2)
        ]
        assert left[0] - left[1] == 1
        place.stand_in.control("PATCH", "/settings", rate_limit=3)
        try:
            assert http.get("/user").status_code == 200
            refused = http.get("/user")
            assert http.get("/rate_limit").json()["rate"]["remaining"] == 0
        finally:
            place.stand_in.control("PATCH", "/settings", rate_limit=100_000)
        assert (refused.status_code, refused.headers["x-ratelimit-remaining"]) == (403, "0")
        assert refused.json()["message"].startswith("API rate limit exceeded for user ID")


def test_a_reset_connection_applies_nothing(place: Place) -> None:
    repo = place.repo()
    place.stand_in.fault("reset", method="POST", path="/git/refs")
    sha = repo.get_branch("main").commit.sha
    with pytest.raises(requests.exceptions.ConnectionError):
        repo.create_git_ref("refs/heads/new", sha)
    assert [branch.name for branch in repo.get_branches()] == ["main"]


def test_a_lost_answer_hides_what_was_applied(place: Place) -> None:
    repo = place.repo()
    place.stand_in.fault("lost", method="POST", path="/git/refs")
    sha = repo.get_branch("main").commit.sha
    with pytest.raises(requests.exceptions.ConnectionError):
        repo.create_git_ref("refs/heads/new", sha)
    assert [branch.name for branch in repo.get_branches()] == ["main", "new"]


def test_a_push_whose_answer_is_lost_was_applied(place: Place) -> None:
    pull = place.pull("feature", {"a.txt": "a\n"})
    run_git(place.tree, "checkout", "--quiet", "feature")
    sha = place.commit({"b.txt": "b\n"})
    place.stand_in.fault("lost", method="POST", path="git-receive-pack")
    assert place.try_push("feature")[0] != 0
    pull.update()
    assert pull.head.sha == sha


def test_git_meets_server_errors_too(place: Place) -> None:
    place.stand_in.fault("503", path="info/refs")
    done = run_git(place.tree, "fetch", place.url())
    assert (done.returncode, "503" in done.stderr) == (128, True)
    assert run_git(place.tree, "fetch", place.url()).returncode == 0


def test_latency_delays_and_does_nothing_else(place: Place) -> None:
    repo = place.repo()
    place.stand_in.fault("latency", path="/branches", latency_ms=300)
    started = time.monotonic()
    repo.get_branch("main")
    assert time.monotonic() - started >= 0.3


def test_a_base_that_moved_meanwhile_is_told_in_githubs_words(place: Place) -> None:
    pull = place.pull("feature", {"a.txt": "a\n"})
    place.stand_in.fault("base_modified", method="PUT", path="/merge$")
    with pytest.raises(GithubException, match="Base branch was modified") as caught:
        pull.merge()
    assert caught.value.status == 405
    assert pull.merge().merged


def test_waiting_faults_are_listed(place: Place) -> None:
    place.stand_in.fault("500", path="/never", times=3)
    (waiting,) = place.stand_in.control("GET", "/faults")
    assert (waiting["kind"], waiting["times"]) == ("500", 3)


@pytest.mark.parametrize("wrong", [{"kind": "x"}, {"kind": "500", "path": "("}, {"times": 1}])
def test_a_fault_that_cannot_be_is_refused(place: Place, wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="422"):
        place.stand_in.control("POST", "/faults", **wrong)


def test_the_journal_tells_every_call_and_its_fault(place: Place) -> None:
    repo = place.repo()
    place.stand_in.fault("502", path="/branches/main")
    refusal(lambda: repo.get_branch("main"))
    place.repo("reviewer").get_branch("main")
    place.branch("side", {"s.txt": "s\n"})
    lines = (place.stand_in.folder / "journal.jsonl").read_text().splitlines()
    mine = [call for call in map(json.loads, lines) if place.name in call["path"]]
    failed = next(call for call in mine if call["fault"])
    assert (failed["method"], failed["status"], failed["fault"]) == ("GET", 502, "502")
    read = next(c for c in mine if c["actor"] == "reviewer" and "branch" in c["operation"])
    assert (read["operation"], read["status"]) == ("/repos/{owner}/{repo}/branches/{branch}", 200)
    assert read["duration_ms"] > 0
    pushed = [call for call in mine if call["operation"] == "git git-receive-pack"]
    assert pushed[-1]["actor"] == "author"
