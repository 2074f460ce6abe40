from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.codes import because
from tests.support.drills import running, seen
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.drill.deletion import (
    Graph,
    consumers,
    critical_path,
    deletion_waves,
    dependencies,
    filled,
    rebuild_waves,
)

NAMES = [f"s{number}" for number in range(12)]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Stacks that need only such as come before them: no circle."""
    count = draw(st.integers(1, len(NAMES)))
    return {
        name: frozenset(draw(st.sets(st.sampled_from(NAMES[:index])))) if index else frozenset()
        for index, name in enumerate(NAMES[:count])
    }


@given(graphs())
def test_whoever_needs_a_stack_goes_before_it_and_comes_back_after_it(graph: Graph) -> None:
    gone = {name: at for at, wave in enumerate(deletion_waves(graph)) for name in wave}
    back = {name: at for at, wave in enumerate(rebuild_waves(graph)) for name in wave}

    assert gone.keys() == back.keys() == graph.keys()
    for name, needs in graph.items():
        for needed in needs:
            assert gone[name] < gone[needed]
            assert back[needed] < back[name]


@given(graphs(), st.data())
def test_the_critical_path_is_a_chain_that_no_other_outlasts(
    graph: Graph, data: st.DataObject
) -> None:
    seconds = {name: data.draw(st.floats(0.1, 9)) for name in graph}
    path, total = critical_path(graph, seconds)

    assert all(earlier in graph[later] for earlier, later in pairwise(path))
    assert total == pytest.approx(sum(seconds[name] for name in path))
    for name in graph:  # the simplest other chains: a stack and what it needs
        assert total >= seconds[name] + max((seconds[one] for one in graph[name]), default=0)


def test_the_consumers_of_consumers_are_the_graph_again() -> None:
    graph: Graph = {"a": frozenset(), "b": frozenset({"a"}), "c": frozenset({"a", "b"})}
    assert consumers(consumers(graph)) == graph


def test_stacks_in_a_circle_are_refused() -> None:
    circle: Graph = {"a": frozenset({"b"}), "b": frozenset({"a"})}
    with pytest.raises(RefusedInputError, check=because("drill.circle")):
        rebuild_waves(circle)


def test_a_stack_needs_whose_exports_it_imports_and_whose_output_filled_a_parameter() -> None:
    storage = seen("storage", outputs={"TableName": "t-1"}, imported_by=("acme-preprod-report",))
    orders, report = seen("orders"), seen("report")
    other = seen("other")
    intents = running(
        storage, orders, report, other,
        orders={"TableName": "t-1"}, other={"TableName": "t-2", "Other": "t-1"},
    )  # fmt: skip

    assert dependencies([storage, orders, report, other], intents) == {
        "acme-preprod-orders": {storage.name},
        "acme-preprod-other": set(),
        "acme-preprod-report": {storage.name},
        "acme-preprod-storage": set(),
    }


def test_a_parameter_that_an_output_filled_gets_the_new_one_and_no_other_does() -> None:
    parameters = {"Table": "t-1", "Level": "info", "Same": "x"}
    before = {"storage": {"Table": "t-1", "Level": "other", "Same": "x"}}
    now = {"storage": {"Table": "t-2", "Level": "new"}}

    assert filled(parameters, before, now) == {"Table": "t-2", "Level": "info", "Same": "x"}
