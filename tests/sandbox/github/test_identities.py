from __future__ import annotations

import time

import jwt
import pytest
from github import Auth, GithubIntegration

from tests.sandbox.github.support import Place, StandIn, client, refusal, run_git


def app_auth(stand_in: StandIn) -> Auth.AppAuth:
    return Auth.AppAuth(stand_in.running.app.app_id, stand_in.running.app.private_key)


def test_a_token_is_its_user(stand_in: StandIn) -> None:
    for login in ("author", "reviewer", "releaser", "bot"):
        assert stand_in.github(login).get_user().login == login


def test_wrong_credentials_are_401_everywhere(place: Place) -> None:
    with place.stand_in.http("github_pat_wrong") as http:
        for path in ("/user", f"/repos/{place.name}", "/rate_limit", "/nothing"):
            answer = http.get(path)
            assert (answer.status_code, answer.json()["message"]) == (401, "Bad credentials")


def test_nobody_is_asked_who_they_are_and_sees_no_private_repository(place: Place) -> None:
    with place.stand_in.http() as http:
        assert http.get("/user").json()["message"] == "Requires authentication"
        assert http.get(f"/repos/{place.name}").status_code == 404
        assert http.get(f"/repos/{place.name}/pulls").status_code == 404
        assert http.post(f"/repos/{place.name}/pulls", json={}).status_code == 404


def test_what_a_token_does_not_see_is_not_found(place: Place) -> None:
    place.stand_in.control("POST", "/users", login=f"stranger{place.name[-2:]}x")
    for token in (
        place.stand_in.token(f"stranger{place.name[-2:]}x"),
        place.stand_in.token("author", repositories=[]),
    ):
        with place.stand_in.http(token) as http:
            for path in ("", "/branches", "/pulls/1", "/hooks", "/releases"):
                hidden = http.get(f"/repos/{place.name}{path}")
                absent = http.get(f"/repos/acme/never{path}")
                assert (hidden.status_code, absent.status_code) == (404, 404)
                assert hidden.content == absent.content


def test_a_public_repository_is_read_by_everybody_and_written_by_nobody(
    stand_in: StandIn, place: Place
) -> None:
    owner, _, name = place.name.partition("/")
    stand_in.control("POST", "/repositories", owner=owner, name=name, private=False)
    with stand_in.http() as http:
        assert http.get(f"/repos/{place.name}/branches").status_code == 200
        assert http.get(f"/repos/{place.name}/pulls").status_code == 200
        assert http.get(f"/repos/{place.name}/hooks").status_code == 401
        assert http.post(f"/repos/{place.name}/pulls", json={}).status_code == 401
    url = f"{stand_in.server}/{place.name}.git"
    assert run_git(place.tree, "ls-remote", url).returncode == 0
    place.commit({"x.txt": "x"})
    assert run_git(place.tree, "push", url, "main").returncode == 128


@pytest.mark.parametrize(
    ("permissions", "method", "path", "status"),
    [
        ({"contents": "read"}, "GET", "/branches", 200),
        ({"contents": "read"}, "GET", "/pulls", 403),
        ({"contents": "read"}, "POST", "/git/refs", 403),
        ({"contents": "write"}, "POST", "/git/refs", 422),
        ({"pull_requests": "read"}, "GET", "/pulls", 200),
        ({"pull_requests": "read"}, "POST", "/pulls", 403),
        ({"pull_requests": "write"}, "POST", "/pulls", 422),
        ({"pull_requests": "write"}, "POST", "/issues/1/comments", 404),
        ({"statuses": "read"}, "POST", "/statuses/main", 403),
        ({"deployments": "write"}, "POST", "/deployments", 422),
        ({}, "GET", "", 200),
        ({}, "GET", "/branches", 403),
    ],
)
def test_a_token_may_do_what_its_permissions_say(
    place: Place, permissions: dict[str, str], method: str, path: str, status: int
) -> None:
    token = place.stand_in.token("releaser", permissions=permissions)
    with place.stand_in.http(token) as http:
        answer = http.request(method, f"/repos/{place.name}{path}", json={})
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["message"] == "Resource not accessible by personal access token"
        assert "=" in answer.headers["x-accepted-github-permissions"]


def test_a_token_is_never_mightier_than_its_user(place: Place) -> None:
    token = place.stand_in.token("author", permissions={"administration": "write"})
    with place.stand_in.http(token) as http:
        answer = http.put(f"/repos/{place.name}/branches/main/protection", json={})
    assert answer.status_code == 403


def test_a_token_expires(stand_in: StandIn) -> None:
    token = stand_in.token("author", expires_in_seconds=0)
    with stand_in.http(token) as http:
        assert http.get("/user").status_code == 401


def test_an_app_gets_a_token_for_its_installation(place: Place) -> None:
    stand_in = place.stand_in
    installation = app_auth(stand_in).get_installation_auth(
        stand_in.running.app.installation_id, {"contents": "read", "statuses": "write"}
    )
    with client(stand_in.api, installation) as hub:
        repo = hub.get_repo(place.name)
        status = repo.get_branch("main").commit.create_status("success", context="app")
        assert status.creator.login == "tiercel[bot]"
        error = refusal(lambda: repo.create_git_ref("refs/heads/x", status.raw_data["url"][-40:]))
        assert error.data["message"] == "Resource not accessible by integration"
        assert refusal(lambda: hub.get_user().login).status == 403


def test_an_app_knows_its_installations(place: Place) -> None:
    stand_in = place.stand_in
    with GithubIntegration(auth=app_auth(stand_in), base_url=stand_in.api) as integration:
        assert integration.get_app().slug == "tiercel"
        (installation,) = integration.get_installations()
        assert installation.id == stand_in.running.app.installation_id
        assert integration.get_app_installation(installation.id).app_id == installation.app_id
        owner, _, name = place.name.partition("/")
        assert integration.get_repo_installation(owner, name).id == installation.id
        token = integration.get_access_token(installation.id)
        names = {repo.full_name for repo in installation.get_repos()}
    assert place.name in names
    assert token.token.startswith("ghs_")
    assert run_git(place.tree, "ls-remote", stand_in.url(place.name, token.token)).returncode == 0


def test_an_installation_token_for_one_repository_sees_no_other(
    place: Place, stand_in: StandIn
) -> None:
    key = app_auth(stand_in).create_jwt()
    installation = stand_in.running.app.installation_id
    name = place.name.partition("/")[2]
    url = f"/app/installations/{installation}/access_tokens"
    stand_in.control("POST", "/repositories", owner="acme", name="another")
    with stand_in.http(key) as http:
        made = http.post(url, json={"repositories": [name]}).json()
        wrong = http.post(url, json={"repositories": ["never"]})
        more = http.post(url, json={"permissions": {"administration": "write"}})
        absent = http.post("/app/installations/1/access_tokens")
    assert [repository["full_name"] for repository in made["repositories"]] == [place.name]
    assert (wrong.status_code, more.status_code, absent.status_code) == (422, 422, 404)
    with stand_in.http(made["token"]) as http:
        assert http.get(f"/repos/{place.name}").status_code == 200
        assert http.get("/repos/acme/another").status_code == 404


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"exp": -10}, "must be a numeric value representing the future time"),
        ({"exp": 3600}, "too far in the future"),
        ({"iat": 600}, "'Issued at' claim"),
        ({"iss": "7"}, "Integration not found"),
    ],
)
def test_a_web_token_that_claims_too_much_is_refused(
    stand_in: StandIn, claims: dict[str, object], words: str
) -> None:
    now = int(time.time())
    good: dict[str, object] = {"iat": now - 10, "exp": now + 60}
    good["iss"] = str(stand_in.running.app.app_id)
    wrong = {name: now + v if isinstance(v, int) else v for name, v in claims.items()}
    token = jwt.encode(good | wrong, stand_in.running.app.private_key, algorithm="RS256")
    with stand_in.http(token) as http:
        answer = http.get("/app")
    assert answer.status_code in {401, 404}
    assert words in answer.json()["message"]


def test_a_web_token_of_another_key_or_kind_is_refused(stand_in: StandIn) -> None:
    claims = {"iat": 0, "exp": int(time.time()) + 60, "iss": str(stand_in.running.app.app_id)}
    weak = jwt.encode(claims, "a secret that is long enough for this", algorithm="HS256")
    for token in (weak, "a.b.c", jwt.encode(claims, "", algorithm="none")):
        with stand_in.http(token) as http:
            assert http.get("/app").status_code == 401
    with stand_in.http(stand_in.running.token("releaser")) as http:
        assert http.get("/app").status_code == 401


def test_secrets_are_for_their_owner_and_never_in_the_journal(place: Place) -> None:
    folder = place.stand_in.folder
    for name in ("tokens.json", "app.json", "control-token", "state.sqlite", "journal.jsonl"):
        assert (folder / name).stat().st_mode & 0o077 == 0
    journal = (folder / "journal.jsonl").read_text()
    database = b"".join(path.read_bytes() for path in folder.glob("state.sqlite*"))
    for login in ("author", "releaser"):
        token = place.stand_in.running.token(login)
        assert token not in journal
        assert token.encode() not in database


def test_the_control_path_needs_its_own_token(place: Place) -> None:
    with place.stand_in.http(place.stand_in.running.token("releaser")) as http:
        url = f"{place.stand_in.server}/_stand_in/users"
        assert http.post(url, json={"login": "x"}).status_code == 401
