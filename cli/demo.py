"""`tiercel demo`: from a commit to a verified release, on this machine."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from cli import sandbox_commands
from cli.options import Json, State
from cli.output import Output
from cli.session import DEFAULT_STATE, use_sandbox

_ROOT = Path(__file__).parent.parent
_EXAMPLE = _ROOT / "examples" / "shop"
_CONFIG = _ROOT / "tiercel.toml"
_LEAST_SHOWN_SECONDS = 0.05


def demo(
    *,
    repository: Annotated[
        Path | None,
        typer.Option(help="A clone of your own, of which HEAD is released; else examples/shop."),
    ] = None,
    state: State = DEFAULT_STATE,
    latency: Annotated[
        int, typer.Option(min=0, max=10_000, help="Milliseconds added to every AWS call.")
    ] = 0,
    stop: Annotated[bool, typer.Option("--stop", help="Stop the sandbox at the end.")] = False,
    as_json: Json = False,
) -> None:
    """Start the sandbox, publish a commit, deploy it to Preprod and ask it for an answer.

    Nothing outside of the state folder is changed, and no AWS account is needed.
    """
    from sandbox import lifecycle  # noqa: PLC0415 - an extra that may be absent

    output = Output(as_json=as_json)
    began = time.monotonic()
    output.step("Four AWS accounts and a Prefect server")
    sandbox_commands.up(state=state, config=_CONFIG, latency=latency, as_json=False)
    started = time.monotonic()
    try:
        document = _release(output, repository, state)
    finally:
        if stop:
            lifecycle.down(state)
    document["seconds"] = {"sandbox": started - began, "all": time.monotonic() - began}
    output.document(document)
    if not as_json:
        output.done(f"done in {time.monotonic() - began:.0f} s")
        if not stop:
            output.line("The sandbox keeps running: stop it with `tiercel sandbox down`.")


def _release(output: Output, repository: Path | None, state: Path) -> dict[str, object]:
    from cli.import_folder import import_folder  # noqa: PLC0415
    from cli.release_commands import show_published, show_released  # noqa: PLC0415
    from cli.runs import run_flow  # noqa: PLC0415
    from cli.timeline import draw, read_steps  # noqa: PLC0415
    from sandbox.repositories import create_from_folder, has_uncommitted_changes  # noqa: PLC0415

    use_sandbox(state, _CONFIG)
    if repository is None:
        repository = state / "shop"
        create_from_folder(_EXAMPLE, repository)
    elif has_uncommitted_changes(repository):
        output.line(f"{repository} has changes that are not committed: they are left out")
    name, commit = import_folder(repository, state)
    from flows.deploy import deploy_to_preprod  # noqa: PLC0415
    from flows.publish import publish_artifact  # noqa: PLC0415

    quietly = Output(quiet=output.as_json)
    output.step(f"Publish {name}@{commit[:7]} to Preprod's InfrastructureAccount")
    published = run_flow(publish_artifact, output, repository=name, commit=commit)
    output.step("Deploy it to Preprod's RuntimeAccount")
    released = run_flow(deploy_to_preprod, output, repository=name, commit=commit)
    steps = read_steps([published.run_id, released.run_id])
    if not output.as_json:
        output.step("What happened")
        show_published(output, published.result)
        show_released(output, released.result)
        quietly.progress_console.print(draw(steps, _LEAST_SHOWN_SECONDS))
        for service, result in released.result.items():
            answer = result.release.outcome.smoke_test if result.release.outcome else ""
            if answer:
                output.done(f"{service} answers: {answer}")
    return {
        "repository": name,
        "commit": commit,
        "services": {
            service: {"stack": result.stack.name, "outputs": result.outputs}
            for service, result in released.result.items()
        },
        "timeline": [vars(step) for step in steps],
    }
