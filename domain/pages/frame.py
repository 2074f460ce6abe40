"""What all pages have in common: a title, a place, the link to a stack."""

from __future__ import annotations

from tiercel.domain.organization.names import Names
from tiercel.domain.pages.links import Links


def page(title: str, *parts: str) -> str:
    """Return a page of Markdown: a title and the parts below it."""
    return f"# {title}\n\n" + "\n\n".join(parts) + "\n"


def place(names: Names) -> str:
    """Return where an environment's stacks are."""
    environment = names.environment
    return f"RuntimeAccount {environment.runtime_account}, region {environment.region}"


def stack_link(text: str, stack_id: str, links: Links, names: Names) -> str:
    """Return a text that leads to a stack in the console of its account."""
    environment = names.environment
    return links.stack(text, stack_id, environment.runtime_account, environment.region)
