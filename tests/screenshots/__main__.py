"""`make screenshots`: the pictures in `docs/use/images`, of the sandbox's demo and its drill.

    python -m tests.screenshots [--state FOLDER] [--into FOLDER] [--only NAME]

With `--state` the sandbox there, in which the demo has run, is looked at and left running; a drill
has a sandbox of its own. Without a Chromium nothing is taken: Debian has one as
`apt-get install chromium`.
"""

# ruff: noqa: T201 - this is a command
from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Sequence
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

DRILL = {
    "drill": Window(1100, 1330),
    "drill-phone": Window(500, 1500, phone=True, dark=True),
}
"""How the page that `make drill` writes is looked at."""
_DRILL_PAGE = Path(".tiercel/drill/drill.html")


def main() -> int:
    """Return 0 if every picture was taken, or none because there is no browser."""
    options = _options()
    program = chromium()
    if program is None:
        print(f"no Chromium is installed, so these are not taken: {', '.join(options.only)}")
        return 0
    shots = [shot for shot in SHOTS if shot.name in options.only]
    with tempfile.TemporaryDirectory(prefix="tiercel-screenshots-") as folder:
        failed = _of_demo(program, shots, options, Path(folder)) if shots else 0
        _of_drill(program, DRILL.keys() & options.only, options.into, Path(folder))
    return failed


def _of_demo(program: str, shots: Sequence[Shot], options: argparse.Namespace, folder: Path) -> int:
    """Take pictures of the sandbox that was named, or else of one for it."""
    if options.state:
        return _taken(program, shots, options.state, options.into)
    state = folder / "sandbox"
    try:
        subprocess.run([*_TIERCEL, "demo", "--state", str(state)], check=True)
        return _taken(program, shots, state, options.into)
    finally:
        subprocess.run([*_TIERCEL, "sandbox", "down", "--state", str(state)], check=False)


def _of_drill(program: str, names: Collection[str], into: Path, folder: Path) -> None:
    """Have a drill in the folder, and take pictures of its page."""
    if not names:
        return
    subprocess.run([sys.executable, "-P", "-m", "tiercel.cli.demo.drill"], check=True, cwd=folder)
    address = (folder / _DRILL_PAGE).as_uri()
    with browser(program) as page:
        for name in sorted(names):
            page.open(address, DRILL[name], "Critical path")
            page.picture(into / f"{name}.png")
            print(f"{name}: {address}")


def _taken(program: str, shots: Sequence[Shot], state: Path, into: Path) -> int:
    sandbox = status(state)
    if sandbox is None:
        print(f"no sandbox runs in {state}")
        return 1
    # The demo runs its flows by itself; what people start them by has to be there to be seen.
    subprocess.run([*_TIERCEL, "sandbox", "up", "--workers", "--state", str(state)], check=True)
    with browser(program) as page:
        for shot in shots:
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
    names = [*(shot.name for shot in SHOTS), *DRILL]
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="which pictures")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
