"""How often Python looks for garbage: never worth it while modules are imported, seldom after that.

To look takes 10 to 20 ms each time once Prefect is imported, and nothing of it is garbage.
"""

from __future__ import annotations

import gc


def import_first() -> None:
    """Hardly look for garbage, until `then_work`: what is imported stays."""
    gc.set_threshold(500_000, 20, 100)


def then_work() -> None:
    """Look for garbage in what is made from now on, as often as a run needs it."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
