"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

SandboxOption = Annotated[
    bool, typer.Option("--sandbox", "-s", help="Work in the running sandbox and not in AWS.")
]
LocalOption = Annotated[
    bool, typer.Option("--local", help="Run the flow in this process, not through a worker.")
]
StateOption = Annotated[Path, typer.Option("--state", help="The folder of the sandbox's state.")]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="The configuration; else TIERCEL_CONFIG, else ./tiercel.toml."),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on standard output.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
VerboseOption = Annotated[
    bool, typer.Option("--verbose", "-v", help="Each line of the run's log, as it comes.")
]
RepositoryArgument = Annotated[
    str, typer.Argument(help="The GitHub repository, owner/name; in the sandbox also a folder.")
]
RevertDriftOption = Annotated[
    bool,
    typer.Option("--revert-drift", help="Bring back what was changed past CloudFormation."),
]
RevisionArgument = Annotated[str, typer.Argument(help="A commit id, or a branch.")]
StackArgument = Annotated[str, typer.Argument(help="The stack, as `tiercel status` names it.")]
