"""What is said where a word is waited for that nobody would see by itself."""

from __future__ import annotations

from tiercel.domain.base.errors import UnreachableError


def unseen_words(environment: str) -> str:
    """Return why an environment that demands approvals does not look for words, empty if it does.

    Nothing is said where the configuration is not at hand, or no Prefect server is named or
    answers: nobody knows then.
    """
    from tiercel.tasks.source.topology_file import demanding_approvals

    if environment not in demanding_approvals():
        return ""
    from tiercel.deployments.following import why_off

    try:
        why = why_off(environment)
    except UnreachableError:
        return ""
    if not why:
        return ""
    return (
        f"no run looks for words in {environment}: {why}; `tiercel up` switches that on, and "
        "each `tiercel promote` looks once"
    )
