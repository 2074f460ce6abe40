"""Runs `sam` for one request a line, in one process: its start costs more than its work.

Executed by the interpreter of the environment that has the SAM CLI; it knows nothing of Tiercel.
"""
# ruff: noqa: T201 - it answers by its output

from __future__ import annotations

import json
import os
import sys


def main() -> None:
    """Answer each line, a list of arguments and a folder, with an exit code and last words."""
    from click.testing import CliRunner
    from samcli.cli.main import cli

    for line in sys.stdin:
        request = json.loads(line)
        os.chdir(request["folder"])
        result = CliRunner().invoke(cli, request["arguments"])
        words = result.output.strip()
        if result.exception and not isinstance(result.exception, SystemExit):
            words = f"{words}\n{type(result.exception).__name__}: {result.exception}"
        print(json.dumps({"code": result.exit_code, "words": words[-800:]}), flush=True)


if __name__ == "__main__":
    main()
