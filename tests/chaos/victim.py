"""Processes that are killed: one that has everything imported makes a child for every run.

    python -m tests.chaos.victim

Reads a JSON document a line. One with `environment`, `flow`, `parameters` and `answers` (a folder)
starts a run, and the child's id is said. One with `wait` waits for that child, and its exit code is
said. To start Python and Prefect takes longer than a deploy, so only the child is new.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.running.runs import run_flow
from tiercel.domain.base.errors import TiercelError
from tiercel.flows.deploy import deploy_to_preprod
from tiercel.flows.ephemeral_down import ephemeral_down
from tiercel.flows.ephemeral_up import ephemeral_up
from tiercel.flows.promote import promote_to_prod

FLOWS: Mapping[str, Callable[..., Coroutine[Any, Any, Any]]] = {
    "deploy": deploy_to_preprod,
    "up": ephemeral_up,
    "down": ephemeral_down,
    "promote": promote_to_prod,
}


def main() -> None:
    for line in sys.stdin:
        wish = json.loads(line)
        if "wait" in wish:
            said = os.waitstatus_to_exitcode(os.waitpid(wish["wait"], 0)[1])
        else:
            said = os.fork()
            if said == 0:
                _run(wish)
        sys.stdout.write(f"{said}\n")
        sys.stdout.flush()


def _run(wish: dict[str, Any]) -> None:
    """Be the child: never return, whatever happens."""
    code = 1
    try:
        os.environ.update(wish["environment"])
        flow = FLOWS[wish["flow"]]
        result = run_flow(flow, Output(quiet=True), **wish["parameters"]).result
        if flow is deploy_to_preprod:
            _write(wish, {"changed": {name: one.changed for name, one in result.items()}})
        code = 0
    except TiercelError as error:
        _write(wish, {"error": error.failure.document(), "type": type(error).__name__})
        code = int(error.exit_code)
    except BaseException:  # noqa: BLE001 - a child must not go on with its parent's loop
        _write(wish, {"defect": traceback.format_exc()})
    finally:
        os._exit(code)


def _write(wish: dict[str, Any], answer: dict[str, Any]) -> None:
    Path(wish["answers"], f"{os.getpid()}.json").write_text(json.dumps(answer))


if __name__ == "__main__":
    main()
