"""One way to turn values into bytes and bytes into digests."""

from __future__ import annotations

import hashlib
import json
from typing import Any, NewType

_SHORT = 12

Sha256 = NewType("Sha256", str)
"""64 hexadecimal digits."""
ArtifactId = NewType("ArtifactId", Sha256)
"""The digest of what an artifact is built from."""
ArtifactDigest = NewType("ArtifactDigest", Sha256)
"""The digest of an artifact's manifest, and so of all that was built."""
ConfigurationDigest = NewType("ConfigurationDigest", Sha256)
"""The digest of the parameters with which an artifact is deployed."""
PlanDigest = NewType("PlanDigest", Sha256)
"""The digest of what a plan does: what an approval is bound to."""
NO_PLAN = PlanDigest(Sha256(""))
"""Where no plan was made."""


def canonical_json(value: Any) -> bytes:
    """Return the one JSON form of a value: sorted keys, no spaces, UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")


def sha256_hex(data: bytes) -> Sha256:
    """Return the SHA-256 of the bytes as 64 hexadecimal digits."""
    return Sha256(hashlib.sha256(data).hexdigest())


def digest_of(value: Any) -> Sha256:
    """Return the SHA-256 of a value's canonical JSON as 64 hexadecimal digits."""
    return sha256_hex(canonical_json(value))


def short(digest: Sha256) -> str:
    """Return as much of a digest as people compare: 12 digits."""
    return digest[:_SHORT]
