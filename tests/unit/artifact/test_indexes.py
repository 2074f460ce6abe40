from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.codes import because
from tiercel.domain.artifact.indexes import (
    IndexNeed,
    needs_of_node,
    needs_of_python,
    require_reachable,
)
from tiercel.domain.base.errors import ConfigurationError
from tiercel.domain.organization.reach import Reach

HOST, OTHER = "packages.example", "other.example"
WHERE = "install dependencies of orders/src"


def need(*hosts: str | tuple[str, int], own: bool = False) -> IndexNeed:
    return IndexNeed(frozenset((h, 443) if isinstance(h, str) else h for h in hosts), own)


@pytest.mark.parametrize(
    ("requirements", "variables", "expected"),
    [
        ("", {}, need()),
        ("# tea==1.0\n\n", {}, need()),
        ("./local\n../more\ntea-1.0-py3-none-any.whl\n", {}, need()),
        ("tea==1.0\n", {}, need(own=True)),
        ("tea==1.0 \\\n  --hash=sha256:00\n", {}, need(own=True)),
        ("--no-index\ntea\n", {}, need()),
        (f"--no-index\n-f https://{HOST}/wheels\ntea\n", {}, need(HOST)),
        (f"--index-url https://{HOST}/simple\n./local\n", {}, need()),
        (f"--index-url https://{HOST}/simple\ntea\n", {}, need(HOST)),
        (f"--index-url=https://me@{HOST}/simple # ours\ntea\n", {}, need(HOST)),
        (f"-i http://{HOST}/simple\ntea\n", {}, need((HOST, 80))),
        (f"--extra-index-url https://{HOST}:8443\ntea\n", {}, need((HOST, 8443), own=True)),
        (f"-f https://{HOST}/wheels\ntea\n", {}, need(HOST, own=True)),
        ("-f ./wheels\n--no-index\ntea\n", {}, need()),
        (f"tea @ https://{HOST}/tea-1.0.zip\n", {}, need(HOST)),
        (f"git+https://{HOST}/tea.git@v1\n", {}, need(HOST)),
        ("tea\n", {"UV_DEFAULT_INDEX": f"https://{HOST}/simple"}, need(HOST)),
        ("tea\n", {"UV_INDEX_URL": f"https://{HOST}/simple"}, need(HOST)),
        ("tea\n", {"UV_INDEX": f"ours=https://{HOST} https://{OTHER}/?a=b"},
         need(HOST, OTHER, own=True)),
        ("./local\n", {"UV_DEFAULT_INDEX": f"https://{HOST}/simple"}, need()),
        ("tea @ https://[bad\n", {}, need()),
    ],
)  # fmt: skip
def test_what_uv_will_ask_is_told_from_the_requirements(
    requirements: str, variables: Mapping[str, str], expected: IndexNeed
) -> None:
    assert needs_of_python(requirements, variables) == expected


def package(**dependencies: str) -> str:
    return json.dumps({"dependencies": dependencies, "devDependencies": {"jest": "1"}})


def lock(*packages: dict[str, Any]) -> str:
    places = {f"node_modules/{at}": one for at, one in enumerate(packages)}
    return json.dumps({"packages": {"": {"name": "own"}, "src/tea": {}} | places})


@pytest.mark.parametrize(
    ("package", "lock", "registry", "expected"),
    [
        (package(), "", "", need()),
        (package(tea="^1.0"), "", "", need(own=True)),
        (package(tea="npm:coffee@1"), "", "", need(own=True)),
        (package(tea="latest"), "", f"https://{HOST}/npm", need(HOST)),
        (package(tea="file:./tea", mine="git+file:///nowhere"), "", "", need()),
        (package(tea=f"https://{HOST}/tea.tgz"), "", "", need(HOST)),
        (package(tea="1"), lock({"resolved": f"https://{HOST}/tea.tgz"}), "", need(HOST)),
        (package(tea="1"), lock({"resolved": f"https://{HOST}/tea.tgz"}), f"http://{OTHER}:81",
         need((OTHER, 81))),
        (package(), lock({"resolved": f"https://{HOST}/t", "dev": True}, {"link": True}), "",
         need()),
        (package(tea="1"), lock({"version": "1.0"}), "", need(own=True)),
        (package(tea="1"), lock({"version": "1.0"}), f"https://{HOST}/npm", need(HOST)),
        ("[]", "nothing", "", need()),
    ],
)  # fmt: skip
def test_what_npm_will_ask_is_told_from_the_lock_or_the_package(
    package: str, lock: str, registry: str, expected: IndexNeed
) -> None:
    variables = {"npm_config_registry": registry} if registry else {}
    assert needs_of_node(package, lock, variables) == expected


@given(st.text(), st.text())
def test_no_list_of_packages_is_too_strange(one: str, other: str) -> None:
    needs_of_python(one, {})
    needs_of_node(one, other, {})


@pytest.mark.parametrize(
    ("needed", "reach"),
    [
        (need(), Reach()),
        (need(HOST), Reach(indexes=(HOST,))),
        (need((HOST, 8443)), Reach(indexes=(f"{HOST}:8443",))),
        (need(HOST, own=True), Reach(public=True)),
        (need(own=True), Reach(indexes=(HOST,))),
    ],
)
def test_what_may_be_reached_is_no_reason_to_refuse(needed: IndexNeed, reach: Reach) -> None:
    require_reachable(needed, reach, WHERE)


@pytest.mark.parametrize(
    ("needed", "reach", "code", "line"),
    [
        (need(own=True), Reach(), "builds.no_index", '["packages.example.com"]'),
        (need("A.Example."), Reach(), "builds.index_not_named", '["a.example"]'),
        (need((HOST, 81)), Reach(indexes=(OTHER,)), "builds.index_not_named",
         f'["{OTHER}", "{HOST}:81"]'),
        (need((HOST, 8443)), Reach(public=True), "builds.index_not_named", f'["{HOST}:8443"]'),
    ],
)  # fmt: skip
def test_what_may_not_be_reached_is_refused_with_the_line_that_is_missing(
    needed: IndexNeed, reach: Reach, code: str, line: str
) -> None:
    with pytest.raises(ConfigurationError, check=because(code)) as refusal:
        require_reachable(needed, reach, WHERE)
    assert refusal.value.where == WHERE
    assert f"indexes = {line}" in refusal.value.remedy
