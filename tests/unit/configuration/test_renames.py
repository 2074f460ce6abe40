from __future__ import annotations

import pytest

from tests.support.releases import release
from tests.support.topology import topology_of
from tiercel.domain.base.errors import ConfigurationError
from tiercel.domain.organization.topology import Topology
from tiercel.domain.release.ledger import as_called_now, owner_refusal
from tiercel.domain.release.superseding import may_be_older
from tiercel.domain.triggers.actions import PublishAndDeploy
from tiercel.domain.triggers.events import BranchMoved
from tiercel.domain.triggers.rules import action_for

RENAMED = """
[repositories."Acme/Store"]
formerly = ["acme/Shop", "acme/market"]
"""


def renamed(*repositories: str, more: str = RENAMED) -> Topology:
    return topology_of(*repositories or ["acme/*"], more=more)


@pytest.mark.parametrize(
    ("given", "called"),
    [
        ("acme/store", "acme/store"),
        ("ACME/STORE", "acme/store"),
        ("acme/shop", "acme/store"),
        ("Acme/Shop", "acme/store"),
        ("acme/market", "acme/store"),
        ("Acme/Other", "acme/other"),
    ],
)
def test_a_repository_has_one_name_whichever_is_given(given: str, called: str) -> None:
    assert renamed().current_name(given) == called
    assert renamed().current_name(called) == called


def test_services_without_a_file_stay_called_after_the_first_name() -> None:
    assert renamed().first_name("acme/store") == "acme/Shop"
    assert renamed().first_name("acme/other") == "acme/other"


@pytest.mark.parametrize("then", ["acme/shop", "Acme/Shop", "acme/market", "ACME/store"])
def test_the_ledger_follows_a_rename(then: str) -> None:
    topology = renamed()
    latest = as_called_now(release(repository=then), topology.current_name)
    wanted = release(repository="acme/store", commit="e" * 40).intent
    assert owner_refusal(latest, wanted, stack_exists=True) is None
    assert may_be_older(latest, wanted), "git is asked which of the two is older"


def test_another_repository_is_another_one_still() -> None:
    latest = as_called_now(release(repository="acme/other"), renamed().current_name)
    wanted = release(repository="acme/store").intent
    assert owner_refusal(latest, wanted, stack_exists=True) is not None


def test_an_event_of_a_renamed_repository_is_that_of_its_current_name() -> None:
    moved = BranchMoved("Acme/Shop", "develop", "0" * 40, "1" * 40)
    expected = PublishAndDeploy("preprod", "acme/store", "1" * 40)
    assert action_for(moved, renamed()) == expected


@pytest.mark.parametrize(
    ("repositories", "more", "reason"),
    [
        (["acme/store", "acme/shop"], RENAMED, "`acme/Shop` is the name of a repository that is"),
        (["globex/*"], RENAMED, "organization.repositories does not list it"),
        (
            ["acme/*"],
            RENAMED + '[repositories."acme/other"]\nformerly = ["ACME/market"]',
            "`ACME/market` is already a former name of Acme/Store",
        ),
        (
            ["acme/*"],
            RENAMED + '[repositories."acme/market"]\nformerly = []',
            "`acme/market` is the name of a repository that is released",
        ),
        (
            ["acme/*"],
            RENAMED + '[repositories."acme/store"]\nformerly = ["acme/stall"]',
            "repositories.acme/store: `Acme/Store` is the same repository",
        ),
        (["acme/*"], '[repositories."acme/*"]\nformerly = ["acme/a"]', "has the wrong form"),
    ],
)
def test_a_name_stands_for_one_repository(repositories: list[str], more: str, reason: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        renamed(*repositories, more=more)
    assert reason in refused.value.why


def test_another_spelling_may_be_a_former_name() -> None:
    text = '[repositories."acme/shop"]\nformerly = ["Acme/Shop"]'
    assert renamed("acme/shop", more=text).first_name("acme/shop") == "Acme/Shop"
