"""`make screenshots`: the pictures of Prefect in `docs/use/images`, taken of the sandbox's demo.

    python -m tests.screenshots [--state FOLDER] [--into FOLDER]

With `--state` the sandbox there, in which the demo has run, is looked at and left running. Without
a Chromium nothing is taken: Debian has one as `apt-get install chromium`.
"""

# ruff: noqa: T201 - this is a command
from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.screenshots.browser import Browser, Window, browser, chromium
from tests.support.prefect_api import PrefectApi
from tiercel.sandbox.lifecycle import Sandbox, status

IMAGES = Path(__file__).parents[2] / "docs" / "use" / "images"
_TIERCEL = (sys.executable, "-P", "-m", "tiercel")


@dataclass(frozen=True)
class Shot:
    """A picture: where to go, what has to be there before it is taken, and what to do first."""

    name: str
    address: Callable[[PrefectApi], str]
    wait_for: str
    window: Window = field(default_factory=Window)
    script: str = ""


def _key(key: str) -> Callable[[PrefectApi], str]:
    return lambda _: f"artifacts/key/{key}"


def _newest(key: str) -> Callable[[PrefectApi], str]:
    def address(api: PrefectApi) -> str:
        (found,) = api.call(
            "POST", "artifacts/latest/filter", {"artifacts": {"key": {"any_": [key]}}}
        )
        return f"artifacts/artifact/{found['latest_id']}"

    return address


def _newest_promotion(api: PrefectApi) -> str:
    wanted = {"flows": {"name": {"any_": ["promote-to-prod"]}}, "sort": "START_TIME_DESC"}
    runs = api.call("POST", "flow_runs/filter", wanted)
    return f"runs/flow-run/{runs[0]['id']}"


SHOTS = (
    Shot("prefect-deployments", lambda _: "deployments", "deploy-to-preprod", Window(1680, 800)),
    Shot("prefect-timeline", _newest_promotion, "Artifacts", Window(1280, 1000)),
    Shot("prefect-plan", _newest("plan-acme-prod-orders"), "Plan digest", Window(1480, 1100)),
    Shot("prefect-board", _key("board"), "same", Window(1280, 640)),
    Shot("prefect-live", _key("live-prod"), "As the ledger has it", Window(1280, 640)),
)


def main() -> int:
    """Return 0 if every picture was taken, or none because there is no browser."""
    options = _options()
    program = chromium()
    if program is None:
        names = ", ".join(shot.name for shot in SHOTS)
        print(f"no Chromium is installed, so these are not taken: {names}")
        return 0
    if options.state:
        return _taken(program, options.state, options.into)
    with tempfile.TemporaryDirectory(prefix="tiercel-screenshots-") as folder:
        state = Path(folder) / "sandbox"
        try:
            subprocess.run([*_TIERCEL, "demo", "--state", str(state)], check=True)
            return _taken(program, state, options.into)
        finally:
            subprocess.run([*_TIERCEL, "sandbox", "down", "--state", str(state)], check=False)


def _taken(program: str, state: Path, into: Path) -> int:
    sandbox = status(state)
    if sandbox is None:
        print(f"no sandbox runs in {state}")
        return 1
    # The demo runs its flows by itself; what people start them by has to be there to be seen.
    subprocess.run([*_TIERCEL, "sandbox", "up", "--workers", "--state", str(state)], check=True)
    with browser(program) as page:
        for shot in SHOTS:
            _take(page, sandbox, shot, into)
    return 0


def _take(page: Browser, sandbox: Sandbox, shot: Shot, into: Path) -> None:
    api = PrefectApi(f"{sandbox.prefect_ui_url}/api")
    address = f"{sandbox.prefect_ui_url}/{shot.address(api)}"
    page.open(address, shot.window, shot.wait_for)
    if shot.script:
        page.run(shot.script, shot.wait_for)
    page.picture(into / f"{shot.name}.png")
    print(f"{shot.name}: {address}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.screenshots")
    parser.add_argument("--state", type=Path, help="a sandbox in which the demo has run")
    parser.add_argument("--into", type=Path, default=IMAGES, help="where the pictures go")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
