"""What was called, counted from the sandbox's journals."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass

from benchmarks.place import github_of
from tiercel.sandbox.aws.journal import journal_size, read_journal
from tiercel.sandbox.lifecycle import Sandbox

# How often somebody looks while something is under way depends on how long it takes.
_LOOKS = {
    "cloudformation:DescribeStacks",
    "cloudformation:DescribeStackEvents",
    "cloudformation:DescribeChangeSet",
}


@dataclass(frozen=True)
class Mark:
    """A place in both journals."""

    running: Sandbox
    aws: int
    github: int

    @classmethod
    def now(cls, running: Sandbox) -> Mark:
        """Return the end of the journals."""
        return cls(running, journal_size(running.journal), len(_github_lines(running)))

    def calls(self) -> Counter[str]:
        """Return how often each operation was called since, what leases cost left out.

        The bare script takes none: `benchmarks.safety` measures their price.
        """
        found = Counter(
            f"{entry.service}:{entry.operation}"
            for entry in read_journal(self.running.journal, self.aws)
            if "/leases/" not in entry.resource
        )
        for line in _github_lines(self.running)[self.github :]:
            entry = json.loads(line)
            found[f"github:{entry['method']} {entry['operation']}"] += 1
        return found


def different(one: Counter[str], other: Counter[str]) -> dict[str, tuple[int, int]]:
    """Return the operations that were not called equally often, and how often they were.

    Looks at what is under way are left out: they depend on how long it takes.
    """
    return {
        name: (one[name], other[name])
        for name in sorted((one | other).keys() - _LOOKS)
        if one[name] != other[name]
    }


def _github_lines(running: Sandbox) -> list[str]:
    path = github_of(running).folder / "journal.jsonl"
    return path.read_text("utf-8").splitlines() if path.exists() else []
