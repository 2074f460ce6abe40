"""`tiercel demo`: from a pull request to Prod, on this machine."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tiercel.cli.commands.set_up.sandbox import start_sandbox
from tiercel.cli.demo.story import story_of_the_example
from tiercel.cli.terminal.options import JsonOption, StateOption, VerboseOption
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.session import DEFAULT_STATE, use_sandbox
from tiercel.tasks.engine.resources import resource

if TYPE_CHECKING:
    from tiercel.cli.demo.stage import Stage

_EXAMPLE = resource("examples", "shop")
_CONFIG = resource("tiercel.toml")


def demo(  # noqa: PLR0913 - the options of the command
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
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take changes from pull requests through Preprod to Prod and ask both for an answer.

    Nothing outside of the state folder is changed, and neither AWS nor GitHub is needed.
    """
    from tiercel.cli.demo.worker_file import write_worker_file
    from tiercel.sandbox import lifecycle

    output, began = Output(as_json=as_json, verbose=verbose), time.monotonic()
    source = _source(output, repository, state)
    output.step("Four AWS accounts, GitHub and Prefect on this machine")
    sandbox = start_sandbox(output, state, config or _CONFIG, latency=latency)
    output.done(f"AWS at {sandbox.aws_endpoint}, Prefect at {sandbox.prefect_ui_url}")
    try:
        if config is None:
            config = write_worker_file(sandbox, _CONFIG)
            output.done(f"Prod demands an approval, as {config} says")
        stage, document = _play(output, source, state, config, own=repository is not None)
    finally:
        if stop:
            lifecycle.down(state)
    if not stop and not as_json:
        from tiercel.cli.demo.afterwards import show_what_is_next

        show_what_is_next(stage, str(sandbox.prefect_ui_url))
    document["seconds"] = time.monotonic() - began
    output.document("demo", document)
    output.done(f"done in {document['seconds']:.0f} s")


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


def _play(
    output: Output, source: Path, state: Path, config: Path, *, own: bool
) -> tuple[Stage, dict[str, Any]]:
    use_sandbox(state, config)
    # Prefect reads its settings when it is imported: the sandbox's have to be there.
    with output.waiting("loading the flows"):
        from tiercel.cli.demo.acts import play, release_what_is_left
    from tiercel.cli.demo.afterwards import show_what_happened
    from tiercel.cli.demo.own import next_chapter
    from tiercel.cli.demo.stage import Stage
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
    timeline = show_what_happened(stage)
    return stage, stage.document() | {"builds": place, "timeline": timeline}
