"""`tiercel demo`: from a pull request to Prod, on this machine."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from tiercel.cli.commands.set_up.sandbox import start_sandbox
from tiercel.cli.demo.story import story_of_the_example
from tiercel.cli.terminal.options import JsonOption, StateOption
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.session import DEFAULT_STATE, typed, use_sandbox
from tiercel.tasks.engine.resources import resource

_EXAMPLE = resource("examples", "shop")
_CONFIG = resource("tiercel.toml")
_LEAST_SHOWN_SECONDS = 0.25


def demo(
    *,
    repository: Annotated[
        Path | None,
        typer.Option(help="A clone of your own, of which HEAD is released; else examples/shop."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="The worker's file; else Tiercel's example with an approval for Prod."),
    ] = None,
    state: StateOption = DEFAULT_STATE,
    latency: Annotated[
        int, typer.Option(min=0, max=10_000, help="Milliseconds added to every AWS call.")
    ] = 0,
    stop: Annotated[bool, typer.Option("--stop", help="Stop the sandbox at the end.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Take changes from pull requests through Preprod to Prod and ask both for an answer.

    Nothing outside of the state folder is changed, and neither AWS nor GitHub is needed.
    """
    from tiercel.cli.demo.worker_file import write_worker_file
    from tiercel.sandbox import lifecycle

    output, began = Output(as_json=as_json), time.monotonic()
    source = _source(output, repository, state)
    output.step("Four AWS accounts, GitHub and Prefect on this machine")
    sandbox = start_sandbox(output, state, config or _CONFIG, latency=latency)
    output.done(f"AWS at {sandbox.aws_endpoint}, Prefect at {sandbox.prefect_ui_url}")
    try:
        if config is None:
            config = write_worker_file(sandbox, _CONFIG)
            output.done(f"Prod demands an approval, as {config} says")
        document = _play(output, source, state, config, own=repository is not None)
    finally:
        if stop:
            lifecycle.down(state)
    document["seconds"] = time.monotonic() - began
    output.document(document)
    output.done(f"done in {document['seconds']:.0f} s")
    if not stop:
        down = typed("sandbox", "down", state=state)
        output.line(f"The sandbox keeps running; `{down}` stops it.")


def _source(output: Output, repository: Path | None, state: Path) -> Path:
    """Return the folder of the git repository to release, before anything is started."""
    from tiercel.sandbox.repositories import create_from_folder, has_uncommitted_changes, head

    if repository is None:
        folder = state / "shop"
        create_from_folder(_EXAMPLE, folder)
        return folder
    head(repository)
    if has_uncommitted_changes(repository):
        output.line(f"{repository} has changes that are not committed: they are left out")
    return repository


def _play(output: Output, source: Path, state: Path, config: Path, *, own: bool) -> dict[str, Any]:
    use_sandbox(state, config)
    # Prefect reads its settings when it is imported: the sandbox's have to be there.
    from tiercel.cli.demo.acts import play, release_what_is_left
    from tiercel.cli.demo.own import next_chapter
    from tiercel.cli.demo.stage import Stage
    from tiercel.cli.demo.timeline import draw, read_steps
    from tiercel.cli.terminal.import_folder import import_folder
    from tiercel.tasks.build.places import find_place
    from tiercel.tasks.source.topology_file import read_topology

    place = find_place.fn(read_topology(config).builds)
    output.done(f"builds and tests run in the place `{place}`")
    name, _ = import_folder(source, state, once=True, newer=own)
    stage = Stage.of(output, state, config, name, own=own)
    for chapter in [next_chapter(stage, source)] if own else story_of_the_example():
        play(stage, chapter)
    release_what_is_left(stage)
    steps = read_steps(stage.runs)
    if not output.as_json:
        output.step("What happened")
        output.draw(draw(steps, _LEAST_SHOWN_SECONDS))
        stage.show_what_is_live()
    return stage.document() | {"builds": place, "timeline": [vars(step) for step in steps]}
