"""The hooks of mkdocs.yml: what is written for GitHub's Markdown, as mkdocs reads it."""

from __future__ import annotations

import posixpath
import re
from typing import Any

_ITEM = re.compile(r"(?:[-*]|\d+\.) +")
_FENCE = re.compile(r" *(```+|~~~+)")
_LINK = re.compile(r"\[([^\[\]]*(?:\[[^\]]*\])?[^\[\]]*)\]\(((?:\.\./)+[^()\s]*)\)")
_INDENTATION = "    "
_SOURCES = "blob/main"


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Return a page as Python-Markdown reads it, with links that lead somewhere from the site."""
    del files
    folder = posixpath.dirname(f"docs/{page.file.src_uri}")
    return deeper_lists(outside_links(markdown, folder, str(config.repo_url or "")))


def deeper_lists(markdown: str) -> str:
    """Return a page whose list items have their further lines four spaces deep.

    GitHub takes what begins below an item's text as a part of it, Python-Markdown counts to four.
    """
    lines, width, fence = [], 0, ""
    for line in markdown.split("\n"):
        if not fence and (item := _ITEM.match(line)):
            width = len(item[0])
        elif line.strip() and not line.startswith(" " * width):
            width = 0
        within = width and line.startswith(" " * width)
        lines.append(_INDENTATION + line[width:] if within else line)
        if found := _FENCE.match(line):
            fence = "" if fence else found[1]
    return "\n".join(lines)


def outside_links(markdown: str, folder: str, repository: str) -> str:
    """Return a page whose links to files beside docs/ lead to the repository.

    They are the mere words where no repository is named. `folder` is where the page lies.
    """

    def rewritten(link: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(folder, link[2]))
        if path.startswith("docs/"):
            return link[0]
        return f"[{link[1]}]({repository.rstrip('/')}/{_SOURCES}/{path})" if repository else link[1]

    return _LINK.sub(rewritten, markdown)
