"""What an environment on demand is made from and consists of."""

from __future__ import annotations

import pytest

from tests.support.codes import because
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.ephemeral.contents import borrowed_by, contents_of, needs_of
from tiercel.domain.ephemeral.environments import OriginKind
from tiercel.domain.ephemeral.origins import Origin, origin_of
from tiercel.domain.organization.services import Service

SERVICES = {
    name: Service(name=name, path=name, depends_on=needs)
    for name, needs in {
        "board": ("orders",),
        "orders": ("storage", "prices"),
        "prices": (),
        "storage": (),
        "mail": (),
    }.items()
}


@pytest.mark.parametrize(
    ("wanted", "shared", "expected", "borrowed"),
    [
        ((), (), {"storage", "prices", "mail", "orders", "board"}, []),
        (("orders",), (), {"storage", "prices", "orders"}, []),
        (("board",), ("storage",), {"prices", "orders", "board"}, ["storage"]),
        (("mail",), ("storage",), {"mail"}, []),
        ((), ("storage", "orders"), {"prices", "mail", "board"}, ["orders"]),
        ((), ("nothing",), {"storage", "prices", "mail", "orders", "board"}, []),
    ],
)
def test_it_has_what_is_wanted_and_all_that_this_needs_but_what_is_shared(
    wanted: tuple[str, ...], shared: tuple[str, ...], expected: set[str], borrowed: list[str]
) -> None:
    found = contents_of(SERVICES, wanted, shared, "preprod")
    assert set(found) == expected
    assert borrowed_by(found, shared) == borrowed
    order = list(found)
    for name, needs in needs_of(found).items():
        assert all(order.index(one) < order.index(name) for one in needs)


@pytest.mark.parametrize(("wanted", "shared"), [(("nobody",), ()), (("storage",), ("storage",))])
def test_a_service_that_gets_no_stack_of_its_own_cannot_be_wanted(
    wanted: tuple[str, ...], shared: tuple[str, ...]
) -> None:
    with pytest.raises(RefusedInputError, check=because("ephemeral.no_such_service")):
        contents_of(SERVICES, wanted, shared, "preprod")


@pytest.mark.parametrize(
    ("given", "kind", "of"),
    [
        (("feature/login", 0, ""), OriginKind.BRANCH, "feature/login"),
        (("abc1234", 0, ""), OriginKind.BRANCH, "abc1234"),
        (("a" * 40, 0, ""), OriginKind.COMMIT, "a" * 40),
        (("", 17, ""), OriginKind.PULL_REQUEST, "17"),
        (("", 0, "prod"), OriginKind.LIVE, "prod"),
    ],
)
def test_it_is_made_from_one_thing(given: tuple[str, int, str], kind: OriginKind, of: str) -> None:
    assert origin_of(*given) == Origin(kind, of)


@pytest.mark.parametrize("given", [("", 0, ""), ("develop", 1, ""), ("develop", 1, "prod")])
def test_it_is_made_neither_from_nothing_nor_from_several(given: tuple[str, int, str]) -> None:
    with pytest.raises(RefusedInputError, check=because("ephemeral.no_one_origin")):
        origin_of(*given)


def test_the_same_branch_of_two_repositories_has_two_names() -> None:
    for origin in (
        Origin(OriginKind.BRANCH, "feature/login"),
        Origin(OriginKind.PULL_REQUEST, "17"),
        Origin(OriginKind.LIVE, "preprod"),
    ):
        assert origin.name("acme/shop") != origin.name("acme/tea")
        assert origin.name("acme/shop") == origin.name("Acme/Shop")
