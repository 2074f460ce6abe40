"""What the lines of a run's log are about: which service, and whether something was decided.

A log has text alone, also where it is read from Prefect's server: a line that is told apart wrongly
is shown once too often or too rarely, and nothing else.
"""

from __future__ import annotations

import re

from tiercel.domain.stack.events import is_progress

_SUBJECT = re.compile(r"([a-z0-9][a-z0-9-]{0,62}): (?=\S)")
_WHOLE = frozenset({"verified", "failed", "deploy", "back-merge"})
"""Words before a colon that are no service's name: the line is about the whole run."""
_PACKAGES = re.compile(
    r"pulled already$"
    r"|\d+ packages? (there already|(staged|pulled from \S+)(, \d+ (was|were) there already)?)$"
)


def subject_of(line: str) -> str:
    """Return the service or stack that a line of a run's log is about; empty if it is the run."""
    found = _SUBJECT.match(line)
    return found[1] if found and found[1] not in _WHOLE else ""


def is_detail(line: str) -> bool:
    """Whether a line about a service says how something goes on, and no decision or result."""
    _, _, told = line.partition(": ")
    return is_progress(told) or bool(_PACKAGES.match(told))
