"""The site of the documents has every page once, and reads what is written for GitHub."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from tests.support.docs_site import deeper_lists, diagram, on_page_content, outside_links

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}
PARTS = ["Try", "Use", "Operate", "Understand"]


class _Plain(yaml.SafeLoader):
    """mkdocs.yml names functions and variables, which are read as the texts they are."""


_Plain.add_multi_constructor("", lambda _loader, suffix, _node: suffix)
SITE: dict[str, Any] = yaml.load((ROOT / "mkdocs.yml").read_text(), _Plain)  # noqa: S506 - safe


def leaves(entry: Any) -> Iterator[str]:
    if isinstance(entry, str):
        yield entry
    else:
        for one in entry if isinstance(entry, list) else entry.values():
            yield from leaves(one)


def test_the_site_has_every_page_once_and_no_other() -> None:
    named = list(leaves(SITE["nav"]))
    assert sorted(named) == sorted(PAGES)


def test_the_site_has_the_four_parts_and_each_page_in_the_part_of_its_folder() -> None:
    parts = {name: pages for entry in SITE["nav"][1:] for name, pages in entry.items()}
    assert list(parts) == PARTS
    for name, pages in parts.items():
        assert {page.partition("/")[0] for page in leaves(pages)} == {name.lower()}


def test_the_list_of_all_pages_names_every_page() -> None:
    linked = re.findall(r"\]\(([^)#]+\.md)", (DOCS / "README.md").read_text())
    assert PAGES - {"README.md"} <= {*linked}


def test_nothing_of_the_site_comes_from_elsewhere_and_a_dead_link_stops_it() -> None:
    assert SITE["theme"]["font"] is False
    assert SITE["strict"] is True
    assert not {"extra_css", "extra_javascript"} & {*SITE}
    assert {*SITE["plugins"]} == {"search"}


def test_a_page_with_a_diagram_and_no_other_has_what_draws_it_from_the_site_itself() -> None:
    page = SimpleNamespace(url="operate/security/")
    assert on_page_content("<p>text</p>", page, None, None) == "<p>text</p>"
    drawn = on_page_content(diagram("flowchart LR\n a --> b"), page, None, None)
    assert re.findall(r'src="([^"]+)"', drawn) == ["../../assets/javascripts/mermaid.js"]
    assert "a --&gt; b</code></pre>" in drawn


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (
            "1. one\n\n   ```sh\n   ls\n   ```\n\n2. two",
            "1. one\n\n    ```sh\n    ls\n    ```\n\n2. two",
        ),
        ("- one\n  more\n- two", "- one\n    more\n- two"),
        ("- one\n\nText\n  x", "- one\n\nText\n  x"),
        ("```\n- one\n  more\n```", "```\n- one\n  more\n```"),
        ("10. ten\n    more", "10. ten\n    more"),
    ],
)
def test_what_belongs_to_an_item_of_a_list_stays_there(written: str, read: str) -> None:
    assert deeper_lists(written) == read


@pytest.mark.parametrize(
    ("link", "repository", "read"),
    [
        ("[a](../../prefect.yaml)", "", "a"),
        ("[a](../../prefect.yaml)", "https://x/y/", "[a](https://x/y/blob/main/prefect.yaml)"),
        ("[a](../operate/running.md#x)", "https://x/y", "[a](../operate/running.md#x)"),
        ("[a](cli.md)", "https://x/y", "[a](cli.md)"),
    ],
)
def test_what_lies_beside_the_documents_is_linked_where_a_repository_is_named(
    link: str, repository: str, read: str
) -> None:
    assert outside_links(link, "docs/use", repository) == read
