"""What every page that shows a plan says of a change, and of what is lost by it."""

from __future__ import annotations

from tiercel.domain.drill.inventory import DATA_KINDS
from tiercel.domain.pages.markdown import escaped
from tiercel.domain.stack.plan import Aftermath, Change

_VERBS = {"Add": "added", "Modify": "changed", "Remove": "removed", "Import": "taken in"}


def action_words(change: Change) -> str:
    """Return what is done to a resource, and what becomes of the one that goes."""
    return replacement_words(change) or _VERBS.get(change.action, escaped(change.action)) + (
        removal_words(change)
    )


def replacement_words(change: Change) -> str:
    """Return whether a resource is replaced, and if the old one stays; empty if it is not."""
    said = f", {change.aftermath_words}" if change.aftermath_words else ""
    if change.replaces:
        return f"**replaced**{said}"
    return f"may be **replaced**{said}" if change.may_replace else ""


def removal_words(change: Change) -> str:
    """Return what becomes of a resource that is removed, to stand behind; empty if untold."""
    if change.action != "Remove" or not change.aftermath_words:
        return ""
    mark = "**" if change.aftermath is Aftermath.DELETED else ""
    return f", {mark}{change.aftermath_words}{mark}"


def is_made_anew(change: Change) -> bool:
    """Tell whether a resource is replaced, or may be, and nothing of the old one stays."""
    replaced = change.replaces or change.may_replace
    return replaced and change.aftermath not in {Aftermath.KEPT, Aftermath.SNAPSHOT}


def deletes_data(change: Change) -> bool:
    """Tell whether a resource is deleted whose type holds data that nobody can build again."""
    gone = change.action == "Remove" and change.aftermath is Aftermath.DELETED
    return gone and change.resource_type in DATA_KINDS
