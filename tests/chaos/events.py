"""Row: events that arrive twice, in another order, or again much later."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from functools import partial

from tests.chaos.frame import Case, Row, Size
from tests.chaos.model import Burst, numbers
from tests.chaos.world import Subject, World
from tests.support.templates import queue, services
from tiercel.flows.deploy import deploy_to_preprod
from tiercel.flows.publish import publish_artifact

_MODELLED, _REAL = 1000, 10
_COMMITS = 3


def order(seed: int, commits: int) -> list[int]:
    """Every commit's event at least once, some more often, in any order."""
    chance = random.Random(seed)  # noqa: S311
    events = [*range(commits), *chance.choices(range(commits), k=chance.randrange(commits + 1))]
    chance.shuffle(events)
    return events


def _modelled(seed: int) -> None:
    """Events whose runs overlap in any way, over the product's own rules and a ledger in memory."""
    burst = Burst(order(seed, 2 + seed % 4), random.Random(seed))  # noqa: S311
    burst.play()
    burst.check()


def _real(world: World, seed: int) -> None:
    """The same with real commits, flows and stacks; some of the events arrive at the same time."""
    chance, name = random.Random(seed), f"burst-{seed}"  # noqa: S311
    subject = world.subject(name)
    shas = [_commit(subject, name, delay) for delay in range(1, _COMMITS + 1)]
    events = order(seed, _COMMITS)
    while events:
        together = [events.pop() for _ in range(min(len(events), chance.choice((1, 1, 2))))]
        asyncio.run(_arrive(subject, [shas[index] for index in together]))
    entries = numbers(world.ledger(subject))
    live = [entry for entry in entries if entry.succeeded]
    assert live[-1].commit == shas[-1], f"the newest is not live: {entries}"
    places = [shas.index(entry.commit) for entry in live]
    assert places == sorted(set(places)), f"a tree twice, or an older one later: {places}"
    url = f"acme-preprod-{name}"
    sqs = world.root("runtime", "sqs")
    found = sqs.get_queue_attributes(
        QueueUrl=sqs.get_queue_url(QueueName=url)["QueueUrl"], AttributeNames=["DelaySeconds"]
    )
    assert found["Attributes"]["DelaySeconds"] == str(_COMMITS)


def _commit(subject: Subject, name: str, delay: int) -> str:
    return subject.repository.commit(
        {
            "tiercel.toml": services(**{name: ""}),
            f"{name}/template.json": queue(DelaySeconds=delay, QueueName=f"acme-preprod-{name}"),
        }
    )


async def _arrive(subject: Subject, commits: list[str]) -> None:
    """What the trigger starts for each push: build, then deploy."""

    async def one(commit: str) -> None:
        await publish_artifact(subject.name, commit, then_deploy=False)
        await deploy_to_preprod(subject.name, commit)

    await asyncio.gather(*(one(commit) for commit in commits))


def _cases(world: World, size: Size) -> Iterator[Case]:
    for seed in range(size.number(_MODELLED, 300)):
        seen = size.seed * _MODELLED + seed
        yield Case(f"modelled, seed {seen}", partial(_modelled, seen))
    for seed in range(size.number(_REAL, 1)):
        seen = size.seed * _REAL + seed
        yield Case(f"whole flows, seed {seen}", partial(_real, world, seen))


ROW = Row(
    key="events",
    title="1,000 permutations of duplicated, reordered, replayed events",
    target="one release per tree, the newest wins",
    measured=f"{_MODELLED} bursts of two to five commits, each pushed at least once: runs overlap "
    "in any order of their steps, and some die in the middle and are started again. They decide by "
    "the product's own rules, over a ledger and a lease in memory. "
    f"{_REAL} bursts of {_COMMITS} commits more go through the whole flows, up to two at a time.",
    not_shown="The model repeats the order of the steps that flows/release/sequence.py has; "
    "that the flows really take them is shown by the whole flows, which are fewer.",
    cases=_cases,
)
