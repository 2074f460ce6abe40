"""How far a template may grow while it is written out: small texts can stand for endless ones."""

from __future__ import annotations

from tiercel.domain.base.limits import MAX_TEMPLATE_NODES, too_complex


class NodeBudget:
    """Counts the values of one template that are written out."""

    def __init__(self, where: str) -> None:
        """Begin to count for the template that errors call `where`."""
        self._where = where
        self._left = MAX_TEMPLATE_NODES

    def spend(self) -> None:
        """Count one value more; RefusedInputError if a template may not have so many."""
        self._left -= 1
        if self._left < 0:
            raise too_complex(self._where)
