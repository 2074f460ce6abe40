from __future__ import annotations

import http.client
import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sandbox.github.support import Place, StandIn, git
from tiercel.sandbox.github.memory.urls import API_PREFIX

MALFORMED = [
    b"{", b"[", b"\xff\xfe", b'{"a":}', b"{'a': 1}", b'{"title": NaN}', b'{"a": 1e999}',
    b'"\\ud800"', b'{"title": "\\udfff"}', b"nul", b"{" * 5000, b"[" * 100_000, b"1" * 5000,
]  # fmt: skip
NO_OBJECT = [b"[]", b"1", b'"text"', b"true"]
TREE = {"path": "t.txt", "mode": "100644", "type": "blob", "content": "t"}
PROTECTION = {
    "required_status_checks": {"strict": False, "contexts": ["ci"]},
    "enforce_admins": False,
    "required_pull_request_reviews": {"required_approving_review_count": 1},
    "restrictions": {"users": ["author"], "teams": []},
}
# Each operation that takes a body, with one that it accepts.
WRITES: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/pulls", {"title": "t", "head": "free", "base": "main"}),
    ("PATCH", "/pulls/1", {"title": "t", "body": "b"}),
    ("PUT", "/pulls/1/merge", {"sha": "0" * 40}),
    ("PUT", "/pulls/1/update-branch", {}),
    ("POST", "/pulls/1/reviews", {"event": "COMMENT", "body": "b"}),
    ("POST", "/issues/1/comments", {"body": "b"}),
    ("POST", "/issues/1/labels", {"labels": ["l"]}),
    ("POST", "/labels", {"name": "l", "color": "ffffff"}),
    ("POST", "/statuses/{sha}", {"state": "success", "context": "ci"}),
    ("POST", "/deployments", {"ref": "main", "auto_merge": False, "required_contexts": []}),
    ("PUT", "/environments/prod", {"wait_timer": 1}),
    ("POST", "/releases", {"tag_name": "t", "draft": True}),
    ("POST", "/releases/generate-notes", {"tag_name": "t"}),
    ("POST", "/hooks", {"config": {"url": "http://192.0.2.1/x"}, "events": ["push"]}),
    ("POST", "/git/refs", {"ref": "refs/heads/r", "sha": "{sha}"}),
    ("PATCH", "/git/refs/heads/free", {"sha": "{sha}", "force": True}),
    ("POST", "/git/commits", {"message": "m", "tree": "{tree}", "parents": ["{sha}"]}),
    ("POST", "/git/trees", {"tree": [TREE], "base_tree": "{tree}"}),
    ("POST", "/git/blobs", {"content": "eA==", "encoding": "base64"}),
    ("POST", "/git/tags", {"tag": "t", "message": "m", "object": "{sha}", "type": "commit"}),
    ("PUT", "/contents/x.txt", {"message": "m", "content": "eA==", "branch": "free"}),
    ("DELETE", "/contents/README.md", {"message": "m", "sha": "{blob}", "branch": "free"}),
    ("PUT", "/branches/side/protection", PROTECTION),
    ("POST", "/merges", {"base": "free", "head": "main"}),
    ("PATCH", "", {"description": "d", "default_branch": "main"}),
]
FIELDS = [
    "title", "head", "base", "body", "state", "draft", "sha", "ref", "message", "tree", "content",
    "name", "tag_name", "target_commitish", "event", "context", "description", "labels", "config",
    "events", "environment", "payload", "required_contexts", "strict", "reviewers", "wait_timer",
    "commit_title", "merge_method", "parents", "author", "object", "type", "tag", "encoding",
    "branch", "default_branch", "prerelease", "url", "content_type", "base_tree", "path", "mode",
    "restrictions", "enforce_admins", "required_status_checks", "required_pull_request_reviews",
]  # fmt: skip
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["main", "free", "side", "nowhere", "0" * 40, "open", "closed", "success"])
    | st.sampled_from(["../x", "a\0b", "-x", "refs/heads/x", "refs/heads/-", "\u202e", "APPROVE"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4)
    ),
    max_leaves=6,
)
BODIES = st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=8)


@pytest.fixture(scope="module")
def target(stand_in: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A repository with a pull request, which everything here is thrown at."""
    place = Place.create(stand_in, tmp_path_factory.mktemp("target"))
    git(place.tree, "tag", "first")
    place.branch("free", {"f.txt": "f\n"})
    place.pull("side", {"s.txt": "s\n"})
    stand_in.control("PATCH", "/settings", rate_limit=1_000_000)
    return place


def filled(place: Place, text: str) -> str:
    """Put ids of objects into a text: those of the first commit, whatever happened since."""
    for name, expression in (("sha", ""), ("tree", "^{tree}"), ("blob", ":README.md")):
        if f"{{{name}}}" in text:
            sha = git(place.tree, "rev-parse", f"first{expression}").strip()
            text = text.replace(f"{{{name}}}", sha)
    return text


def call(place: Place, method: str, path: str, raw: bytes) -> httpx.Response:
    with place.stand_in.http(place.stand_in.running.token("releaser")) as http:
        return http.request(method, filled(place, f"/repos/{place.name}{path}"), content=raw)


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_what_is_no_json_object_is_a_bad_request(
    target: Place, method: str, path: str, body: dict[str, Any]
) -> None:
    with target.stand_in.http(target.stand_in.running.token("releaser")) as http:
        url = filled(target, f"/repos/{target.name}{path}")
        for raw in MALFORMED:
            answer = http.request(method, url, content=raw)
            assert answer.json()["message"] == "Problems parsing JSON", raw[:20]
            assert answer.status_code == 400
        for raw in NO_OBJECT:
            answer = http.request(method, url, content=raw)
            assert answer.status_code in ({200, 400, 422} if "labels" in path else {400})
    assert body is not None


def mutated(body: dict[str, Any], changes: dict[str, Any], dropped: set[str]) -> dict[str, Any]:
    kept = {name: value for name, value in body.items() if name not in dropped}
    return kept | changes


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_no_body_breaks_the_server(target: Place, data: st.DataObject) -> None:
    method, path, valid = data.draw(st.sampled_from(WRITES))
    own = st.sampled_from([*valid, *FIELDS]) if not valid else st.sampled_from(sorted(valid))
    names = own | st.sampled_from(FIELDS)
    changes = data.draw(st.dictionaries(names, VALUES, max_size=3))
    dropped = data.draw(st.sets(own, max_size=1))
    raw = json.dumps(mutated(valid, changes, dropped))
    answer = call(target, method, path, filled(target, raw).encode())
    assert answer.status_code < 500, answer.text
    assert answer.status_code == 204 or answer.json() is not None


@settings(max_examples=150, deadline=None)
@given(
    start=st.sampled_from(["/repos/acme/shop-1", "/repos/acme", "/repos", "", "/_stand_in"]),
    path=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30),
    odd=st.binary(max_size=10),
)
def test_no_address_breaks_the_server(stand_in: StandIn, start: str, path: str, odd: bytes) -> None:
    token = stand_in.running.token("author")
    connection = http.client.HTTPConnection("127.0.0.1", stand_in.port, timeout=20)
    try:
        target = f"{API_PREFIX}{start}/{path}" + "".join(f"%{byte:02x}" for byte in odd)
        connection.putrequest("GET", target, skip_accept_encoding=True)
        connection.putheader("Authorization", f"Bearer {token}")
        connection.putheader("User-Agent", "test")
        connection.endheaders()
        assert connection.getresponse().status < 500
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 30),
        ("per_page=100", 35),
        ("per_page=10", 10),
        ("per_page=10&page=4", 5),
        ("per_page=10&page=9", 0),
        ("per_page=1000", 35),
        ("per_page=0&page=-1", 30),
        ("per_page=x&page=99999999999999999999", 30),
    ],
)
def test_lists_come_in_pages(target: Place, query: str, count: int) -> None:
    create_many_references(target)
    answer = call(target, "GET", f"/git/matching-refs/tags/many-?{query}", b"")
    assert len(answer.json()) == count


def create_many_references(place: Place) -> None:
    sha = place.bare("rev-parse", "main").strip()
    for number in range(35):
        place.bare("update-ref", f"refs/tags/many-{number:02}", sha)


def test_pages_are_linked_to_each_other(target: Place) -> None:
    create_many_references(target)
    answer = call(target, "GET", "/git/matching-refs/tags/many-?per_page=10&page=2", b"")
    links = {name: link["url"].rpartition("page=")[2] for name, link in answer.links.items()}
    assert links == {"prev": "1", "next": "3", "last": "4", "first": "1"}
    assert answer.links["next"]["url"].startswith(target.stand_in.api)
    found = target.repo(per_page=10).get_git_matching_refs("tags/many-")
    assert len(list(found)) == 35


def test_an_unchanged_answer_is_304_and_short(target: Place) -> None:
    with target.stand_in.http(target.stand_in.running.token("author")) as http:
        first = http.get(f"/repos/{target.name}/branches/main")
        tag = first.headers["etag"]
        again = http.get(f"/repos/{target.name}/branches/main", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")


def test_every_answer_carries_githubs_headers(target: Place) -> None:
    answer = call(target, "GET", "/branches", b"")
    assert answer.headers["x-github-request-id"]
    assert answer.headers["x-github-media-type"] == "github.v3; format=json"
    names = ("limit", "remaining", "used", "reset", "resource")
    assert all(answer.headers[f"x-ratelimit-{name}"] for name in names)
    head = call(target, "HEAD", "/branches", b"")
    assert (head.status_code, head.content) == (200, b"")


def test_a_client_without_a_name_is_refused(target: Place) -> None:
    with target.stand_in.http(target.stand_in.running.token("author")) as http:
        del http.headers["user-agent"]
        answer = http.get("/user", headers={"User-Agent": ""})
    assert answer.status_code == 403


def test_an_unknown_version_of_the_api_is_refused(target: Place) -> None:
    with target.stand_in.http(target.stand_in.running.token("author")) as http:
        answer = http.get("/user", headers={"X-GitHub-Api-Version": "1999-01-01"})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "path", ["/repos/{name}/actions/runs", "/graphql", "/repos/{name}/pulls/1/nothing", "/x"]
)
def test_what_is_not_modelled_is_not_found(target: Place, path: str) -> None:
    with target.stand_in.http(target.stand_in.running.token("author")) as http:
        answer = http.get(path.replace("{name}", target.name))
    assert (answer.status_code, answer.json()["message"]) == (404, "Not Found")
