from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.github.support import Place, git, refusal


def deploy(place: Place, ref: str = "main", **more: Any) -> Any:
    settings: dict[str, Any] = {
        "auto_merge": False,
        "required_contexts": [],
        "environment": "preprod",
    } | more
    return place.repo().create_deployment(ref, **settings)


def test_a_deployment_has_statuses_and_makes_its_environment(place: Place) -> None:
    sha = place.bare("rev-parse", "main").strip()
    made = deploy(place, payload={"release": 7}, description="To Preprod", task="release")
    status = made.create_status("in_progress", description="On its way")
    made.create_status(
        "success", environment_url="http://localhost/", target_url="http://localhost/1"
    )

    found = place.repo().get_deployment(made.id)
    assert (found.sha, found.ref, found.task, found.environment) == (
        sha,
        "main",
        "release",
        "preprod",
    )
    assert found.payload == {"release": 7}
    assert [item.state for item in found.get_statuses()] == ["success", "in_progress"]
    assert found.get_status(status.id).description == "On its way"
    listed = place.repo().get_deployments(environment="preprod", sha=sha)
    assert [item.id for item in listed] == [made.id]
    assert not list(place.repo().get_deployments(environment="prod"))
    assert [item.name for item in place.repo().get_environments()] == ["preprod"]


def test_a_success_makes_earlier_deployments_inactive(place: Place) -> None:
    first, second = deploy(place), deploy(place)
    first.create_status("success")
    second.create_status("success")
    assert [status.state for status in first.get_statuses()] == ["inactive", "success"]
    third = deploy(place)
    third.create_status("success", auto_inactive=False)
    assert [status.state for status in second.get_statuses()] == ["success"]


def test_production_deployments_stay_active(place: Place) -> None:
    first, second = (deploy(place, environment="production") for _ in range(2))
    first.create_status("success")
    second.create_status("success")
    assert [status.state for status in first.get_statuses()] == ["success"]


@pytest.mark.parametrize(
    ("contexts", "status"), [(None, 409), (["ci"], 409), (["other"], 409), ([], 201)]
)
def test_a_deployment_asks_for_good_statuses_unless_told_otherwise(
    place: Place, contexts: list[str] | None, status: int
) -> None:
    place.repo().get_branch("main").commit.create_status("failure", context="ci")
    body: dict[str, Any] = {"ref": "main", "auto_merge": False}
    body |= {} if contexts is None else {"required_contexts": contexts}
    with place.stand_in.http(place.stand_in.running.token("author")) as http:
        answer = http.post(f"/repos/{place.name}/deployments", json=body)
    assert answer.status_code == status


def test_a_branch_behind_the_default_is_merged_instead_of_deployed(place: Place) -> None:
    old = place.branch("side", {"s.txt": "s\n"})
    place.commit({"m.txt": "m\n"})
    place.push("main", login="releaser")
    with place.stand_in.http(place.stand_in.running.token("author")) as http:
        url = f"/repos/{place.name}/deployments"
        merged = http.post(url, json={"ref": "side", "required_contexts": []})
        assert merged.status_code == 202
        assert merged.json() == {"message": "Auto-merged main into side on deployment."}
        assert http.post(url, json={"ref": "side", "required_contexts": []}).status_code == 201
    assert place.bare("rev-parse", "side^1").strip() == old


def test_a_deployment_of_nothing_is_refused(place: Place) -> None:
    assert refusal(lambda: deploy(place, "nowhere")).data["message"] == "No ref found for: nowhere"


def test_an_environment_is_set_up_and_removed(place: Place) -> None:
    repo = place.repo("releaser")
    reviewer = place.stand_in.github().get_user("reviewer")
    from github.EnvironmentDeploymentBranchPolicy import EnvironmentDeploymentBranchPolicyParams
    from github.EnvironmentProtectionRuleReviewer import ReviewerParams

    repo.create_environment(
        "prod/eu",
        wait_timer=5,
        reviewers=[ReviewerParams("User", reviewer.id)],
        prevent_self_review=True,
        deployment_branch_policy=EnvironmentDeploymentBranchPolicyParams(
            protected_branches=True, custom_branch_policies=False
        ),
    )

    found = place.repo().get_environment("prod/eu")
    assert found.name == "prod/eu"
    assert {rule.type for rule in found.protection_rules} == {
        "wait_timer",
        "required_reviewers",
        "branch_policy",
    }
    assert found.deployment_branch_policy.protected_branches
    repo.delete_environment("prod/eu")
    assert refusal(lambda: repo.get_environment("prod/eu")).status == 404
    assert refusal(lambda: place.repo().create_environment("mine")).status == 403


def test_a_release_makes_its_tag_and_is_found(place: Place) -> None:
    sha = place.bare("rev-parse", "main").strip()
    repo = place.repo()
    made = repo.create_git_release("v1.0.0", "First", "Notes", target_commitish=sha)

    assert (made.tag_name, made.name, made.body, made.draft) == ("v1.0.0", "First", "Notes", False)
    assert place.bare("rev-parse", "v1.0.0").strip() == sha
    assert repo.get_release("v1.0.0").id == made.id
    assert repo.get_release(made.id).tag_name == "v1.0.0"
    assert repo.get_latest_release().id == made.id
    changed = made.update_release("Renamed", "More notes")
    assert (changed.name, changed.body) == ("Renamed", "More notes")
    error = refusal(lambda: repo.create_git_release("v1.0.0", "Again", ""))
    assert error.data["errors"][0]["code"] == "already_exists"
    made.delete_release()
    assert refusal(lambda: repo.get_release("v1.0.0")).status == 404
    assert [tag.name for tag in repo.get_tags()] == ["v1.0.0"]


def test_a_release_may_use_a_tag_that_was_pushed(place: Place) -> None:
    git(place.tree, "tag", "--annotate", "--message=Mine", "v2.0.0")
    place.push("v2.0.0")
    before = place.bare("rev-parse", "v2.0.0")
    place.repo().create_git_release("v2.0.0", "Second", "")
    assert place.bare("rev-parse", "v2.0.0") == before


@pytest.mark.parametrize(
    ("tag", "target", "field"),
    [
        ("v1", "nowhere", "target_commitish"),
        ("a b", "main", "tag_name"),
        ("", "main", "tag_name"),
        ("v..1", "main", "tag_name"),
    ],
)
def test_a_release_that_cannot_be_is_refused(
    place: Place, tag: str, target: str, field: str
) -> None:
    error = refusal(lambda: place.repo().create_git_release(tag, "x", "", target_commitish=target))
    assert (error.status, error.data["errors"][0]["field"]) == (422, field)


def test_drafts_and_prereleases_are_never_the_latest(place: Place) -> None:
    repo = place.repo()
    first = repo.create_git_release("v1", "1", "")
    repo.create_git_release("v2-rc", "2", "", prerelease=True)
    draft = repo.create_git_release("v3", "3", "", draft=True)
    assert repo.get_latest_release().id == first.id
    assert place.bare("tag").split() == ["v1", "v2-rc"]
    assert refusal(lambda: repo.get_release("v3")).status == 404
    token = place.stand_in.token("author", permissions={"contents": "read"})
    with place.stand_in.http(token) as http:
        names = [item["tag_name"] for item in http.get(f"/repos/{place.name}/releases").json()]
    assert names == ["v2-rc", "v1"]
    draft.update_release("3", "out", draft=False)
    assert repo.get_latest_release().tag_name == "v3"


def test_notes_list_the_merged_pull_requests_since_the_last_release(place: Place) -> None:
    repo = place.repo()
    repo.create_git_release("v1", "1", "")
    place.pull("feature", {"a.txt": "a\n"}, title="Sell tea").merge()
    notes = repo.generate_release_notes("v2", previous_tag_name="v1")
    page = f"{place.stand_in.server}/{place.name}"
    assert notes.name == "v2"
    assert notes.body == (
        f"## What's Changed\n* Sell tea by @author in {page}/pull/1\n\n\n"
        f"**Full Changelog**: {page}/compare/v1...v2"
    )
