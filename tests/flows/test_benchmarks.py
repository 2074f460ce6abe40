from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.bare import BareScript
from benchmarks.calls import different
from benchmarks.file_tree import SMALL
from benchmarks.measure import Series, Spread, in_turn, ratio
from benchmarks.place import forget, topology
from benchmarks.project import Project
from benchmarks.rounds import STEPS, Lifecycle, play
from tests.support.aws import root_client
from tests.support.prefect_server import task_runs_recorded
from tiercel.domain.organization.names import Names
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.tasks.packaging.archive import zip_folder


@pytest.fixture
def own_environment() -> Iterator[None]:
    """What a benchmark sets in this process is gone afterwards."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)
    forget()


@pytest.fixture
def nothing_is_left(sandbox: Sandbox) -> Iterator[None]:
    """The script's objects have keys that Tiercel would never write, and take for foreign ones.

    Its stacks of Prod are not protected, as Tiercel's own have to be.
    """
    yield
    for environment in ("preprod", "prod"):
        formation = root_client(sandbox, f"{environment}-runtime-root", "cloudformation")
        for stack in formation.describe_stacks()["Stacks"]:
            if stack["StackName"].startswith(f"acme-{environment}-scripted-"):
                formation.delete_stack(StackName=stack["StackName"])
        s3 = root_client(sandbox, f"{environment}-infrastructure-root", "s3")
        bucket = Names.of(topology(), environment).artifact_bucket
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        for key in [entry["Key"] for page in pages for entry in page.get("Contents", ())]:
            if "/scripted-" in key:
                s3.delete_object(Bucket=bucket, Key=key)


# The script makes no narrowed session to plan a pull request in, and tells Preprod nothing of what
# Prod has live.
_BESIDES = Counter({"sts:AssumeRole": 3, "s3:PutObject": 1})


def changing(calls: Counter[str]) -> dict[str, int]:
    """Reads differ in a sandbox that other tests use too; benchmarks compare those as well."""
    words = ("POST", "PATCH", "PUT", "Put", "Create", "Execute", "Invoke", "AssumeRole")
    return {name: count for name, count in calls.items() if any(word in name for word in words)}


@pytest.mark.usefixtures("own_environment", "nothing_is_left", "prefect_server")
def test_the_bare_script_changes_what_the_flows_change(sandbox: Sandbox, tmp_path: Path) -> None:
    from benchmarks.flow_lifecycle import FlowLifecycle

    flows = FlowLifecycle(Project("measured", sandbox, tmp_path))
    bare = BareScript(Project("scripted", sandbox, tmp_path), topology(), tmp_path / "bare.git")
    sides: list[Lifecycle] = [flows, bare]
    calls: list[Counter[str]] = [Counter(), Counter()]

    with task_runs_recorded():
        samples = [play(side, calls=counted) for side, counted in zip(sides, calls, strict=True)]
        tasks = flows.tasks()

    assert changing(calls[0]) == changing(calls[1] + _BESIDES)
    assert calls[0]["cloudformation:ExecuteChangeSet"] == 4
    assert [list(one) for one in samples] == [list(STEPS)] * 2
    assert list(tasks) == list(STEPS)
    assert min(tasks.values()) > 1


def test_a_call_more_is_seen_and_a_look_more_is_not() -> None:
    one = Counter({"s3:PutObject": 2, "cloudformation:DescribeStacks": 1})
    other = Counter({"s3:PutObject": 1, "cloudformation:DescribeStacks": 9})

    assert different(one, other) == {"s3:PutObject": (2, 1)}


def test_the_files_to_package_and_their_package_are_the_same_everywhere(tmp_path: Path) -> None:
    SMALL.write(tmp_path / "tree")

    assert zip_folder(tmp_path / "tree", tmp_path / "p.zip", "tree") == SMALL.zip_sha256


def test_actions_run_in_turn_and_none_is_always_the_first() -> None:
    order: list[str] = []

    series = in_turn(3, {"a": lambda: order.append("a"), "b": lambda: order.append("b")})

    assert "".join(order) == "abbaab"
    assert {name: len(one.samples) for name, one in series.items()} == {"a": 3, "b": 3}


def test_ratios_are_taken_pair_by_pair() -> None:
    assert ratio([1, 20, 3], [2, 10, 4]) == Spread(0.75, 0.5, 2.0, 0.75)


def test_a_single_measurement_has_no_spread() -> None:
    series = in_turn(1, {"one": lambda: None})["one"]

    assert isinstance(series, Series)
    assert series.seconds.least == series.seconds.most == series.seconds.median
