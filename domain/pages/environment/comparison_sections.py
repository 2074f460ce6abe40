"""What a pull request's comment says of settings, and of services that come and go."""

from __future__ import annotations

from collections.abc import Sequence

from tiercel.domain.pages.markdown import bounded_table, code, escaped, fitting
from tiercel.domain.review.comparison import Comparison, SettingChange
from tiercel.domain.review.verdicts import Reviewed, StackLeft

_SHARE_OF_BESIDE = 4
"""So much of the room of the settings have those that no commit decides."""
_STAY_BEHIND = (
    "Their stacks stay behind as they are, with all that they hold, and nothing of Tiercel "
    "deletes them. Once nobody needs them:"
)


def settings_section(comparison: Comparison | None, room: int) -> str:
    """Return the keys of tiercel.toml that a merge would change, empty if there are none."""
    if comparison is None:
        return "The base's services cannot be read, so that nothing is compared with them."
    small = room // _SHARE_OF_BESIDE
    parts = []
    if comparison.settings:
        rows = _table(comparison.settings, room - small)
        parts += ["#### Settings that it would change", rows]
    if comparison.beside:
        parts += [
            "#### Settings that it would not change",
            _table(comparison.beside, small),
            "They stand in tables that are read from the worker's own tiercel.toml alone.",
        ]
    return "\n\n".join(parts)


def gone_section(review: Reviewed, room: int) -> str:
    """Return which services come and go, and how the stacks go that stay behind."""
    comparison = review.comparison
    if comparison is None or not (comparison.new or comparison.gone):
        return ""
    renamed = {one.before: one.after for one in comparison.renamed}
    lines = [
        f"- {code(name)} is called {code(renamed[name])} from then on, which makes new stacks: "
        "they have nothing of what the old ones hold, and cannot take names that those have."
        if name in renamed
        else f"- {code(name)} is dropped."
        for name in comparison.gone
    ]
    lines += [f"- {code(name)} is new." for name in comparison.new if name not in renamed.values()]
    parts = ["#### Services that come and go", _list(lines, room // 2)]
    if review.left:
        parts += [
            _STAY_BEHIND,
            _list([_by_hand(one) for one in review.left], room // 2),
        ]
    return "\n\n".join(parts)


def _by_hand(left: StackLeft) -> str:
    return f"- {escaped(left.environment)}: {left.by_hand.deletion()}"


def _table(changes: Sequence[SettingChange], room: int) -> str:
    rows = (
        (escaped(one.service), code(one.key), _value(one.before), _value(one.after))
        for one in changes
    )
    return bounded_table(room, ("service", "key", "before", "after"), rows, len(changes))


def _value(text: str) -> str:
    return code(text) if text else "(not given)"


def _list(lines: Sequence[str], room: int) -> str:
    shown = fitting(lines, room, len)
    left = len(lines) - len(shown)
    return "\n".join([*shown, *([f"- and {left} more"] if left else [])])
