"""What the change sets of nested stacks say."""

from __future__ import annotations

_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
# A nested stack is planned before its parent is carried out: what is known only then, as outputs
# of a neighbour, CloudFormation stands a placeholder for, with which some functions cannot work:
# https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/759
# And a role that may make nested stacks need not be allowed to plan them.
_ONLY_LOOKING_FAILS = (
    "IntrinsicFunction://",
    "cannot select nonexistent value",
    "duplicate Export names",
    "is not authorized to perform: cloudformation:",
)
NESTED_FAILED = "Nested change set"


def has_no_changes(reason: str) -> bool:
    """Tell whether a change set failed only because nothing would change."""
    return any(text in reason for text in _NO_CHANGES)


def only_looking_fails(reason: str) -> bool:
    """Tell whether a nested stack cannot be planned, though it may well be deployed."""
    return any(text in reason for text in _ONLY_LOOKING_FAILS)
