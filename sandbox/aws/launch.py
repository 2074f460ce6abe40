"""Starts the process that serves the emulated AWS, on loopback only."""

from __future__ import annotations

import importlib.util
import os
import secrets
import sys
from collections.abc import Callable

from tiercel.sandbox.accounts.github_tokens import TokenIssuer
from tiercel.sandbox.machine import processes, state_folder
from tiercel.sandbox.machine.layout import Layout
from tiercel.sandbox.machine.processes import HOST
from tiercel.sandbox.machine.readiness import await_answer
from tiercel.sandbox.machine.record import Server, write_text

HEALTH_PATH = "/_ministack/health"
_PATIENCE_SECONDS = 60.0
_WARM_FUNCTION_SECONDS = 300


def start_aws(
    layout: Layout,
    port: int,
    region: str,
    *,
    latency_ms: int = 0,
    stack_seconds: float = 0,
    enforce: bool = True,
) -> Server:
    """Start the emulated AWS and return it; it may not answer yet.

    `port` 0 lets the operating system choose one. Without `enforce` nobody is refused
    anything, which is for measuring alone. Raises TiercelError when the emulator is not
    installed or the port is taken.
    """
    if importlib.util.find_spec("ministack") is None:
        raise processes.not_installed("ministack")
    state_folder.prepare_link(layout.emulator)
    TokenIssuer.of(layout)  # its public keys are there before anybody shows a token
    with processes.bind(port) as listener:
        port = int(listener.getsockname()[1])
        arguments = [
            *(sys.executable, "-m", "tiercel.sandbox.aws.server"),
            *("--descriptor", str(listener.fileno())),
            *("--journal", str(layout.journal)),
            *("--latency-ms", str(latency_ms)),
            *("--stack-seconds", str(stack_seconds)),
            *("--token-keys", str(layout.issuer_keys)),
        ]
        environment = _environment(layout, port, region, enforce=enforce)
        process = processes.start(
            arguments, environment, layout.aws_log, inherit=(listener.fileno(),)
        )
    return Server(process, port)


def await_aws(layout: Layout, server: Server, report: Callable[[str], None]) -> None:
    """Return when the emulated AWS answers; TiercelError when it does not."""
    await_answer("the emulated AWS", server, HEALTH_PATH, layout.aws_log, _PATIENCE_SECONDS, report)


def root_secret(layout: Layout) -> str:
    """Return the secret access key of the account roots: random, one per sandbox."""
    if not layout.secret.exists():
        write_text(layout.secret, secrets.token_urlsafe(30))
    return layout.secret.read_text("utf-8")


def _environment(layout: Layout, port: int, region: str, *, enforce: bool) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(layout.home),
        "TMPDIR": str(layout.temporary),
        "LANG": "C.UTF-8",
        "BIND_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": region,
        "AUTH": str(enforce).lower(),
        "AWS_SECRET_ACCESS_KEY": root_secret(layout),
        "PERSIST_STATE": "1",
        "STATE_DIR": str(layout.emulator),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(layout.objects),
        "LAMBDA_WARM_TTL_SECONDS": str(_WARM_FUNCTION_SECONDS),
        # No other listeners of the emulator's, and no containers: the sandbox is this one process.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": f"unix://{layout.root}/no-docker.sock",
    }
