"""The stand-in's memory: records in one SQLite file, changed one transaction at a time."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from tiercel.sandbox.github.memory.records import Record

_R = TypeVar("_R", bound=Record)

_FIRST_ID = 1000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    kind TEXT NOT NULL, id INTEGER NOT NULL, repository INTEGER NOT NULL, key TEXT NOT NULL,
    body TEXT NOT NULL, PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS lookup ON records (kind, repository, key, id);
CREATE TABLE IF NOT EXISTS sequence (last INTEGER NOT NULL);
"""


class Store:
    """Records by kind; one thread at a time is inside `transaction`."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.executescript(_SCHEMA)
        self._database.execute(
            "INSERT INTO sequence SELECT ? WHERE NOT EXISTS (SELECT * FROM sequence)", (_FIRST_ID,)
        )
        path.chmod(0o600)

    def close(self) -> None:
        """Write everything to the file and close it."""
        with self._lock:
            self._database.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all changes inside together or, when an exception leaves the block, none."""
        with self._lock:
            if self._depth == 0:
                self._database.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._database.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._database.execute("COMMIT")

    def next_id(self) -> int:
        """Return an id that no record had before; it grows with time."""
        row = self._database.execute("UPDATE sequence SET last = last + 1 RETURNING last")
        return int(row.fetchone()[0])

    def put(self, record: _R) -> _R:
        """Write a record, in place of an earlier one of its kind and id; return it."""
        values = (type(record).__name__, record.id, record.repository, record.key)
        self._database.execute(
            "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?)",
            (*values, record.model_dump_json()),
        )
        return record

    def delete(self, record: Record) -> None:
        """Forget a record."""
        self._database.execute(
            "DELETE FROM records WHERE kind = ? AND id = ?", (type(record).__name__, record.id)
        )

    def get(self, kind: type[_R], identifier: int) -> _R | None:
        """Return a record by its id."""
        if abs(identifier) >= 2**63:
            return None
        found = self._query(kind, "id = ?", identifier)
        return found[0] if found else None

    def find(self, kind: type[_R], repository: int, key: str | None = None) -> list[_R]:
        """Return a repository's records, oldest first; only those of a key if one is given."""
        if key is None:
            return self._query(kind, "repository = ? ORDER BY id", repository)
        return self._query(kind, "repository = ? AND key = ? ORDER BY id", repository, key)

    def count(self, kind: type[Record], repository: int, key: str) -> int:
        """Return how many of a repository's records have a key."""
        where = "SELECT count(*) FROM records WHERE kind = ? AND repository = ? AND key = ?"
        row = self._database.execute(where, (kind.__name__, repository, key))
        return int(row.fetchone()[0])

    def one(self, kind: type[_R], repository: int, key: str) -> _R | None:
        """Return the newest record of a key."""
        found = self.find(kind, repository, key)
        return found[-1] if found else None

    def all(self, kind: type[_R]) -> list[_R]:
        """Return every record of a kind, oldest first."""
        return self._query(kind, "TRUE ORDER BY id")

    def _query(self, kind: type[_R], where: str, *values: object) -> list[_R]:
        rows = self._database.execute(
            f"SELECT body FROM records WHERE kind = ? AND {where}",  # noqa: S608 - own text only
            (kind.__name__, *values),
        )
        return [kind.model_validate_json(body) for (body,) in rows.fetchall()]
