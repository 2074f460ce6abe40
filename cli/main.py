"""The `tiercel` command."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from tiercel.cli.terminal.command_list import COMMANDS, overview
from tiercel.cli.terminal.failures import defect, interrupted, nothing_started
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.running.streams import drop_what_cannot_be_shown
from tiercel.cli.terminal.session import quiet_prefect
from tiercel.domain.base.errors import ExitCode, TiercelError
from tiercel.tasks.engine.garbage import import_first

COMPLETING = "_TIERCEL_COMPLETE"
"""By this variable a shell asks what may come next."""


class _Commands(MutableMapping[str, Any]):
    """The commands by name, made when they are asked for."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = _made(name, *COMMANDS[name].where.split(":"))
        return self._made[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._made[name] = command

    def __delitem__(self, name: str) -> None:
        raise NotImplementedError

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


def _made(name: str, module: str, attribute: str) -> Any:
    """Return a command for the parser: a function, or the commands of a group."""
    found = getattr(import_module(module), attribute)
    if not isinstance(found, typer.Typer):
        function, found = found, typer.Typer(rich_markup_mode="rich", add_completion=False)
        found.command(name)(function)
    command = typer.main.get_command(found)
    command.name = name
    return command


class _Tiercel(TyperGroup):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = _Commands()

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print what `tiercel --help` prints, which is made of the same list."""
        del ctx, formatter
        typer.echo(overview())

    def invoke(self, ctx: Any) -> Any:
        """Run a command; Typer would end it at Ctrl-C without a word and without a document."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise interrupted() from None
        except typer.Abort:  # at a question, before anything was started
            raise nothing_started() from None


app = typer.Typer(
    cls=_Tiercel,
    name="tiercel",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - what Typer calls it with
    if wanted:
        from importlib import metadata

        typer.echo(f"tiercel {metadata.version('tiercel')}")
        raise typer.Exit


@app.callback()
def tiercel(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    """GitFlow releases from GitHub to pairs of AWS accounts."""


def _without_pyopenssl() -> None:
    """Keep botocore from importing pyOpenSSL, which takes a tenth of a second.

    It looks there for a class that urllib3 1 had put away. Where it does not find it, it takes the
    class itself: https://github.com/boto/botocore/blob/develop/botocore/httpsession.py
    """
    sys.modules.setdefault("urllib3.contrib.pyopenssl", None)  # type: ignore[arg-type]


def main() -> None:
    """Run the command and end with one of the exit codes of docs/use/cli.md."""
    # Last of all: to look through all that was imported for garbage takes a quarter of a second.
    atexit.register(gc.freeze)
    import_first()
    _without_pyopenssl()
    drop_what_cannot_be_shown()
    quiet_prefect()
    if os.environ.get(COMPLETING):
        from typer.completion import completion_init  # type: ignore[attr-defined]

        completion_init()
    output = Output(as_json="--json" in sys.argv)
    try:
        app()
    except TiercelError as error:
        output.error(error)
        sys.exit(error.exit_code)
    except Exception as error:
        if os.environ.get("TIERCEL_DEBUG"):
            raise
        output.error(defect(error))
        sys.exit(ExitCode.INTERNAL)
