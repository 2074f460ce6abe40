"""Where the pages are. No bucket can have this name, and no other service has this path."""

from __future__ import annotations

from tiercel.sandbox.pages.markup import Markup, link

CONSOLE_PREFIX = "/_console"


def stack_at(account: str, region: str, stack_id: str, text: str) -> Markup:
    """Return a link to a stack's page."""
    return link(text, f"{stacks_at(account, region)}/{stack_id}")


def stacks_at(account: str, region: str) -> str:
    """Return the path of the list of an account's stacks."""
    return f"{CONSOLE_PREFIX}/{account}/{region}/stacks"
