"""Run with `python3 -m unittest` in the service's folder."""

import sys
from pathlib import Path

_SERVICE = Path(__file__).parent.parent

# As in Lambda: the function's code first, then its layer.
sys.path[:0] = [str(_SERVICE / "src"), str(_SERVICE / "layers" / "pricing" / "python")]
