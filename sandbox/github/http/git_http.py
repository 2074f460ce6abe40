"""git over smart HTTP: `git http-backend` behind tokens and branch protection.

https://git-scm.com/docs/http-protocol
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tiercel.sandbox.github.git import push_hook
from tiercel.sandbox.github.git.commands import git_environment
from tiercel.sandbox.github.memory.records import Level, RepositoryRecord
from tiercel.sandbox.github.memory.world import World
from tiercel.sandbox.github.operations.project.repositories import find
from tiercel.sandbox.github.rules.auth import Actor, identify
from tiercel.sandbox.github.rules.errors import NO_CREDENTIALS, NO_PUSH, NO_REPOSITORY, ApiError
from tiercel.sandbox.github.rules.push_rules import needs_hook, read_commands, rules_for
from tiercel.sandbox.github.rules.synchronize import synchronize

_PATH = re.compile(
    r"/(?P<owner>[^/]+)/(?P<name>[^/]+?)(?:\.git)?"
    r"/(?P<service>info/refs|git-upload-pack|git-receive-pack)"
)
_CHUNK = 64 * 1024
_RECEIVE = "git-receive-pack"
_TIMEOUT_SECONDS = 300
# The variable with core.hooksPath, which is the first of the settings below.
_HOOKS_SETTING = "GIT_CONFIG_VALUE_0"
# A program file of git's own kind: the shell only starts Python and reads nothing else.
_HOOK = '#!/bin/sh\nexec "$STAND_IN_PYTHON" -I -S -X utf8 "$STAND_IN_HOOK" "$@"\n'


@dataclass(frozen=True)
class GitRequest:
    """A request of a git client, addressed to a repository and a service."""

    owner: str
    name: str
    path: str
    service: str
    method: str
    query: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class GitReply:
    """An answer to a git client; the body comes in parts."""

    status: int
    headers: dict[str, str]
    body: AsyncIterator[bytes]
    actor: str = ""


def parse(method: str, path: str, query: str, headers: Mapping[str, str]) -> GitRequest | None:
    """Return the request of a git client; None when it is something else."""
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    service = match["service"]
    if service == "info/refs":
        service = query.removeprefix("service=")
    if service not in {"git-upload-pack", _RECEIVE}:
        return None
    below = match["service"]
    return GitRequest(match["owner"], match["name"], below, service, method, query, headers)


class GitServer:
    """Lets git clients fetch from and push to the repositories."""

    def __init__(self, world: World, folder: Path) -> None:
        self._world = world
        self._hooks = folder / "hooks"
        self._hooks.mkdir(parents=True, exist_ok=True)
        (self._hooks / "update").write_text(_HOOK)
        (self._hooks / "update").chmod(0o700)

    async def serve(self, request: GitRequest, body: BinaryIO) -> GitReply:
        """Answer a git client; a push is applied and told before its answer is sent."""
        try:
            actor, repository = await asyncio.to_thread(self._authorized, request)
        except ApiError as error:
            return _refusal(error)
        variables = self._variables(request, repository, actor)
        if request.service == _RECEIVE and request.method == "POST":
            push = (repository, actor, variables, body)
            return await asyncio.to_thread(self._push, *push)
        return await _streamed(variables, body, actor.name)

    def _authorized(self, request: GitRequest) -> tuple[Actor, RepositoryRecord]:
        """Return who asks for which repository; ApiError when there is nothing for them."""
        with self._world.store.transaction():
            actor = identify(self._world, request.headers)
            repository = find(self._world, request.owner, request.name)
        if repository is None or not actor.sees(repository):
            raise ApiError(NO_REPOSITORY if actor.user else NO_CREDENTIALS)
        level: Level = "write" if request.service == _RECEIVE else "read"
        if not actor.may(repository, "contents", level):
            raise ApiError(NO_PUSH if actor.user else NO_CREDENTIALS)
        return actor, repository

    def _push(
        self,
        repository: RepositoryRecord,
        actor: Actor,
        variables: dict[str, str],
        body: BinaryIO,
    ) -> GitReply:
        user = actor.must_be_user
        body.seek(0)
        commands = read_commands(body)
        with tempfile.NamedTemporaryFile("w", suffix=".json") as rules, self._world.change():
            known = self._world.store.get(RepositoryRecord, repository.id) or repository
            decided = rules_for(self._world, known, user, commands)
            json.dump(decided, rules)
            rules.flush()
            if needs_hook(self._world, known, decided):
                variables |= {_HOOKS_SETTING: str(self._hooks)}
            _rewind(body)
            done = subprocess.run(
                ["git", "http-backend"],  # noqa: S607 - the user's own git
                stdin=body,
                capture_output=True,
                check=False,
                env=variables | {push_hook.RULES_VARIABLE: rules.name},
                timeout=_TIMEOUT_SECONDS,
            )
            synchronize(self._world, known, user)
        status, headers, rest = _cgi_answer(done.stdout)
        return GitReply(status, headers, _once(rest), user.login)

    def _variables(
        self, request: GitRequest, repository: RepositoryRecord, actor: Actor
    ) -> dict[str, str]:
        """Return the environment of `git http-backend`, which is a CGI program."""
        settings = {
            "core.hooksPath": os.devnull,
            "gc.auto": "0",
            "receive.autogc": "false",
            "receive.hideRefs": "refs/pull",
            "uploadpack.allowFilter": "true",
            "uploadpack.allowReachableSHA1InWant": "true",
        }
        configured = {"GIT_CONFIG_COUNT": str(len(settings))}
        for number, (key, value) in enumerate(settings.items()):
            configured |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        protocol = request.headers.get("git-protocol", "")
        return git_environment() | configured | {
            "GIT_PROJECT_ROOT": str(self._world.repositories),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": f"/{repository.full_name}.git/{request.path}",
            "REQUEST_METHOD": request.method,
            "QUERY_STRING": request.query,
            "CONTENT_TYPE": request.headers.get("content-type", ""),
            "GIT_PROTOCOL": protocol if re.fullmatch(r"[\w=:]*", protocol) else "",
            "REMOTE_USER": actor.name or "anonymous",
            "REMOTE_ADDR": "127.0.0.1",
            "STAND_IN_PYTHON": sys.executable,
            "STAND_IN_HOOK": push_hook.__file__,
        }  # fmt: skip


def _rewind(body: BinaryIO) -> None:
    """Let a process that gets the file as its input read it from the start."""
    body.seek(0)
    os.lseek(body.fileno(), 0, os.SEEK_SET)


async def _streamed(variables: dict[str, str], body: BinaryIO, actor: str) -> GitReply:
    _rewind(body)
    process = await asyncio.create_subprocess_exec(
        "git",
        "http-backend",
        stdin=body,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=variables,
    )
    output = process.stdout
    if output is None:
        raise RuntimeError("the process has no output")
    head = await output.readuntil(b"\r\n\r\n")
    status, headers, _ = _cgi_answer(head)
    return GitReply(status, headers, _rest_of(process, output), actor)


async def _rest_of(
    process: asyncio.subprocess.Process, output: asyncio.StreamReader
) -> AsyncIterator[bytes]:
    complete = False
    try:
        while part := await output.read(_CHUNK):
            yield part
        complete = True
    finally:
        if not complete:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await process.wait()


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _cgi_answer(output: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, rest = output.partition(b"\r\n\r\n")
    pairs = [line.decode("latin-1").partition(": ") for line in head.split(b"\r\n") if line]
    headers = {name: value for name, _, value in pairs}
    status = int(headers.pop("Status", "200").split(" ")[0])
    return status, headers, rest


def _refusal(error: ApiError) -> GitReply:
    headers = {"Content-Type": "text/plain; charset=utf-8"}
    if error.refusal.status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="GitHub"'
    text = error.message or error.refusal.message
    return GitReply(error.refusal.status, headers, _once(f"{text}\n".encode()))
