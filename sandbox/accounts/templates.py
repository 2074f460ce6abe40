"""The policies of `policies/`, which the sandbox's accounts and the proof are made from."""

from __future__ import annotations

from tiercel.tasks.engine.policy_files import RenderedPolicy, policy_folder, render, unfilled

__all__ = ["RenderedPolicy", "policy_folder", "policy_names", "render", "unfilled"]


def policy_names() -> tuple[str, ...]:
    """Return the name of every policy."""
    return tuple(sorted(path.stem for path in policy_folder().glob("*.json")))
