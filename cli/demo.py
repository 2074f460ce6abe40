"""`tiercel demo`: from a commit to a verified release, on this machine."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import Json, State
from cli.output import Output
from cli.sandbox_commands import start_sandbox
from cli.session import DEFAULT_STATE, use_sandbox

if TYPE_CHECKING:
    from cli.timeline import Step
    from flows.results import Published, Released

_ROOT = Path(__file__).parent.parent
_EXAMPLE = _ROOT / "examples" / "shop"
_CONFIG = _ROOT / "tiercel.toml"
_LEAST_SHOWN_SECONDS = 0.05


@dataclass(frozen=True)
class _Story:
    """What the demo did."""

    repository: str
    commit: str
    published: Mapping[str, Published]
    released: Mapping[str, Released]
    steps: list[Step]


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

    output, began = Output(as_json=as_json), time.monotonic()
    source = _source(output, repository, state)
    output.step("Four AWS accounts and a Prefect server")
    sandbox = start_sandbox(output, state, _CONFIG, latency=latency)
    output.done(f"AWS at {sandbox.aws_endpoint}, Prefect at {sandbox.prefect_ui_url}")
    try:
        story = _play(output, source, state)
    finally:
        if stop:
            lifecycle.down(state)
    seconds = time.monotonic() - began
    output.document(_document(story, seconds))
    if as_json:
        return
    _show(output, story)
    output.done(f"done in {seconds:.0f} s")
    if not stop:
        output.line("The sandbox keeps running; `tiercel sandbox down` stops it.")


def _source(output: Output, repository: Path | None, state: Path) -> Path:
    """Return the folder of the git repository to release, before anything is started."""
    from sandbox.repositories import (  # noqa: PLC0415
        create_from_folder,
        has_uncommitted_changes,
        head,
    )

    if repository is None:
        folder = state / "shop"
        create_from_folder(_EXAMPLE, folder)
        return folder
    head(repository)
    if has_uncommitted_changes(repository):
        output.line(f"{repository} has changes that are not committed: they are left out")
    return repository


def _play(output: Output, source: Path, state: Path) -> _Story:
    use_sandbox(state, _CONFIG)
    # Prefect reads its settings when it is imported: the sandbox's have to be there.
    from cli.import_folder import import_folder  # noqa: PLC0415
    from cli.runs import run_flow  # noqa: PLC0415
    from cli.timeline import read_steps  # noqa: PLC0415
    from flows.deploy import deploy_to_preprod  # noqa: PLC0415
    from flows.publish import publish_artifact  # noqa: PLC0415

    name, commit = import_folder(source, state)
    output.step(f"Publish {name}@{commit[:7]} to Preprod's InfrastructureAccount")
    published = run_flow(
        publish_artifact, output, repository=name, commit=commit, then_deploy=False
    )
    output.step("Deploy it to Preprod's RuntimeAccount")
    released = run_flow(deploy_to_preprod, output, repository=name, commit=commit)
    steps = read_steps([published.run_id, released.run_id])
    return _Story(name, commit, published.result, released.result, steps)


def _show(output: Output, story: _Story) -> None:
    from cli.release_commands import show_published, show_released  # noqa: PLC0415
    from cli.timeline import draw  # noqa: PLC0415

    output.step("What happened")
    output.draw(draw(story.steps, _LEAST_SHOWN_SECONDS))
    show_published(output, story.published)
    show_released(output, story.released)
    for service, released in story.released.items():
        if released.answer:
            output.done(f"{service} answers: {released.answer}")
        for name, value in released.outputs.items():
            output.line(f"{service} has the output {name} = {value}")


def _document(story: _Story, seconds: float) -> dict[str, Any]:
    return {
        "repository": story.repository,
        "commit": story.commit,
        "services": {
            service: {
                "stack": released.stack.name,
                "release": released.release.intent.number,
                "changed": released.changed,
                "digest": released.release.intent.artifact_digest,
                "outputs": released.outputs,
                "answer": released.answer,
            }
            for service, released in story.released.items()
        },
        "timeline": [vars(step) for step in story.steps],
        "seconds": seconds,
    }
