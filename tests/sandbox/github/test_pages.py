"""The stand-in's pages: at the addresses that it gives, and every text on them is only text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from tests.sandbox.github.support import Place
from tests.support.plain_http import NO_CERTIFICATES

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u202e"
TAGS = {
    *("html", "head", "meta", "title", "style", "body", "nav", "a", "h1", "h2", "section", "p"),
    *("div", "table", "thead", "tbody", "tr", "th", "td", "dl", "dt", "dd", "pre", "code"),
    *("span", "article", "footer"),
}
ATTRIBUTES = {"href", "class", "id", "lang", "charset", "name", "content"}


class Read(HTMLParser):
    """What a browser makes of a page: its elements, its links and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.text += data


def get(place: Place, address: str, **more: Any) -> httpx.Response:
    url = address if "://" in address else place.stand_in.server + address
    return httpx.request("GET", url, trust_env=False, verify=NO_CERTIFICATES, **more)


def seen(place: Place, address: str) -> Read:
    """Ask for a page, and hold it to what every page keeps to."""
    answer = get(place, address)
    assert answer.status_code == 200, address
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    found = Read(answer.text)
    assert found.tags <= TAGS
    assert found.attributes <= ATTRIBUTES
    assert "\u202e" not in answer.text
    assert all(
        re.match(r"(/(?!/)|http://127\.0\.0\.1|https://ok\.example)", to) for to in found.links
    )
    return found


def test_what_the_stand_in_links_has_a_page_on_which_every_text_is_only_text(place: Place) -> None:
    pull = place.pull("feature/x", {"a.txt": f"{EVIL}\n"}, title=EVIL, body=EVIL)
    pull.create_issue_comment(EVIL)
    repo = place.repo()
    head = repo.get_commit(pull.head.sha)
    head.create_status("failure", "", EVIL, "evil")
    head.create_status("success", "https://ok.example/run", "built", "good")
    deployment = repo.create_deployment(
        pull.head.sha, environment=EVIL, description=EVIL, auto_merge=False, required_contexts=[]
    )
    deployment.create_status("success", description="up", environment_url=f"https://{EVIL}")
    release = repo.create_git_release("v1/x", EVIL, EVIL, target_commitish="main")

    page = seen(place, pull.html_url)
    assert "<script>alert(1)</script>" in page.text
    assert {"https://ok.example/run", f"/{place.name}/commit/{pull.head.sha}"} <= set(page.links)
    assert "+<script>" in seen(place, head.html_url).text
    assert "v1/x" in seen(place, release.html_url).text
    for name in ("", "pulls", "releases", "deployments"):
        listed = seen(place, f"/{place.name}/{name}")
        for to in listed.links:
            if to.startswith("/"):
                seen(place, to)
    assert "up" in seen(place, f"/{place.name}/deployments/of/{deployment.id}").text
    assert place.name in seen(place, "/").text


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"headers": {"Host": "evil.example"}}, 421),
        ({"headers": {"Host": "127.0.0.1:1"}}, 421),
    ],
)
def test_a_page_is_only_shown_under_this_machines_own_name(
    place: Place, more: dict[str, Any], status: int
) -> None:
    assert get(place, f"/{place.name}", **more).status_code == status


def test_pages_are_only_looked_at_and_others_are_not_there(place: Place) -> None:
    url = f"{place.stand_in.server}/{place.name}"
    assert httpx.post(url, trust_env=False, verify=NO_CERTIFICATES).status_code == 405
    for away in ("nothing/here", f"{place.name}/pull/99", f"{place.name}/commit/%00", "x"):
        assert get(place, f"/{away}").status_code == 404
    odd = get(place, "/<script>")
    assert (odd.status_code, "<script>" in odd.text) == (404, False)
