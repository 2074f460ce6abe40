"""Where the command begins: what needs nothing imported is answered at once."""

from __future__ import annotations

import sys


def main() -> None:
    """Print the overview, or run the command that is asked for."""
    if sys.argv[1:] == ["--help"]:
        from tiercel.cli.terminal.command_list import overview

        sys.stdout.write(f"{overview()}\n")
        return
    from tiercel.cli.terminal.running import sign_of_life

    sign_of_life.begin(sys.argv[1:])
    try:
        from tiercel.cli.main import main as run

        run()
    finally:
        sign_of_life.end()
