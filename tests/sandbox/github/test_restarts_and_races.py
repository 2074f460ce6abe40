from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from github import Auth, Github

from tests.sandbox.github.support import Place, client, eventually, git, unused_port
from tests.sandbox.github.webhook_receiver import WebhookReceiver
from tiercel.domain.base.errors import TiercelError
from tiercel.sandbox.github.http.client import RunningGithub
from tiercel.sandbox.github.http.process import await_github, running_github, start_github
from tiercel.sandbox.machine import processes
from tiercel.sandbox.machine.layout import Layout
from tiercel.sandbox.machine.record import Server

pytestmark = pytest.mark.process


class Process:
    """The stand-in as the sandbox starts it: a process of its own."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root)
        self.layout.create()
        self.port = unused_port()
        self.server: Server | None = None
        self.running: RunningGithub = self.start()

    def start(self) -> RunningGithub:
        server = eventually(self._started)
        assert server is not None
        self.server = server
        await_github(self.layout, server, lambda _: None)
        return running_github(self.layout, server)

    def _started(self) -> Server | None:
        """The system may give a port back a moment after its owner was killed."""
        try:
            return start_github(self.layout, self.port)
        except TiercelError:
            return None

    def kill(self) -> None:
        assert self.server is not None
        os.kill(self.server.process.pid, signal.SIGKILL)
        eventually(lambda: self.server is None or not self.server.is_running)

    def stop(self) -> None:
        assert self.server is not None
        processes.stop([self.server.process])

    def github(self, login: str) -> Github:
        return client(self.running.api_url, Auth.Token(self.running.token(login)))

    def url(self, name: str, login: str = "author") -> str:
        return f"http://x:{self.running.token(login)}@127.0.0.1:{self.port}/{name}.git"


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    running = Process(tmp_path / "state")
    yield running
    running.stop()


def work_tree(process: Process, folder: Path) -> Path:
    process.running.control("POST", "/repositories", owner="acme", name="shop")
    tree = folder / "tree"
    tree.mkdir()
    git(tree, "init", "--quiet", "--initial-branch=main")
    (tree / "README.md").write_text("shop\n")
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--message=First")
    git(tree, "push", process.url("acme/shop"), "main")
    git(tree, "checkout", "--quiet", "-b", "feature")
    (tree / "a.txt").write_text("a\n")
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--message=Work")
    git(tree, "push", process.url("acme/shop"), "feature")
    return tree


def snapshot(process: Process) -> dict[str, Any]:
    repo = process.github("releaser").get_repo("acme/shop")
    pull = repo.get_pull(1)
    return {
        "repository": repo.raw_data,
        "pull": pull.raw_data,
        "reviews": [review.raw_data for review in pull.get_reviews()],
        "comments": [comment.raw_data for comment in pull.get_issue_comments()],
        "statuses": [status.raw_data for status in repo.get_commit(pull.head.sha).get_statuses()],
        "protection": repo.get_branch("main").get_protection().raw_data,
        "releases": [release.raw_data for release in repo.get_releases()],
        "hooks": [hook.raw_data for hook in repo.get_hooks()],
    }


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_restart_keeps_everything(process: Process, tmp_path: Path, how: str) -> None:
    work_tree(process, tmp_path)
    repo = process.github("author").get_repo("acme/shop")
    pull = repo.create_pull(base="main", head="feature", title="Do it")
    pull.create_issue_comment("Hello")
    repo.get_commit(pull.head.sha).create_status("success", context="ci")
    repo.create_git_release("v1", "First", "")
    theirs = process.github("reviewer").get_repo("acme/shop").get_pull(1)
    theirs.create_review(event="APPROVE")
    admin = process.github("releaser").get_repo("acme/shop")
    admin.get_branch("main").edit_protection(required_approving_review_count=1)
    admin.create_hook("web", {"url": "http://192.0.2.1/"}, ["push"], active=False)
    before = snapshot(process)

    getattr(process, how)()
    process.start()

    assert snapshot(process) == before
    assert process.github("author").get_repo("acme/shop").get_pull(1).merge().merged


def test_what_was_pushed_while_nobody_looked_is_seen_after_the_next_start(
    process: Process, tmp_path: Path, receiver: WebhookReceiver
) -> None:
    tree = work_tree(process, tmp_path)
    admin = process.github("releaser").get_repo("acme/shop")
    config = {"url": f"{receiver.url}/restart", "content_type": "json"}
    admin.create_hook("web", config, ["push", "pull_request"])
    admin.create_pull(base="main", head="feature", title="Do it")
    eventually(lambda: receiver.at("/restart", "pull_request"))
    process.kill()
    (tree / "b.txt").write_text("b\n")
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--message=More")
    git(tree, "push", str(process.layout.root / "repositories/acme/shop.git"), "feature")

    process.start()

    sha = git(tree, "rev-parse", "feature").strip()
    assert process.github("author").get_repo("acme/shop").get_pull(1).head.sha == sha
    (push,) = eventually(lambda: receiver.at("/restart", "push"))
    assert push.payload["after"] == sha
    # What was under way when the process was killed is delivered again: opened may come twice.
    moved = eventually(
        lambda: [
            item.payload["after"]
            for item in receiver.at("/restart", "pull_request")
            if item.payload["action"] == "synchronize"
        ]
    )
    assert moved == [sha]


def test_a_taken_port_is_told(process: Process) -> None:
    with pytest.raises(TiercelError, match="cannot listen"):
        start_github(process.layout, process.port)


def test_it_listens_on_loopback_only(process: Process) -> None:
    assert process.server is not None
    found = process.server.process.find()
    assert found is not None
    listening = [c.laddr.ip for c in found.net_connections() if c.status == "LISTEN"]
    assert listening == ["127.0.0.1"]


def together(count: int, action: Any) -> list[Any]:
    """Run an action in many threads at the same moment; return what they return."""
    gate = threading.Barrier(count)

    def one(number: int) -> Any:
        gate.wait(timeout=20)
        return action(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_of_twenty_merges_at_once_one_wins(place: Place) -> None:
    pull = place.pull("feature", {"a.txt": "a\n"})
    token = place.stand_in.running.token("author")

    def merge(_: int) -> int:
        with place.stand_in.http(token) as http:
            url = f"/repos/{place.name}/pulls/1/merge"
            return http.put(url, json={"sha": pull.head.sha}, timeout=60).status_code

    counted = Counter(together(20, merge))

    assert counted[200] == 1
    assert counted[405] + counted[409] == 19
    assert len(place.bare("rev-list", "--first-parent", "main").split()) == 2


def test_of_many_references_of_one_name_one_is_created(place: Place) -> None:
    sha = place.bare("rev-parse", "main").strip()
    token = place.stand_in.running.token("author")

    def create(_: int) -> int:
        with place.stand_in.http(token) as http:
            body = {"ref": "refs/heads/new", "sha": sha}
            url = f"/repos/{place.name}/git/refs"
            return http.post(url, json=body, timeout=60).status_code

    assert Counter(together(10, create)) == {201: 1, 422: 9}


def test_pushes_and_merges_at_once_lose_nothing(place: Place) -> None:
    for number in range(4):
        place.pull(f"feature-{number}", {f"f{number}.txt": "x\n"})
    for number in range(4):
        git(place.tree, "branch", f"push-{number}", "main")

    def act(number: int) -> bool:
        if number < 4:
            return bool(place.repo().get_pull(number + 1).merge().merged)
        return place.try_push(f"push-{number - 4}")[0] == 0

    assert all(together(8, act))
    names = place.bare("ls-tree", "--name-only", "main").split()
    assert names == ["README.md", *(f"f{number}.txt" for number in range(4))]
    assert len(list(place.repo().get_branches())) == 9
    assert not list(place.repo().get_pulls())


def test_numbers_of_pull_requests_are_never_given_twice(place: Place) -> None:
    for number in range(6):
        git(place.tree, "checkout", "--quiet", "-b", f"b{number}", "main")
        place.commit({f"f{number}.txt": "x\n"})
    place.push(*(f"b{number}" for number in range(6)))
    numbers = together(6, lambda number: place.open(f"b{number}").number)
    assert sorted(numbers) == [1, 2, 3, 4, 5, 6]
