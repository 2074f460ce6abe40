"""The policies of `policies/`, which the sandbox's accounts and the proof are made from."""

from __future__ import annotations

from tasks.policy_files import FOLDER, Policy, render

__all__ = ["FOLDER", "Policy", "policy_names", "render"]


def policy_names() -> tuple[str, ...]:
    """Return the name of every policy."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.json")))
