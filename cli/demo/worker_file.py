"""The worker's file of the demo: Tiercel's example, in which Prod demands an approval."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tiercel.domain.organization.names import Names
from tiercel.tasks.source.topology_file import read_topology

if TYPE_CHECKING:
    from tiercel.sandbox.lifecycle import Sandbox

ASKER, APPROVER = "releaser", "reviewer"
"""Two people of the sandbox's GitHub who may approve: one asks for releases, so the other does."""
_NONE_DEMANDED, _NOBODY = "\napprovals = 0\n", "\napprovers = []\n"


def worker_file(state: Path) -> Path:
    """Return where the demo of a sandbox keeps its worker's file, which each demo writes anew."""
    return state / "tiercel.toml"


def write_worker_file(sandbox: Sandbox, example: Path) -> Path:
    """Write the example with one approval, of the people that this sandbox has; return its path."""
    from tiercel.sandbox.accounts.credentials import approver_arn
    from tiercel.sandbox.people import account_numbers

    text = example.read_text("utf-8")
    prod = Names.of(read_topology(example), "prod")
    numbers = account_numbers(sandbox.github, (ASKER, APPROVER)) if sandbox.github else {}
    arns = {ASKER: approver_arn(prod.partition, prod.environment.infrastructure_account)}
    people = "".join(
        f'    {{name = "{login}", github = {number}, aws = "{arns.get(login, "")}"}},\n'
        for login, number in numbers.items()
    )
    for before, after in (
        (_NONE_DEMANDED, "\napprovals = 1\n"),
        (_NOBODY, f"\napprovers = [\n{people}]\n"),
    ):
        if text.count(before) != 1:
            raise ValueError(f"{example} does not say {before.strip()} once")
        text = text.replace(before, after)
    path = worker_file(sandbox.state)
    path.write_text(text, encoding="utf-8")
    return path
