"""How a repository is protected is read and set, with GitHub's stand-in in between."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.github.support import Place, git, refusal
from tests.support.commands import data_in, error_in, invoke
from tests.support.topology import topology_of, topology_text
from tests.tasks import github_fixtures
from tests.tasks.github_fixtures import Scripted, at_once, failure
from tests.unit.protection.test_protection import NOTHING
from tiercel.domain.accounts.findings import Verdict
from tiercel.domain.base.errors import ExitCode
from tiercel.domain.protection.changes import plan
from tiercel.domain.protection.findings import ProtectionReport
from tiercel.domain.protection.judging import judge
from tiercel.domain.protection.needs import protection_needs
from tiercel.domain.review.statuses import required_context
from tiercel.tasks.github.protecting import make_change, require_person
from tiercel.tasks.github.protection import read_protection
from tiercel.tasks.github.statuses import read_checks
from tiercel.tasks.github.transport.client import forget_github

seen = github_fixtures.seen
stand_in = github_fixtures.stand_in
place = github_fixtures.place
scripted = github_fixtures.scripted

NEEDS = protection_needs(topology_of("acme/*"))
Become = Callable[[str], None]


@pytest.fixture
def become(place: Place, monkeypatch: pytest.MonkeyPatch) -> Become:
    """Speak to GitHub as another person."""

    def change(login: str) -> None:
        monkeypatch.setenv("GITHUB_TOKEN", place.stand_in.running.token(login))
        forget_github()

    return change


@pytest.fixture
def shop(place: Place, become: Become) -> Place:
    """A repository with both branches, of which the tests are the administrator."""
    git(place.tree, "branch", "develop")
    place.push("develop")
    become("releaser")
    return place


def found(place: Place) -> ProtectionReport:
    return judge(NEEDS, read_protection.fn(place.name, NEEDS))


def enforce(place: Place) -> None:
    for change in plan(NEEDS, read_protection.fn(place.name, NEEDS)).changes:
        make_change.fn(place.name, change)


def verdicts(place: Place, subject: str) -> set[Verdict]:
    return {one.verdict for one in found(place).findings if one.subject == subject}


def test_a_new_repository_is_red_and_green_once_it_is_enforced(shop: Place) -> None:
    assert {one.verdict for one in found(shop).findings} == {Verdict.RED}

    enforce(shop)

    assert found(shop).lacking() == ()
    assert plan(NEEDS, read_protection.fn(shop.name, NEEDS)).changes == ()


def test_what_was_enforced_binds_administrators_too(shop: Place) -> None:
    enforce(shop)

    shop.tree.joinpath("README.md").write_text("mine\n")
    shop.commit({"README.md": "mine\n"})
    pushed, said = shop.try_push("main", login="releaser")
    assert (pushed, "pull request" in said) == (1, True)
    pull = shop.pull("hotfix/1.0.1", {"fix.txt": "fixed\n"})
    assert "approving review" in refusal(pull.merge).data["message"]
    shop.repo("reviewer").get_pull(pull.number).create_review(event="APPROVE")
    assert required_context("prod") in refusal(pull.merge).data["message"]
    shop.repo("bot").get_commit(pull.head.sha).create_status(
        "success", context=required_context("prod")
    )
    assert pull.merge().merged


def test_branch_protection_that_demands_it_all_needs_no_ruleset(shop: Place) -> None:
    main = shop.repo("releaser").get_branch("main")
    rules: dict[str, Any] = {
        "strict": False,
        "contexts": [required_context("prod")],
        "required_approving_review_count": 2,
        "dismiss_stale_reviews": True,
        "require_last_push_approval": True,
    }
    shop.repo("releaser").edit(allow_squash_merge=False, allow_rebase_merge=False)
    main.edit_protection(**rules, enforce_admins=False)
    assert verdicts(shop, "main") == {Verdict.RED, Verdict.GREEN}  # the merge styles are right

    main.edit_protection(**rules, enforce_admins=True)

    assert verdicts(shop, "main") == {Verdict.GREEN}
    words = [one.words for one in plan(NEEDS, read_protection.fn(shop.name, NEEDS)).changes]
    assert "make the ruleset `Tiercel: main`" not in words
    assert "make the ruleset `Tiercel: develop`" in words


def test_what_people_have_added_stays(shop: Place) -> None:
    repository = shop.repo("releaser")
    repository.create_environment("prod", wait_timer=30)
    enforce(shop)
    api = repository.requester
    listed = {
        one["name"]: one["id"]
        for one in api.requestJsonAndCheck("GET", f"{repository.url}/rulesets")[1]
    }
    address = f"{repository.url}/rulesets/{listed['Tiercel: main']}"
    ruleset = api.requestJsonAndCheck("GET", address)[1]
    for rule in ruleset["rules"]:
        if rule["type"] == "pull_request":
            rule["parameters"] |= {
                "required_approving_review_count": 3,
                "require_last_push_approval": False,
            }
    api.requestJsonAndCheck("PUT", address, input={**ruleset, "enforcement": "disabled"})
    assert Verdict.RED in verdicts(shop, "main")

    enforce(shop)

    assert found(shop).lacking() == ()
    rules = {one["type"]: one for one in api.requestJsonAndCheck("GET", address)[1]["rules"]}
    assert rules["pull_request"]["parameters"]["required_approving_review_count"] == 3
    assert repository.get_environment("prod").protection_rules[0].wait_timer == 30
    api.requestJsonAndCheck("DELETE", address)
    assert Verdict.RED in verdicts(shop, "main")


def test_an_environment_is_closed_to_all_other_branches(shop: Place) -> None:
    enforce(shop)
    api, url = shop.repo("releaser").requester, shop.repo("releaser").url
    policies = f"{url}/environments/prod/deployment-branch-policies"
    api.requestJsonAndCheck("POST", policies, input={"name": "feature/*"})
    api.requestJsonAndCheck("POST", policies, input={"name": "v*", "type": "tag"})
    assert verdicts(shop, "environment prod") == {Verdict.RED}

    enforce(shop)

    left = api.requestJsonAndCheck("GET", policies)[1]["branch_policies"]
    assert [one["name"] for one in left] == ["main"]


def test_two_who_enforce_at_once_do_no_harm(shop: Place) -> None:
    changes = plan(NEEDS, read_protection.fn(shop.name, NEEDS)).changes

    at_once([lambda: [make_change.fn(shop.name, one) for one in changes]] * 2)

    assert found(shop).lacking() == ()


def test_who_is_no_administrator_is_told_what_nobody_can_see_and_changes_nothing(
    shop: Place, become: Become
) -> None:
    enforce(shop)
    become("author")

    report = found(shop)

    assert {one.verdict for one in report.lacking()} == {Verdict.UNKNOWN}
    changes = plan(NEEDS, read_protection.fn(shop.name, NEEDS)).changes
    for change in changes:
        assert failure(lambda one=change: make_change.fn(shop.name, one)).code == (  # type: ignore[misc]
            "protection.no_administrator"
        )
    assert changes
    become("releaser")
    assert found(shop).lacking() == ()


def test_a_plan_of_github_that_has_no_rulesets_is_named(scripted: Scripted) -> None:
    scripted.says(
        403,
        {"message": "Upgrade to GitHub Pro or make this repository public to enable this feature."},
    )

    error = failure(lambda: make_change.fn("acme/shop", plan(NEEDS, NOTHING).changes[0]))

    assert error.code == "protection.not_in_plan"


def test_a_program_may_not_protect_what_bounds_it(
    shop: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert require_person.fn() == "releaser"
    app = shop.stand_in.running.app
    key = tmp_path / "key.pem"
    key.write_text(app.private_key)
    monkeypatch.delenv("GITHUB_TOKEN")
    monkeypatch.setenv("GITHUB_APP_ID", str(app.app_id))
    monkeypatch.setenv("GITHUB_APP_INSTALLATION_ID", str(app.installation_id))
    monkeypatch.setenv("GITHUB_APP_PRIVATE_KEY_FILE", str(key))
    forget_github()

    assert failure(require_person.fn).code == "protection.no_person"


def test_the_command_shows_the_difference_and_sets_it_once_it_is_confirmed(
    shop: Place, tmp_path: Path
) -> None:
    config = tmp_path / "tiercel.toml"
    config.write_text(topology_text("acme/*"))
    given = (shop.name, "--config", str(config), "--json")

    code, output, _ = invoke("gitflow", "check", *given)
    assert code == ExitCode.CHECK_FAILED
    assert {one["verdict"] for one in data_in(output)[shop.name]["findings"]} == {"red"}
    code, output, _ = invoke("gitflow", "enforce", *given)
    assert (code, error_in(output)["code"]) == (
        ExitCode.REFUSED,
        "protection.not_confirmed",
    )
    assert {one.verdict for one in found(shop).findings} == {Verdict.RED}

    code, output, errors = invoke("gitflow", "enforce", *given[:-1], "--yes")

    assert code == ExitCode.OK, errors
    assert "make the ruleset `Tiercel: main`" in output
    assert invoke("gitflow", "check", *given)[0] == ExitCode.OK
    code, output, _ = invoke("gitflow", "check", "--config", str(config), "--json")
    assert error_in(output)["code"] == "protection.no_repository"


def test_the_newest_state_of_each_check_is_read(shop: Place) -> None:
    sha = shop.bare("rev-parse", "main").strip()
    commit = shop.repo("bot").get_commit(sha)
    for state in ("pending", "failure", "success"):
        commit.create_status(state, context="ci")
    commit.create_status("pending", context="lint")

    assert read_checks.fn(shop.name, sha) == {"ci": "success", "lint": "pending"}
