"""The `tiercel` command."""

from __future__ import annotations

import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from tiercel.cli.commands import (
    check as check_command,
)
from tiercel.cli.commands import (
    config as config_commands,
)
from tiercel.cli.commands import (
    ledger as ledger_copy_commands,
)
from tiercel.cli.commands import (
    provision as provision_command,
)
from tiercel.cli.commands import (
    release as release_commands,
)
from tiercel.cli.commands import (
    releases as ledger_commands,
)
from tiercel.cli.commands import (
    rollback as rollback_commands,
)
from tiercel.cli.commands import (
    sandbox as sandbox_commands,
)
from tiercel.cli.commands import (
    up as up_command,
)
from tiercel.cli.commands import (
    verify_artifact as artifact_command,
)
from tiercel.cli.demo import command as demo
from tiercel.cli.terminal.failures import defect, interrupted
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.session import quiet_prefect
from tiercel.domain.base.errors import ExitCode, TiercelError


class _Commands(TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        """Run a command; Typer would end it at Ctrl-C without a word and without a document."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise interrupted() from None


app = typer.Typer(
    cls=_Commands,
    name="tiercel",
    help="GitFlow releases from GitHub to pairs of AWS accounts.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.add_typer(sandbox_commands.app, name="sandbox", help="Four AWS accounts on this machine.")
app.add_typer(config_commands.app, name="config", help="The configuration, tiercel.toml.")
app.add_typer(ledger_copy_commands.app, name="ledger", help="An environment's history as files.")
app.command("up")(up_command.up)
app.command("provision")(provision_command.provision)
app.command("demo")(demo.demo)
app.command("check")(check_command.check)
app.command("publish")(release_commands.publish)
app.command("deploy")(release_commands.deploy)
app.command("verify")(release_commands.verify)
app.command("promote")(release_commands.promote)
app.command("rollback")(rollback_commands.rollback)
app.command("reject")(rollback_commands.reject)
app.command("status")(ledger_commands.status)
app.command("releases")(ledger_commands.releases)
app.command("verify-artifact")(artifact_command.verify_artifact)


def main() -> None:
    """Run the command and end with one of the exit codes of docs/use/cli.md."""
    quiet_prefect()
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
