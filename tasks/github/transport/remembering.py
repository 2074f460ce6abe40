"""Answers of GitHub's that are kept, so that what did not change is not sent again.

GitHub names each answer by an ETag; asked with that name it says 304 where nothing changed, which
does not count against the limit of requests:
https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from tiercel.domain.base.digests import sha256_hex

_MOST_BYTES = 16 * 1024**2
"""More than that is not kept: then it is sent again each time."""
_KEPT_HEADERS = ("etag", "link", "content-type")


@dataclass(frozen=True)
class KeptAnswer:
    """What GitHub said, and the name by which it knows that."""

    etag: str
    headers: dict[str, str]
    text: str


class Memory:
    """The answers of one use, by what was asked."""

    def __init__(self, answers: dict[str, KeptAnswer]) -> None:
        self._answers = answers
        self.asked: dict[str, KeptAnswer] = {}
        """Those that this use has asked for; others are forgotten at its end."""

    def of(self, url: str) -> KeptAnswer | None:
        """Return what was said last, None if nothing is known."""
        return self._answers.get(url)

    def keep(self, url: str, headers: dict[str, str], text: str) -> None:
        """Keep an answer that has a name."""
        kept = {name: headers[name] for name in _KEPT_HEADERS if name in headers}
        if "etag" in kept:
            self.asked[url] = KeptAnswer(kept["etag"], kept, text)

    def again(self, url: str) -> KeptAnswer:
        """Return what has not changed; KeyError if nothing was known."""
        self.asked[url] = self._answers[url]
        return self._answers[url]


_ANSWERS = TypeAdapter(dict[str, KeptAnswer])
_memory: ContextVar[Memory | None] = ContextVar("github_memory", default=None)


def current_memory() -> Memory | None:
    """Return what is remembered here, None outside of such a block."""
    return _memory.get()


@contextmanager
def remembered(subject: str) -> Iterator[None]:
    """Ask in this block only for what has changed since the last such block of the same subject.

    What is kept lies in the worker's cache, and is of no account if it cannot be read or written.
    """
    path = _folder() / f"{sha256_hex(subject.encode())[:16]}.json"
    memory = Memory(_read(path))
    token = _memory.set(memory)
    try:
        yield
    finally:
        _memory.reset(token)
        _write(path, memory.asked)


def _read(path: Path) -> dict[str, KeptAnswer]:
    with suppress(OSError, ValidationError):
        if path.stat().st_size <= _MOST_BYTES:
            return _ANSWERS.validate_json(path.read_bytes())
    return {}


def _write(path: Path, answers: dict[str, KeptAnswer]) -> None:
    body = _ANSWERS.dump_json(answers)
    if len(body) > _MOST_BYTES:
        return
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = path.with_suffix(f".{os.getpid()}")
        part.write_bytes(body)
        part.replace(path)


def _folder() -> Path:
    default = Path.home() / ".cache" / "tiercel"
    return Path(os.environ.get("TIERCEL_CACHE_DIR", default)) / "github"
