"""What the documents say, as values that can be compared with the code."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "changelog.d/README.md",
    *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").rglob("*.md"))),
]

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"(?<!`)(`+)(?!`)\s?(.+?)\s?(?<!`)\1(?!`)", re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
PLACE = re.compile(r'<a id="([a-z0-9-]+)"></a>')


def text_of(page: str) -> str:
    return (ROOT / page).read_text()


def fences(text: str, language: str) -> list[str]:
    return [body for name, body in FENCE.findall(text) if name == language]


def spans(text: str) -> list[str]:
    """Inline code, each on one line."""
    return [" ".join(found.split()) for _, found in SPAN.findall(FENCE.sub("", text))]


def links(text: str) -> list[str]:
    """The targets of links to files and headings of our own."""
    targets = LINK.findall(FENCE.sub("", text))
    return [target for target in targets if "://" not in target]


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to headings, and those that the page sets itself."""
    headings = HEADING.findall(FENCE.sub("", text))
    return {anchor_of(heading) for heading in headings} | set(PLACE.findall(text))


def anchor_of(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def section(text: str, name: str) -> str:
    """What stands below the heading with this inline code, up to the next heading."""
    for part in re.split(r"^#+ ", text, flags=re.MULTILINE):
        heading, _, body = part.partition("\n")
        if name in spans(heading):
            return body
    return ""


def rows(text: str, *header: str) -> list[list[str]]:
    """The cells of every row of the tables whose header begins like this."""
    start = f"| {' | '.join(header)} |"
    found: list[list[str]] = []
    reading = False
    for line in text.splitlines():
        if not line.startswith("|"):
            reading = False
        elif line.startswith(start):
            reading = True
        elif reading and not line.startswith("|---"):
            found.append([cell.strip() for cell in line.split("|")[1:-1]])
    return found


def code_of(cell: str) -> str:
    """The first inline code of a cell, or the cell itself."""
    found = spans(cell)
    return found[0] if found else cell


def uses_of(command: str, text: str) -> Iterator[list[str]]:
    """The arguments with which a command is shown, in blocks of shell and in inline code."""
    lines = typed_lines(text)
    for line in lines + spans(text):
        words = _words(line)
        for place, word in enumerate(words):
            if word.rpartition("/")[2] == command and (place == 0 or line in lines):
                yield words[place + 1 :]


def typed_lines(text: str) -> list[str]:
    """The lines of all blocks of shell; one that a backslash breaks is one."""
    return [line for body in fences(text, "sh") for line in body.replace("\\\n", " ").splitlines()]


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line, comments=True)
    except ValueError:
        return line.split()
