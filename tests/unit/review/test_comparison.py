from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.topology import topology_of
from tiercel.domain.artifact.source_tree import source_trees
from tiercel.domain.organization.services import Service
from tiercel.domain.review.comparison import (
    Comparison,
    Described,
    SettingChange,
    compared,
    is_same,
    setting_changes,
)
from tiercel.domain.review.verdicts import stacks_left


def described(*services: Service, content: str = "1" * 40, **beside: Any) -> Described:
    """What a commit says whose folders all have the same content unless they are named."""
    named = {one.name: one for one in services}
    objects = {path: content for one in services for path in (one.path, *one.include)}
    return Described(named, source_trees(services, objects), beside)


def service(name: str = "orders", **keys: Any) -> Service:
    return Service.model_validate({"name": name, "path": "orders"} | keys)


FULL = service(
    build=["make"],
    test=["make", "test"],
    include=["common"],
    depends_on=["storage"],
    parameters={"Partner": "111111111111"},
    environments={"prod": {"parameters": {"Partner": "222222222222"}}},
    smoke_test={"http": "Url", "path": "/health", "expect": {"status": {"deep": 1}}},
)


@pytest.mark.parametrize(
    ("keys", "key", "before", "after"),
    [
        ({"test": ["false"]}, "test", '["make", "test"]', '["false"]'),
        ({"test": []}, "test", '["make", "test"]', ""),
        ({"build": ["make", "all"]}, "build", '["make"]', '["make", "all"]'),
        ({"network": True}, "network", "", "true"),
        ({"template": "stack.json"}, "template", "", '"stack.json"'),
        ({"include": ["common", "more"]}, "include", '["common"]', '["common", "more"]'),
        ({"depends_on": []}, "depends_on", '["storage"]', ""),
        ({"path": "elsewhere"}, "path", '"orders"', '"elsewhere"'),
        (
            {"parameters": {"Partner": "999999999999"}},
            "parameters.Partner", '"111111111111"', '"999999999999"',
        ),
        ({"parameters": {}}, "parameters.Partner", '"111111111111"', ""),
        (
            {"environments": {"prod": {"parameters": {"Partner": "999999999999"}}}},
            "environments.prod.parameters.Partner", '"222222222222"', '"999999999999"',
        ),
        (
            {"smoke_test": {"http": "Url", "path": "/", "expect": {"status": {"deep": 1}}}},
            "smoke_test.path", '"/health"', "",
        ),
        (
            {"smoke_test": {"http": "Url", "path": "/health", "expect": {"status": {"deep": 2}}}},
            "smoke_test.expect", '{"status": {"deep": 1}}', '{"status": {"deep": 2}}',
        ),
    ],
)  # fmt: skip
def test_every_key_of_a_service_is_compared(
    keys: dict[str, Any], key: str, before: str, after: str
) -> None:
    changed = Service.model_validate(FULL.model_dump(exclude_defaults=True) | keys)
    expected = SettingChange(service="orders", key=key, before=before, after=after)
    assert setting_changes(FULL, changed) == (expected,)
    assert not is_same(described(FULL), described(changed), "orders")


def test_no_key_of_a_service_is_forgotten() -> None:
    others: dict[str, Any] = {
        "path": "x", "template": "x", "include": ("x",), "build": ("x",), "test": ("x",),
        "network": True, "depends_on": ("storage",), "parameters": {"A": "x"},
        "environments": {"prod": {"parameters": {"A": "x"}}}, "smoke_test": {"invoke": "X"},
        "seed": {"invoke": "X"}, "test_requirements": "x.txt", "install_scripts": True,
        "role_names": "stack",
    }  # fmt: skip
    assert {*others, "name"} == set(Service.model_fields)
    for key, value in others.items():
        assert setting_changes(service(), service(**{key: value})), key


def test_a_default_that_is_written_down_changes_nothing() -> None:
    written = service(template="template.yaml", network=False, build=[], environments={})
    assert setting_changes(service(), written) == ()
    assert is_same(described(service()), described(written), "orders")


def test_another_source_and_a_new_service_are_not_the_same() -> None:
    one = described(service())
    assert is_same(one, one, "orders")
    assert not is_same(one, described(service(), content="2" * 40), "orders")
    assert not is_same(described(), one, "orders")
    assert not is_same(one, described(), "orders")


def test_services_come_and_go() -> None:
    before = described(service("orders"), service("billing", path="billing"))
    after = described(service("orders"), service("mail", path="mail"), content="2" * 40)
    found = compared(before, after)
    assert (found.new, found.gone, found.renamed) == (("mail",), ("billing",), ())


@pytest.mark.parametrize(
    ("path", "content", "is_renamed"),
    [("orders", "2" * 40, True), ("moved", "1" * 40, True), ("moved", "2" * 40, False)],
)
def test_a_service_of_the_same_folder_or_source_is_renamed(
    path: str, content: str, is_renamed: bool
) -> None:
    before = described(service("orders"))
    after = described(service("sales", path=path), content=content)
    found = compared(before, after)
    assert (found.new, found.gone) == (("sales",), ("orders",))
    assert [(one.before, one.after) for one in found.renamed] == (
        [("orders", "sales")] if is_renamed else []
    )


def test_two_services_are_not_renamed_to_one() -> None:
    before = described(service("aa"), service("bb"))
    found = compared(before, described(service("cc")))
    assert [(one.before, one.after) for one in found.renamed] == [("aa", "cc")]
    assert found.gone == ("aa", "bb")


def test_what_no_commit_decides_is_compared_apart() -> None:
    before = described(
        service(), environments={"prod": {"trusts": ["1"]}}, builds={"where": "here"}
    )
    after = described(service(), environments={"prod": {"trusts": ["*"]}})
    found = compared(before, after)
    assert found.settings == ()
    assert [(one.key, one.before, one.after) for one in found.beside] == [
        ("builds.where", '"here"', ""),
        ("environments.prod.trusts", '["1"]', '["*"]'),
    ]


tables = st.recursive(
    st.text(max_size=5) | st.integers() | st.booleans() | st.lists(st.text(max_size=3), max_size=2),
    lambda inner: st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.text(max_size=5), tables, max_size=3))
def test_a_commit_compared_with_itself_has_no_difference(beside: dict[str, Any]) -> None:
    one = Described({"orders": FULL}, {}, beside)
    assert compared(one, one) == Comparison()


@pytest.mark.parametrize("environment", ["preprod", "prod"])
def test_every_stack_of_a_service_that_goes_is_told_with_the_way_it_goes(environment: str) -> None:
    (left,) = [
        one for one in stacks_left(topology_of(), ["orders"]) if one.environment == environment
    ]
    told = left.by_hand.deletion()
    assert f"delete-stack --stack-name acme-{environment}-orders --region" in told
    assert ("--no-enable-termination-protection" in told) is (environment == "prod")
