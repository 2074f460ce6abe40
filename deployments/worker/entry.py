"""What the image starts in a task or pod of a run, whatever command it is told.

A run's command and variables come from Prefect's server, by its work pool, its deployment and
itself. Here the variables are cut down to those that a run needs, before anything reads them, and
the image's own win. Then `tiercel.deployments.worker.task_run` compares the run with what is
installed.

    python -I -m tiercel.deployments.worker.entry
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

IMAGE_ENVIRONMENT = Path("/etc/tiercel/image.env")
"""The variables of the image, one `NAME=value` a line, as they were when it was built."""
TAKEN = frozenset(
    {
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_ROLE_ARN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "GITHUB_APP_ID",
        "GITHUB_APP_INSTALLATION_ID",
        "GITHUB_APP_PRIVATE_KEY",
        "GITHUB_APP_PRIVATE_KEY_FILE",
        "GITHUB_TOKEN",
        "GITHUB_VERIFY_TOKEN",
        "HOME",
        "HOSTNAME",
        "PREFECT_API_AUTH_STRING",
        "PREFECT_API_KEY",
        "PREFECT_API_URL",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY",
        "PREFECT__FLOW_RUN_ID",
        "TZ",
    }
)
"""None of them says which code runs, or which server is believed about AWS and GitHub."""


def main() -> None:
    """Become the process that executes the run, with its own variables and no others."""
    own = IMAGE_ENVIRONMENT.read_text("utf-8") if IMAGE_ENVIRONMENT.exists() else ""
    command = [sys.executable, "-I", "-m", "tiercel.deployments.worker.task_run"]
    os.execve(sys.executable, command, run_environment(os.environ, own))  # noqa: S606 - no shell


def run_environment(told: Mapping[str, str], image: str) -> dict[str, str]:
    """Return the variables of a run: what it may be told, and what the image says itself."""
    own = dict(line.split("=", 1) for line in image.splitlines() if "=" in line)
    return {name: value for name, value in told.items() if name in TAKEN} | own


if __name__ == "__main__":
    main()
