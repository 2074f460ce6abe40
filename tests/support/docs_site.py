"""The hooks of mkdocs.yml: what is written for GitHub's Markdown, as mkdocs reads it."""

from __future__ import annotations

import html
import json
import logging
import posixpath
import re
from typing import Any

from mkdocs.structure.files import File
from mkdocs.utils import get_relative_url

from tests.support.npm_files import UnavailableError, cache_folder, file_of_package

_ITEM = re.compile(r"(?:[-*]|\d+\.) +")
_FENCE = re.compile(r" *(```+|~~~+)")
_LINK = re.compile(r"\[([^\[\]]*(?:\[[^\]]*\])?[^\[\]]*)\]\(((?:\.\./)+[^()\s]*)\)")
_INDENTATION = "    "
_SOURCES = "blob/main"
# Mermaid in one file. Material would load this major version of it from elsewhere.
_MERMAID = "@mermaid-js/tiny@11.17.2"
_MERMAID_MEMBER = "package/dist/mermaid.tiny.js"
_MERMAID_SHA256 = "7a644017d37f93c8359790884e6b67fb1f747c78eb20475952404bd87190a3f8"
_SCRIPT = "assets/javascripts/mermaid.js"
_FRAME = '<div style="overflow-x: auto"><pre class="mermaid"><code>{}</code></pre></div>'
# Letters stay nearly as large as those of the page: a wide picture is moved, and not made tiny.
_HOW = {
    "themeVariables": {"fontSize": "13px"},
    "flowchart": {"useMaxWidth": False, "nodeSpacing": 24, "rankSpacing": 36, "wrappingWidth": 150},
}
_LOG = logging.getLogger("mkdocs.hooks.diagrams")


def on_files(files: Any, config: Any) -> None:
    """Bring along what draws diagrams; where it cannot be had they stay the text they are.

    Material looks for it elsewhere as soon as a page has a diagram to draw, so none has one then.
    """
    path = cache_folder() / "mermaid" / f"{_MERMAID_SHA256[:16]}.js"
    try:
        script = file_of_package(_MERMAID, _MERMAID_MEMBER, _MERMAID_SHA256, path)
    except UnavailableError as reason:
        _LOG.info("diagrams are shown as text: %s", reason)
        return
    files.append(File.generated(config, _SCRIPT, abs_src_path=str(script)))
    fence = {"name": "mermaid", "class": "mermaid", "format": diagram}
    config.mdx_configs["pymdownx.superfences"] = {"custom_fences": [fence]}


def on_page_content(content: str, page: Any, config: Any, files: Any) -> str:
    """Return a page that has diagrams with what draws them."""
    del config, files
    if '<pre class="mermaid">' not in content:
        return content
    return f'{content}\n<script src="{get_relative_url(_SCRIPT, page.url)}"></script>'


def diagram(source: str, *_how: Any, **_known: Any) -> str:
    """Return the element that Material puts the drawn diagram in the place of."""
    return _FRAME.format(html.escape(f"%%{{init: {json.dumps(_HOW)}}}%%\n{source}"))


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
