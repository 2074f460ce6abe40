"""Whatever events come: the right flow once, or a stated reason, and never a crash."""

from __future__ import annotations

import copy
import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.codes import because
from tiercel.cli.terminal.running.workflow import WorkflowJob
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.configuration.parsing import parse_topology
from tiercel.domain.configuration.requests import COMMIT_ID_PATTERN, ON_DEMAND_NAME_PATTERN
from tiercel.domain.organization.parts import REPOSITORY_PATTERN
from tiercel.domain.triggers.actions import Nothing
from tiercel.domain.triggers.rules import action_for
from tiercel.domain.triggers.triggered_runs import (
    AttemptStatus,
    WantedRun,
    begun_anew,
    wanted_run,
)
from tiercel.domain.triggers.webhooks import LARGEST_EVENT_BYTES, read_events

TOPOLOGY = parse_topology((Path(__file__).parents[3] / "tiercel.toml").read_text())
HOSTILE = [
    "$(reboot)", "`id`", "'; rm -rf / #", "::set-output name=result::x", "a\n::error::b",
    "${{ secrets.TOKEN }}", "<img src=x onerror=alert(1)>", "[x](javascript:alert(1))",
    "\u202egnp.exe", "ä" * 127 + "z", "a" * 300, "\x00", "../../etc/passwd", "--upload-pack=x",
    "%0A::warning::x", "\ud800",
]  # fmt: skip
SAFE = {
    "repository": REPOSITORY_PATTERN,
    "commit": COMMIT_ID_PATTERN,
    "name": ON_DEMAND_NAME_PATTERN,
    "branch": r"^gh-readonly-queue/develop/pr-[0-9]+-[0-9a-f]{40}$",
    "number": "^[0-9]+$",
    "pull_request": "^[0-9]+$",
    "asked_by_label": "^True$",
    "if_there": "^True$",
}

SHAS = st.integers(0, 16**6 - 1).map(lambda number: f"{number:040x}")


@st.composite
def events(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """An event as GitHub tells it, about one of a few subjects."""
    repository = {"full_name": "acme/shop"}
    sha, base = draw(SHAS), draw(SHAS)
    name = draw(st.sampled_from(["pull_request_target", "push", "merge_group", "delete"]))
    branch = draw(st.sampled_from(["develop", "main", "hotfix/1.0.1", "feature/x"]))
    if name == "push":
        told: dict[str, Any] = {
            "ref": f"refs/heads/{branch}", "before": base, "after": sha, "deleted": False,
        }  # fmt: skip
    elif name == "delete":
        told = {"ref": branch, "ref_type": draw(st.sampled_from(["branch", "tag"]))}
    elif name == "merge_group":
        head = f"refs/heads/gh-readonly-queue/develop/pr-7-{base}"
        group = {"head_ref": head, "head_sha": sha, "base_sha": base}
        told = {
            "action": "checks_requested",
            "merge_group": group | {"base_ref": "refs/heads/develop"},
        }
    else:
        action = draw(st.sampled_from(["opened", "synchronize", "labeled", "unlabeled", "closed"]))
        labels = draw(st.sampled_from([[], [{"name": "tiercel:preview"}], [{"name": "bug"}]]))
        told = {
            "action": action,
            "label": {"name": "tiercel:preview"},
            "pull_request": {
                "number": draw(st.integers(1, 9)), "labels": labels, "merged": False,
                "head": {"ref": "feature/x", "sha": sha, "repo": repository},
                "base": {"ref": branch, "sha": base, "repo": repository},
            },
        }  # fmt: skip
    return name, told | {"repository": repository}


def runs_of(name: str, payload: object) -> list[WantedRun]:
    """The runs that follow; none only with a reason; RefusedInputError for a forgery."""
    read = read_events(name, payload)
    if isinstance(read, Nothing):
        assert read.reason
        return []
    found = [wanted_run(action_for(one, TOPOLOGY), TOPOLOGY, "17") for one in read]
    assert all(one.reason for one in found if isinstance(one, Nothing))
    return [one for one in found if isinstance(one, WantedRun)]


def leaves(part: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a payload that has a value, as its container and key."""
    entries = part.items() if isinstance(part, dict) else enumerate(part)
    for key, value in list(entries):
        if isinstance(value, dict | list) and value:
            yield from leaves(value)
        else:
            yield part, key


def is_safe(run: WantedRun) -> bool:
    return all(re.fullmatch(SAFE[key], str(value)) for key, value in run.parameters.items())


class Server:
    """What Prefect would have: one run for each key."""

    def __init__(self) -> None:
        self.begun: dict[str, WantedRun] = {}

    def ask(self, wanted: WantedRun) -> None:
        there = [AttemptStatus.SUCCEEDED] if wanted.key(0) in self.begun else []
        if begun_anew(there):
            assert wanted.key(0) not in self.begun
            self.begun[wanted.key(0)] = wanted


@settings(max_examples=150, deadline=None)
@given(st.lists(events(), min_size=1, max_size=6), st.data())
def test_events_that_come_twice_late_and_in_any_order_have_each_run_once(
    told: list[tuple[str, dict[str, Any]]], data: st.DataObject
) -> None:
    expected = {run.key(0): run for name, payload in told for run in runs_of(name, payload)}
    again = data.draw(st.lists(st.sampled_from(told), max_size=4))
    server = Server()
    for name, payload in data.draw(st.permutations([*told, *again])):
        for run in runs_of(name, payload):
            server.ask(run)
    assert server.begun == expected
    assert all(is_safe(run) for run in server.begun.values())


@settings(max_examples=300, deadline=None)
@given(events(), st.data())
def test_an_event_in_which_anything_was_forged_has_its_run_a_reason_or_a_code(
    told: tuple[str, dict[str, Any]], data: st.DataObject
) -> None:
    name, payload = told[0], copy.deepcopy(told[1])
    for _ in range(data.draw(st.integers(1, 3))):
        part, key = data.draw(st.sampled_from(list(leaves(payload))))
        part[key] = data.draw(st.sampled_from([*HOSTILE, None, 0, -1, 2**70, True, [], {}, 1.5]))
    with suppress(RefusedInputError):
        assert all(is_safe(run) for run in runs_of(name, payload))


@settings(max_examples=100)
@given(events(), st.sampled_from(["mallory/shop", "acme-evil/shop", "mallory/acme"]))
def test_an_event_of_a_repository_that_is_not_ours_has_no_run(
    told: tuple[str, dict[str, Any]], stranger: str
) -> None:
    name, payload = told
    assert runs_of(name, payload | {"repository": {"full_name": stranger}}) == []


@settings(max_examples=100, deadline=None)
@given(events(), st.floats(0, 1, exclude_max=True))
def test_an_event_of_which_a_part_is_missing_is_refused(
    told: tuple[str, dict[str, Any]], share: float
) -> None:
    text = json.dumps(told[1])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "event.json"
        path.write_text(text[: int(len(text) * share)])
        with pytest.raises(RefusedInputError, check=because("event.not_there")):
            a_job(path).payload()


def test_an_event_that_is_larger_than_any_of_github_s_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "event.json"
    path.write_text("{}")
    with path.open("r+b") as file:
        file.truncate(LARGEST_EVENT_BYTES + 1)
    with pytest.raises(RefusedInputError, check=because("event.not_there")):
        a_job(path).payload()


def a_job(path: Path) -> WorkflowJob:
    return WorkflowJob.of({"GITHUB_EVENT_NAME": "push", "GITHUB_EVENT_PATH": str(path)})
