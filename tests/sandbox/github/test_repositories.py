from __future__ import annotations

import pytest

from tests.sandbox.github.support import Place, StandIn, git, refusal, unused_port


def test_a_person_creates_a_repository_and_lists_what_they_see(stand_in: StandIn) -> None:
    name = f"mine-{unused_port()}"
    user = stand_in.github("author").get_user()
    made = user.create_repo(name, description="Mine", private=True, auto_init=True)
    assert (made.full_name, made.private, made.description) == (f"author/{name}", True, "Mine")
    assert made.get_branch("main").commit.commit.message == "Initial commit"
    assert made.full_name in [repo.full_name for repo in user.get_repos()]
    taken = refusal(lambda: user.create_repo(name))
    assert taken.data["errors"][0]["message"] == "name already exists on this account"


def test_an_administrator_creates_a_repository_of_an_organization(
    stand_in: StandIn, place: Place
) -> None:
    name = f"ours-{unused_port()}"
    with stand_in.http(stand_in.running.token("releaser")) as http:
        made = http.post("/orgs/acme/repos", json={"name": name, "private": True})
        listed = http.get("/orgs/acme/repos?per_page=100").json()
        wrong = http.post("/orgs/acme/repos", json={"name": "../out"})
    assert (made.status_code, made.json()["full_name"]) == (201, f"acme/{name}")
    names = {repository["full_name"] for repository in listed}
    assert {f"acme/{name}", place.name} <= names
    assert wrong.status_code == 422
    with stand_in.http(stand_in.running.token("author")) as http:
        assert http.post("/orgs/acme/repos", json={"name": name}).status_code == 404


def test_the_default_branch_is_what_a_clone_checks_out(place: Place) -> None:
    place.branch("develop", {"d.txt": "d\n"})
    place.repo("releaser").edit(default_branch="develop")
    git(place.tree, "clone", "--quiet", place.url(), "again")
    assert (place.tree / "again" / "d.txt").exists()
    assert place.repo().default_branch == "develop"
    assert refusal(lambda: place.repo("releaser").edit(default_branch="nowhere")).status == 422


def test_names_are_found_whatever_their_case(place: Place) -> None:
    found = place.stand_in.github().get_repo(place.name.upper())
    assert found.full_name == place.name


@pytest.mark.parametrize("ending", ["", "/"])
def test_the_root_folder_is_listed(place: Place, ending: str) -> None:
    with place.stand_in.http(place.stand_in.running.token("author")) as http:
        listed = http.get(f"/repos/{place.name}/contents{ending}").json()
        references = http.get(f"/repos/{place.name}/git/matching-refs/").json()
    assert [item["path"] for item in listed] == ["README.md"]
    assert [item["ref"] for item in references] == ["refs/heads/main"]


def test_a_commit_leads_to_its_pull_request(place: Place) -> None:
    pull = place.pull("feature", {"a.txt": "a\n"})
    commit = place.repo().get_commit(pull.head.sha)
    assert [found.number for found in commit.get_pulls()] == [1]
    merged = pull.merge().sha
    assert [found.number for found in place.repo().get_commit(merged).get_pulls()] == [1]


def test_a_pending_review_is_submitted(place: Place) -> None:
    pull = place.pull("feature", {"a.txt": "a\n"})
    url = f"/repos/{place.name}/pulls/{pull.number}/reviews"
    with place.stand_in.http(place.stand_in.running.token("reviewer")) as http:
        pending = http.post(url, json={"body": "Good"}).json()
        submitted = http.post(f"{url}/{pending['id']}/events", json={"event": "APPROVE"})
        again = http.post(f"{url}/{pending['id']}/events", json={"event": "APPROVE"})
    assert (pending["state"], submitted.json()["state"]) == ("PENDING", "APPROVED")
    assert submitted.json()["body"] == "Good"
    assert again.status_code == 422


def test_statuses_are_listed_under_their_commit(place: Place) -> None:
    place.repo().get_branch("main").commit.create_status("success", context="ci")
    with place.stand_in.http(place.stand_in.running.token("author")) as http:
        listed = http.get(f"/repos/{place.name}/commits/main/statuses").json()
    assert [status["context"] for status in listed] == ["ci"]
