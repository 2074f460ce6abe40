"""What a push wants to change, and which of it is allowed.

Decided before git runs, except for what depends on the pushed objects themselves: the hook
that git runs for every reference decides that from the rule that is written down here.
"""

from __future__ import annotations

from typing import BinaryIO

from tiercel.sandbox.github.git.commands import ZERO
from tiercel.sandbox.github.memory.protection import classic_protection, protection_of
from tiercel.sandbox.github.memory.records import (
    Protection,
    Record,
    RepositoryRecord,
    RulesetRecord,
    User,
)
from tiercel.sandbox.github.memory.world import JsonObject, World
from tiercel.sandbox.github.rules.protection import NO_DELETION, push_obstacles

_HEADS = "refs/heads/"
_LONGEST_LINE = 65520
_MOST_LINES = 100_000

RefUpdate = tuple[str, str, str]


def read_commands(stream: BinaryIO) -> list[RefUpdate]:
    """Return the old id, the new id and the reference of each command of a push.

    What is no push as https://git-scm.com/docs/pack-protocol describes it ends the list: git
    itself then refuses the push.
    """
    commands: list[RefUpdate] = []
    while len(commands) < _MOST_LINES:
        line = _line(stream)
        if not line:
            break
        words = line.split(b"\0")[0].rstrip(b"\n").split(b" ", 2)
        if words[0] == b"shallow":
            continue
        if len(words) != 3:
            break
        old, new, reference = (word.decode(errors="surrogateescape") for word in words)
        commands.append((old, new, reference))
    return commands


def _line(stream: BinaryIO) -> bytes:
    head = stream.read(4)
    try:
        length = int(head, 16)
    except ValueError:
        return b""
    return stream.read(length - 4) if 4 < length <= _LONGEST_LINE else b""


def rules_for(
    world: World, repository: RepositoryRecord, pusher: User, commands: list[RefUpdate]
) -> dict[str, JsonObject]:
    """Return a rule for every reference of the push; the hook refuses all others.

    `refused` are reasons, in GitHub's words. `forced` and `merges` say whether history may be
    rewritten and whether merge commits may be added.
    """
    return {update[2]: _rule(world, repository, pusher, update) for update in commands}


def needs_hook(world: World, repository: RepositoryRecord, rules: dict[str, JsonObject]) -> bool:
    """Tell whether git has to ask: it need not when nothing is protected and nothing refused."""
    kinds: tuple[type[Record], ...] = (Protection, RulesetRecord)
    protected = any(world.store.find(kind, repository.id) for kind in kinds)
    return protected or any(rule["refused"] for rule in rules.values())


def _rule(
    world: World, repository: RepositoryRecord, pusher: User, update: RefUpdate
) -> JsonObject:
    old, new, reference = update
    free: JsonObject = {"refused": [], "forced": True, "merges": True}
    if not _is_text(reference):
        return free | {"refused": ["Names of references must be UTF-8."]}
    if not reference.startswith((_HEADS, "refs/tags/")):
        return free
    branch = reference.removeprefix(_HEADS)
    protection = protection_of(world, repository, branch)
    if protection is None or not reference.startswith(_HEADS):
        return free
    if old == ZERO and classic_protection(world, repository, branch) is None:
        return free  # no ruleset is asked when a branch is started
    if new == ZERO:
        return free | {"refused": [] if protection.deletions else [NO_DELETION]}
    return {
        "refused": push_obstacles(world, repository, branch, new, pusher),
        "forced": protection.force_pushes,
        "merges": not protection.linear_history,
    }


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
