"""What git, GitHub and other processes try between a commit and the packages that it becomes."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.adversary.frame import Attack, Kind, Removal
from tests.adversary.removals import FILES_COMPARED, OWN_CONFIGURATION
from tests.sandbox.github.support import Place, StandIn
from tests.tasks.conftest import Origin, Server
from tests.tasks.faults import serving
from tiercel.domain.base.errors import TiercelError
from tiercel.domain.base.git_objects import object_id
from tiercel.domain.review.statuses import StatusState, status_of
from tiercel.tasks.github.pull_requests import read_pull_request, upsert_comment
from tiercel.tasks.github.releases import read_version_tags
from tiercel.tasks.github.statuses import set_status
from tiercel.tasks.github.transport.bounds import MAX_ANSWER_BYTES, ApiServer, Budget, bounded_call
from tiercel.tasks.github.transport.client import forget_github
from tiercel.tasks.source.export import export
from tiercel.tasks.source.fetch import fetch_commit, fetch_merge_ref
from tiercel.tasks.source.git import run_git
from tiercel.tasks.source.repository import Commit, read_text

_HONEST, _EVIL = "honest = 1\n", "evil = 1\n"
_APP = "orders/app.py"
_SHORT_SECONDS = 0.3
_PATIENCE_SECONDS = 3.0

_IDS = Removal("tasks.source.git:Git.contents", "object_id(kind, body) != known", "False")


@contextmanager
def _origin(folder: Path) -> Iterator[Origin]:
    """GitHub is a folder, and the cache is empty."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GITHUB_SERVER_URL", (folder / "server").as_uri())
        patch.setenv("TIERCEL_CACHE_DIR", str(folder / "cache"))
        patch.delenv("GITHUB_TOKEN", raising=False)
        yield Server(folder / "server").create()


@contextmanager
def _github(api: str, **more: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ({"GITHUB_API_URL": api, "GITHUB_TOKEN": "ghp_secret"} | more).items():
            patch.setenv(name, value)
        forget_github()
        yield
        forget_github()


def _exported(commit: Commit, folder: Path) -> str:
    """What a service's package would be made of."""
    target = folder / "out"
    target.mkdir()
    with suppress(TiercelError):
        export(commit, ["orders"], target)
        return "".join(path.read_text() for path in sorted(target.rglob("*.py")))
    return ""


def _store(mirror: Path, kind: str, body: bytes, name: str) -> None:
    path = mirror / "objects" / name[:2] / name[2:]
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(zlib.compress(b"%s %d\0%s" % (kind.encode(), len(body), body)))


def _script(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(("#!/bin/sh", *lines, "")))
    path.chmod(0o755)


def _poisoned(folder: Path, configuration: str, *hooks: str) -> bool:
    """Build after something was written into the mirror: whether its program has run."""
    trap = folder / "trap"
    with _origin(folder) as origin:
        origin.commit({_APP: _HONEST})
        commit = origin.fetch()
        for name in ("run", *hooks):
            _script(commit.mirror / name, f"touch {trap}", "cat")
        (commit.mirror / "attributes").write_text("* filter=x\n")
        text = f"[core]\nbare = true\n{configuration}".replace("MIRROR", str(commit.mirror))
        (commit.mirror / "config").write_text(text)
        _exported(commit, folder)
    return trap.exists()


def _filter(folder: Path) -> bool:
    """A build leaves a filter in the mirror, through which every later commit passes."""
    filtered = 'attributesFile = MIRROR/attributes\n[filter "x"]\nsmudge = MIRROR/run\n'
    return _poisoned(folder, filtered)


def _hook(folder: Path) -> bool:
    """A build leaves a hook in the mirror, which a later checkout runs."""
    return _poisoned(folder, "hooksPath = MIRROR\n", "post-checkout", "post-index-change")


def _monitor(folder: Path) -> bool:
    """A build leaves a program in the mirror that git asks which files have changed."""
    return _poisoned(folder, "fsmonitor = MIRROR/run\n")


def _home(folder: Path) -> bool:
    """A build leaves a filter in the configuration of the worker's user."""
    trap = folder / "trap"
    with _origin(folder) as origin, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder))
        _script(folder / "run", f"touch {trap}", "cat")
        (folder / ".gitconfig").write_text(f'[filter "x"]\nsmudge = {folder}/run\n')
        origin.commit({_APP: _HONEST, "orders/.gitattributes": "*.py filter=x\n"})
        _exported(origin.fetch(), folder)
    return trap.exists()


def _forged_blob(folder: Path) -> bool:
    """A build writes another content under the id of a file of the next commit."""
    with _origin(folder) as origin:
        origin.commit({_APP: _HONEST})
        commit = origin.fetch()
        _store(commit.mirror, "blob", _EVIL.encode(), object_id("blob", _HONEST.encode()))
        return _EVIL in _exported(commit, folder)


def _forged_tree(folder: Path) -> bool:
    """A build writes another list of files under the id of a folder of the next commit."""
    with _origin(folder) as origin:
        origin.commit({_APP: _HONEST})
        commit = origin.fetch()
        evil = object_id("blob", _EVIL.encode())
        _store(commit.mirror, "blob", _EVIL.encode(), evil)
        tree = run_git(commit.mirror, "rev-parse", f"{commit.sha}:orders").stdout.decode().strip()
        _store(commit.mirror, "tree", b"100644 app.py\0" + bytes.fromhex(evil), tree)
        return _EVIL in _exported(commit, folder)


def _forged_ancestry(folder: Path) -> bool:
    """A build writes a commit of develop anew, whose parent is one that was never merged."""
    with _origin(folder) as origin:
        first = origin.commit({_APP: _HONEST})
        origin.git("checkout", "--quiet", "-b", "line")
        evil = origin.commit({_APP: _EVIL}, "feature/x")
        origin.git("checkout", "--quiet", "develop")
        honest = origin.commit({_APP: f"{_HONEST}\n"})
        mirror = origin.fetch().mirror
        body = run_git(mirror, "cat-file", "commit", honest).stdout
        _store(mirror, "commit", body.replace(first.encode(), evil.encode()), honest)
        with suppress(TiercelError):
            return fetch_commit.fn(origin.name, evil, "develop").sha == evil
    return False


def _alternates(folder: Path) -> bool:
    """A build makes the mirror look into the store of a repository that nobody has listed."""
    with _origin(folder) as origin:
        origin.commit({_APP: _HONEST})
        mirror = origin.fetch().mirror
        (origin.clone / _APP).write_text("secret")
        origin.git("commit", "--quiet", "--all", "--message=Never pushed")
        (mirror / "objects/info").mkdir(exist_ok=True)
        (mirror / "objects/info/alternates").write_text(f"{origin.clone}/.git/objects\n")
        other = Commit(repository=origin.name, sha=origin.git("rev-parse", "HEAD"), mirror=mirror)
        with suppress(TiercelError):
            return read_text(other, _APP) == "secret"
    return False


def _beside(folder: Path, deed: str) -> str:
    """Export while another process does something as soon as git has written the files."""
    with _origin(folder) as origin, pytest.MonkeyPatch.context() as patch:
        origin.commit({_APP: _HONEST})
        commit = origin.fetch()
        act = f'case "$*" in *checkout*) cd {folder}/out/orders && {deed};; esac'
        _script(folder / "bin/git", f'{shutil.which("git")} "$@" || exit', act)
        patch.setenv("PATH", f"{folder}/bin{os.pathsep}{os.environ['PATH']}")
        return _exported(commit, folder)


def _sibling_changes(folder: Path) -> bool:
    """Another build of the same user changes a file before it is packaged."""
    return "evil" in _beside(folder, "echo evil >> app.py")


def _sibling_adds(folder: Path) -> bool:
    """Another build of the same user adds a module that Python imports by itself."""
    return "evil" in _beside(folder, "echo evil > sitecustomize.py")


def _merge_of_another_head(folder: Path) -> bool:
    """The merge of a head that was pushed later is built, and the earlier one called verified."""
    with _origin(folder) as origin:
        base = origin.commit({_APP: _HONEST})
        head = origin.commit({"a": "1"}, "feature/x")
        later = origin.commit({_APP: _EVIL}, "feature/x")
        merge = origin.git("commit-tree", "HEAD^{tree}", "-p", base, "-p", later, "-m", "Merge")
        origin.git("push", "--quiet", str(origin.bare), f"{merge}:refs/pull/7/merge")
        with suppress(TiercelError):
            commit = fetch_merge_ref.fn(origin.name, 7, head).commit
            return read_text(commit, _APP) == _EVIL
    return False


def _shared_mirror(folder: Path) -> bool:
    """What a stranger's pull request holds comes into the store that is released from."""
    with _origin(folder) as origin:
        base = origin.commit({_APP: _HONEST})
        head = origin.commit({_APP: _EVIL}, "feature/x")
        merge = origin.git("commit-tree", "HEAD^{tree}", "-p", base, "-p", head, "-m", "Merge")
        origin.git("push", "--quiet", str(origin.bare), f"{merge}:refs/pull/7/merge")
        fetch_merge_ref.fn(origin.name, 7, head)
        mirror = origin.fetch(base).mirror
        return run_git(mirror, "cat-file", "-e", merge, check=False).succeeded


def _linked_mirror(folder: Path) -> bool:
    """A link in place of the mirror lets the worker clear a folder of somebody else's."""
    precious = folder / "precious"
    precious.mkdir()
    (precious / "work").write_text("theirs")
    with _origin(folder) as origin:
        origin.commit({_APP: _HONEST})
        mirror = origin.fetch().mirror
        shutil.rmtree(mirror)
        mirror.symlink_to(precious)
        with suppress(TiercelError):
            origin.fetch()
    return not (precious / "work").exists()


def _linked_lock(folder: Path) -> bool:
    """A link in place of a mirror's lock lets the worker empty a file of somebody else's."""
    precious = folder / "precious"
    precious.write_text("theirs")
    with _origin(folder) as origin:
        origin.commit({_APP: _HONEST})
        lock = origin.fetch().mirror.with_suffix(".lock")
        lock.unlink()
        lock.symlink_to(precious)
        with suppress(TiercelError):
            origin.fetch()
    return precious.read_text() == ""


def _redirect(folder: Path) -> bool:
    """The server of the repositories sends git to an address that only the worker reaches."""
    told: list[str] = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with serving(Elsewhere) as other:

        class Here(Elsewhere):
            def do_GET(self) -> None:
                self.send_response(302)
                self.send_header("Location", other.replace("127.0.0.1", "localhost") + self.path)
                self.send_header("Content-Length", "0")
                self.end_headers()

        with (
            serving(Here) as here,
            _github(
                "https://api.github.com",
                GITHUB_SERVER_URL=here,
                TIERCEL_CACHE_DIR=str(folder / "cache"),
            ),
            suppress(TiercelError),
        ):
            fetch_commit.fn("acme/shop", "develop", "develop")
    return bool(told)


@contextmanager
def _saying(head: str, piece: bytes, seconds: float = 0.0) -> Iterator[tuple[str, list[int]]]:
    """A server that says a piece over and over; what it has said is counted in bytes."""
    listener = socket.create_server(("127.0.0.1", 0))
    over, said = threading.Event(), [0]

    def say(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.recv(65536)
            connection.sendall(head.replace("\n", "\r\n").encode())
            while said[0] < 4 * MAX_ANSWER_BYTES and not over.wait(seconds):
                connection.sendall(piece)
                said[0] += len(piece)

    def serve() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=say, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/api/v3", said
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _large_answer(_: Path) -> bool:
    """Who answers in GitHub's place fills the worker's memory."""
    head = "HTTP/1.1 200 OK\nContent-Length: 629145600\n\n"
    with _saying(head, b"x" * 2**20) as (api, said), _github(api), suppress(TiercelError):
        read_version_tags.fn("acme/shop")
    return said[0] > 3 * MAX_ANSWER_BYTES


def _slow_answer(_: Path) -> bool:
    """Who answers in GitHub's place holds a run up, one byte after the other."""
    ended = threading.Event()

    def call(api: str) -> None:
        budget = Budget(ApiServer.of(api), exchange_seconds=_SHORT_SECONDS)
        with suppress(TiercelError), bounded_call(budget):
            read_version_tags.fn("acme/shop")
        ended.set()

    head = "HTTP/1.1 200 OK\nContent-Length: 9999\n\n"
    with _saying(head, b"[", seconds=0.05) as (api, _said), _github(api):
        caller = threading.Thread(target=call, args=(api,), daemon=True)
        caller.start()
        held_up = not ended.wait(_PATIENCE_SECONDS)
    caller.join()
    return held_up


def _endless_list(_: Path) -> bool:
    """A list whose last page leads to its first one is read until the memory is full."""
    asked = []

    class Circle(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            if len(asked) < 20:
                address = f"http://{self.headers['Host']}{self.path}"
                self.send_header("Link", f'<{address}>; rel="next"')
            body = b'[{"name": "v1.0.0", "commit": {"sha": "%s"}}]' % (b"1" * 40)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with serving(Circle) as url, _github(f"{url}/api/v3"), suppress(TiercelError):
        read_version_tags.fn("acme/shop")
    return len(asked) >= 20


def _odd_types(_: Path) -> bool:
    """An answer of other types ends a run with a trace in place of a reason."""

    class Odd(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b'[{"name": 5, "commit": []}]'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with serving(Odd) as url, _github(f"{url}/api/v3"):
        try:
            read_version_tags.fn("acme/shop")
        except TiercelError:
            return False
        except Exception:  # noqa: BLE001 - any is what the attack wants
            return True
    return False


@contextmanager
def _pull_request(folder: Path) -> Iterator[Place]:
    """A repository of the stand-in, in which the tasks act as `bot`."""
    running = StandIn(folder / "github")
    try:
        with _github(running.api, GITHUB_TOKEN=running.running.token("bot")):
            yield Place.create(running, folder)
    finally:
        running.stop()


def _forged_comment(folder: Path) -> bool:
    """An author writes Tiercel's comment first, so that the verdict is theirs to edit."""
    (folder / "github").mkdir()
    with _pull_request(folder) as place:
        number = place.pull("feature", {"a": "a\n"}).number
        place.repo().get_issue(number).create_comment("<!-- m -->\nverified")
        upsert_comment.fn(read_pull_request.fn(place.name, number), "<!-- m -->", "verified")
        found = list(place.repo().get_issue(number).get_comments())
    return not any(one.user.login == "bot" for one in found)


def _forged_status(folder: Path) -> bool:
    """An author sets Tiercel's status before it does; then the commit counts as verified."""
    (folder / "github").mkdir()
    with _pull_request(folder) as place:
        pull = read_pull_request.fn(place.name, place.pull("feature", {"a": "a\n"}).number)
        pending = status_of("", StatusState.PENDING, "verifying")
        commit = place.repo().get_commit(pull.head_commit)
        commit.create_status("success", "https://evil.example", "verified", pending.context)
        set_status.fn(place.name, pull.head_commit, pending, "")
        newest = place.repo().get_commit(pull.head_commit).get_statuses()[0]
        return newest.state == "success"


ATTACKS = (
    *(
        Attack(name, Kind.OUTLIVE, "git gets a configuration of ours for each use",
               (OWN_CONFIGURATION,), deed, sampled=deed is _filter)
        for name, deed in (
            ("a filter in the git mirror", _filter),
            ("a hook in the git mirror", _hook),
            ("a file monitor in the git mirror", _monitor),
        )
    ),
    Attack(
        "a filter in the user's configuration of git", Kind.OUTLIVE,
        "git reads no configuration of a user",
        (
            Removal(
                "tasks.source.git:_environment", '"GIT_CONFIG_GLOBAL": os.devnull',
                '"HOME": os.environ["HOME"]',
            ),
        ),
        _home, sampled=False,
    ),
    Attack(
        "a forged file in the git mirror", Kind.FORGE,
        "every file that was checked out is compared with its id", (FILES_COMPARED,), _forged_blob,
    ),
    *(
        Attack(name, Kind.FORGE, "every object that is read is compared with its id", (_IDS,),
               deed, sampled=deed is _forged_tree)
        for name, deed in (
            ("a forged folder in the git mirror", _forged_tree),
            ("a forged ancestry in the git mirror", _forged_ancestry),
        )
    ),
    Attack(
        "a store beside the git mirror's", Kind.READ,
        "a list of other stores is removed before each use",
        (Removal("tasks.source.git:git_for", 'remove(objects / "info")', "pass"),), _alternates,
    ),
    Attack(
        "a file that another build changes", Kind.WRITE,
        "every file that was checked out is compared with its id", (FILES_COMPARED,),
        _sibling_changes, sampled=False,
    ),
    Attack(
        "a module that another build adds", Kind.WRITE,
        "nothing lies in a checkout but what the commit has",
        (
            Removal(
                "tasks.source.export:_export", "additional = _additional(files, target)",
                "additional = []",
            ),
        ),
        _sibling_adds,
    ),
    Attack(
        "the merge of another head", Kind.FORGE,
        "the merge that is built is that of the head whose status is set",
        (
            Removal(
                "tasks.source.fetch:fetch_merge_ref", "parents[1:] != (head_commit,)", "False"
            ),
        ),
        _merge_of_another_head,
    ),
    Attack(
        "a pull request in the store of releases", Kind.WRITE,
        "pull requests have mirrors of their own",
        (Removal("tasks.source.mirrors:updated", "_cache() / use.value", '_cache() / "all"'),),
        _shared_mirror, sampled=False,
    ),
    Attack(
        "a link in place of a mirror", Kind.WRITE,
        "a mirror is a folder of the worker's own",
        (
            Removal(
                "tasks.source.mirrors:_put_in_order", "if not _is_own_folder(mirror):", "if False:"
            ),
        ),
        _linked_mirror,
    ),
    Attack(
        "a link in place of a mirror's lock", Kind.WRITE,
        "links in the cache are removed",
        (Removal("tasks.source.mirrors:_locked", "if place.is_symlink():", "if False:"),),
        _linked_lock, sampled=False,
    ),
    Attack(
        "a redirection of git", Kind.REACH,
        "git follows nobody to another address",
        (
            Removal(
                "tasks.source.git:git_for", "_CONFIGURATION",
                '_CONFIGURATION.replace("followRedirects = false", "followRedirects = true")',
            ),
        ),
        _redirect,
    ),
    Attack(
        "600 MB in place of GitHub's answer", Kind.OUTLIVE,
        "an answer has a length in which it has to come",
        (
            Removal(
                "tasks.github.transport.connection:_Answer.count",
                "self._read_bytes += size",
                "pass",
            ),
            Removal("tasks.github.transport.bounds:Budget.take", "self.size < 0", "False"),
        ),
        _large_answer, sampled=False,
    ),
    Attack(
        "one byte after the other in place of GitHub's answer", Kind.OUTLIVE,
        "an answer has a time in which it has to come",
        (
            Removal(
                "tasks.github.transport.connection:_Watch.__init__", "self._timer.start()", "pass"
            ),
        ),
        _slow_answer, sampled=False,
    ),
    Attack(
        "a list that goes in a circle", Kind.OUTLIVE,
        "nothing is asked twice in a call",
        (
            Removal(
                "tasks.github.transport.bounds:Budget.take_request", "path in self.asked", "False"
            ),
        ),
        _endless_list,
    ),
    Attack(
        "other types in GitHub's answer", Kind.OUTLIVE,
        "an answer that GitHub would not give is a refusal",
        (
            Removal(
                "tasks.github.transport.errors:translated_answer", "except _ODD as error",
                "except () as error",
            ),
        ),
        _odd_types,
    ),
    Attack(
        "a forged comment", Kind.FORGE,
        "a comment of somebody else's is never taken for ours",
        (Removal("tasks.github.pull_requests:_ours", " and is_us(one.user)"),), _forged_comment,
        sampled=False,
    ),
    Attack(
        "a forged status", Kind.FORGE,
        "a status of somebody else's is no verdict of ours",
        (Removal("tasks.github.statuses:set_status", " and is_us(newest.creator)"),),
        _forged_status,
    ),
)  # fmt: skip
