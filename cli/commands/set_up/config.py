"""`tiercel config`: look at a configuration without calling anything."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tiercel.cli.terminal.options import JsonOption
from tiercel.cli.terminal.output import Output

if TYPE_CHECKING:
    from tiercel.domain.organization.topology import Topology

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="The configuration, tiercel.toml."
)


@app.command()
def check(
    path: Annotated[
        Path | None,
        typer.Argument(help="The file; else TIERCEL_CONFIG, else ./tiercel.toml."),
    ] = None,
    *,
    config: Annotated[
        Path | None,
        typer.Option(
            help="Of a file that has services alone: the worker's, with its environments."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check a configuration; every wrong key is named with its line. Nothing is called."""
    from tiercel.tasks.engine.policy_files import require_fitting_policies
    from tiercel.tasks.source.topology_file import config_path, read_either

    output = Output(as_json=as_json)
    path = path or config_path()
    topology, services_alone = read_either(path, config)
    if not services_alone:
        require_fitting_policies(topology, str(path))
    if as_json:
        only = {"services"} if services_alone else None
        output.document("config", topology.model_dump(mode="json", include=only))
        return
    if services_alone:
        output.result(f"{path} is right; it describes services alone")
    else:
        _show_environments(output, topology, path)
    _show_services(output, topology)


@app.command()
def schema() -> None:
    """Print the JSON Schema of tiercel.toml, by which editors complete and check it."""
    import json

    from tiercel.domain.configuration.schema import configuration_schema

    sys.stdout.write(json.dumps(configuration_schema(), indent=2) + "\n")


def _show_environments(output: Output, topology: Topology, path: Path) -> None:
    from tiercel.domain.organization.names import Names

    rows = []
    for name, environment in topology.environments.items():
        names = Names.of(topology, name)
        rows += [
            (name, environment.branch, environment.region, "InfrastructureAccount",
             environment.infrastructure_account, names.artifact_bucket),
            ("", "", "", "RuntimeAccount", environment.runtime_account, names.staging_bucket),
        ]  # fmt: skip
    output.table(
        f"{path} is right", ("environment", "branch", "region", "", "account", "bucket"), rows
    )


def _show_services(output: Output, topology: Topology) -> None:
    output.table(
        "Services",
        ("service", "folder", "after", "smoke test"),
        [
            (
                service.name,
                service.path,
                ", ".join(service.depends_on),
                "yes" if service.smoke_test else "no",
            )
            for service in topology.services.values()
        ],
    )


@app.command()
def fragment(
    types: Annotated[list[str], typer.Argument(help="Such as AWS::DMS::Endpoint, of one service.")],
    *,
    region: Annotated[str, typer.Option(help="Whose types AWS publishes.")] = "us-east-1",
) -> None:
    """Draft stack-services/NAME.json for types of a service that Tiercel does not list."""
    from tiercel.domain.review.templates.drafted_fragments import (
        drafted_fragment,
        require_region,
        service_of,
    )
    from tiercel.tasks.stack.service_role import published_handlers

    published = published_handlers(require_region(region), types)
    service = service_of(types, published)
    sys.stdout.write(drafted_fragment(service, published.values()))
