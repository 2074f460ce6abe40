"""Which objects of an artifact bucket make up the history of an environment."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Self

from pydantic import ValidationError

from tiercel.domain.artifact.dsse import Base64
from tiercel.domain.base.values import Frozen

PREFIXES = ("packages/", "provenance/", "manifests/", "ledger/", "verifications/", "holds/")
"""Where the history lies, in the order in which it is restored."""

_KEYS = re.compile(
    r"packages/[0-9a-f]{64}\.[a-z]+"
    r"|provenance/[a-z][a-z0-9-]*/[0-9a-f]{64}/[0-9a-f]{64}/[A-Za-z0-9-]+\.json"
    r"|manifests/[a-z][a-z0-9-]*/[0-9a-f]{64}(\.[a-z]+)?\.json"
    r"|ledger/[A-Za-z][A-Za-z0-9-]*/[0-9]{8}/(intent|outcome|rejection)\.json"
    r"|verifications/[0-9a-f]{64}/[A-Za-z][A-Za-z0-9-]*/[0-9]{8}\.json"
    r"|holds/[0-9]{8}\.json"
)


class ExportedKey(Frozen):
    """The public half of the key that signed an environment's artifacts, as DER."""

    arn: str
    public: Base64

    @classmethod
    def read(cls, text: bytes) -> Self | None:
        """Return what a file of an export says, None if it says nothing of the kind."""
        try:
            return cls.model_validate_json(text)
        except ValidationError:
            return None


def is_copied(key: str) -> bool:
    """Tell whether a key is one that Tiercel writes; no other becomes a path on a disk."""
    return _KEYS.fullmatch(key) is not None


def in_order_of_restoring(keys: Iterable[str]) -> list[str]:
    """Return the keys so that whatever an object names comes before it."""
    return sorted(keys, key=lambda key: (PREFIXES.index(key[: key.index("/") + 1]), key))
