"""A folder of many files that is the same on every machine."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

_SEED = 20_250_101
_WORDS = 4000
_BLOCKS = 500
_BINARY_EVERY = 5


@dataclass(frozen=True)
class FileTree:
    """So many files of so many bytes each: four of five are text, the fifth is noise.

    `zip_sha256` is what Tiercel's package of it has to be, on every machine.
    """

    files: int
    file_bytes: int
    zip_sha256: str

    @property
    def megabytes(self) -> float:
        """The size of all files, in millions of bytes."""
        return self.files * self.file_bytes / 1e6

    def write(self, folder: Path) -> None:
        """Write the files, a hundred to a folder."""
        chance = random.Random(_SEED)  # noqa: S311 - it has to be the same every time
        blocks = _blocks(chance, self.file_bytes // 10)
        for number in range(self.files):
            target = folder / f"part{number // 100:03d}" / f"file{number:05d}"
            target.parent.mkdir(parents=True, exist_ok=True)
            if number % _BINARY_EVERY == 0:
                target.with_suffix(".bin").write_bytes(chance.randbytes(self.file_bytes))
            else:
                text = b"".join(chance.sample(blocks, 11))[: self.file_bytes]
                target.with_suffix(".txt").write_bytes(text)


def _blocks(chance: random.Random, size: int) -> list[bytes]:
    """Return pieces of text from a vocabulary, as compressible as source code is."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(chance.choices(letters, k=chance.randint(2, 11))) for _ in range(_WORDS)]
    weights = [1 / (rank + 3) for rank in range(_WORDS)]
    blocks = []
    for _ in range(_BLOCKS):
        text = " ".join(chance.choices(words, weights, k=size // 2))
        blocks.append(text.encode()[:size])
    return blocks


FULL = FileTree(
    files=5000,
    file_bytes=30_000,
    zip_sha256="ea65aa7304502d79de479165813f7ccfc017c8b234f3310e84c96fbdc3aace75",
)
SMALL = FileTree(
    files=50,
    file_bytes=3000,
    zip_sha256="15369be74782d5545a02a5c6447017bcc918f66bf6afa334d886a5e2d8a308ac",
)
