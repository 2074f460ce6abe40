"""The story that the demo tells: what the people of a team do, chapter by chapter."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

_GIFTS = '''"""Notes that go with a gift."""

LONGEST_NOTE = 140


def gift_note(text: str) -> str:
    """Return the note as it is printed on the card."""
    return {result}
'''
_GIFTS_TEST = '''"""Run with `python3 -m unittest` in the service's folder."""

import unittest

from gifts import LONGEST_NOTE, gift_note


class GiftNotes(unittest.TestCase):
    def test_a_long_note_is_cut_to_the_size_of_the_card(self) -> None:
        self.assertEqual(len(gift_note("x" * 500)), LONGEST_NOTE)
'''

_CATALOG, _TEMPLATE = "services/catalog/src/app.py", "services/catalog/template.yaml"
_ANSWERS = "    return respond(event, _items())\n"
_LOGS = """    context = event.get("requestContext")
    if context:
        logger.info("asked by %s", context["authorizer"]["jwt"]["claims"]["sub"])
"""
"""The API lets everybody in and has no authorizer, which no test of the service knows."""
_USUAL, _CAREFUL = "Canary10Percent5Minutes", "Canary10Percent30Minutes"
"""A change that touches every request gets its first share for longer: enough customers ask."""

Files = Mapping[str, str]


@dataclass(frozen=True)
class Push:
    """A commit on the chapter's branch, and whether its pull request passes."""

    message: str
    files: Callable[[Callable[[str], str]], Files]
    passes: bool


@dataclass(frozen=True)
class Chapter:
    """One change on its way from a feature branch to Prod."""

    title: str
    branch: str
    version: str
    pushes: tuple[Push, ...] = field(default_factory=tuple)
    tried: str = ""
    """The service that is tried in an environment on demand before the merge; empty: none is."""
    asker_tries: bool = False
    """Whether who asks for its release also tries to approve it."""
    undone_by: Chapter | None = None
    """The change that takes it out of develop, where Preprod's alarm takes its traffic back."""

    @property
    def release_branch(self) -> str:
        """The branch that brings it to Prod."""
        return f"release/{self.version}"


def story_of_the_example() -> tuple[Chapter, ...]:
    """Return a change whose first try fails, one of one service only, and one that goes back.

    The second one is tried in an environment on demand. The third one passes its tests, and an
    alarm takes its traffic back in Preprod.
    """
    return (
        Chapter(
            title="Print a note on gifts",
            branch="feature/gift-notes",
            version="0.1.0",
            pushes=(
                Push("Print a note on gifts", _gifts("text"), passes=False),
                Push("Cut the note to the card", _gifts("text[:LONGEST_NOTE]"), passes=True),
            ),
            asker_tries=True,
        ),
        Chapter(
            title="Raise the price of Assam",
            branch="feature/price-of-assam",
            version="0.2.0",
            pushes=(Push("Raise the price of Assam", _new_price, passes=True),),
            tried="catalog",
        ),
        Chapter(
            title="Log who asks for a price",
            branch="feature/log-who-asks",
            version="0.3.0",
            pushes=(Push("Log who asks for a price", _who_asks, passes=True),),
            undone_by=Chapter(
                title='Revert "Log who asks for a price"',
                branch="revert/log-who-asks",
                version="0.3.0",
                pushes=(Push("Log nobody", _nobody, passes=True),),
            ),
        ),
    )


def chapter_of_any_repository(branch: str, version: str, commit: str) -> Chapter:
    """Return a change that leaves every service as it is at a commit, on a branch of its own."""
    note = {"RELEASED-BY-TIERCEL.md": f"A demo of Tiercel released {commit}.\n"}
    return Chapter(
        title="Release it with Tiercel",
        branch=branch,
        version=version,
        pushes=(Push("Say who releases this", lambda _: note, passes=True),),
        asker_tries=True,
    )


def _gifts(result: str) -> Callable[[Callable[[str], str]], Files]:
    files = {
        "services/orders/src/gifts.py": _GIFTS.replace("{result}", result),
        "services/orders/tests/test_gifts.py": _GIFTS_TEST,
    }
    return lambda _: files


def _new_price(read: Callable[[str], str]) -> Files:
    path = "services/catalog/src/catalog.json"
    catalog = json.loads(read(path))
    for item in catalog["items"]:
        if item["item"] == "assam-100g":
            item["unitNet"] += 40
    return {path: json.dumps(catalog, indent=2) + "\n"}


def _who_asks(read: Callable[[str], str]) -> Files:
    return {
        _CATALOG: read(_CATALOG).replace(_ANSWERS, _LOGS + _ANSWERS),
        _TEMPLATE: read(_TEMPLATE).replace(_USUAL, _CAREFUL),
    }


def _nobody(read: Callable[[str], str]) -> Files:
    return {
        _CATALOG: read(_CATALOG).replace(_LOGS, ""),
        _TEMPLATE: read(_TEMPLATE).replace(_CAREFUL, _USUAL),
    }
