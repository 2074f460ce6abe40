"""Calls `aws-lambda-builders` for one function, where the repository's commands run.

Runs by itself, as `python -I lambda_build.py REQUEST`, beside programs that nobody has reviewed:
it needs nothing of Tiercel. REQUEST is JSON, made by `builders.py`.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_SCRATCH = "tiercel-function"


def environment(request: dict[str, Any], proxy: str) -> dict[str, str]:
    """Return what the programs of builders have to be told beside the place's own variables.

    Java asks no variable for a proxy: https://docs.oracle.com/en/java/javase/21/core/java-networking.html
    """
    told = {
        "npm_config_audit": "false",
        "npm_config_fund": "false",
        "npm_config_update_notifier": "false",
        "npm_config_ignore_scripts": "false" if request["scripts"] else "true",
        "DOTNET_CLI_TELEMETRY_OPTOUT": "1",
        "DOTNET_NOLOGO": "1",
        "GOFLAGS": "-buildvcs=false",
        "GRADLE_OPTS": "-Dorg.gradle.daemon=false",
    }
    if request["capability"][1] == "npm-esbuild":
        # A bundle holds what is imported: esbuild itself and presets of TypeScript may be for
        # development, and have to be there.
        told["npm_config_include"] = "dev"
    address = urlsplit(proxy)
    if address.hostname:
        options = " ".join(
            f"-D{kind}.proxyHost={address.hostname} -D{kind}.proxyPort={address.port}"
            for kind in ("http", "https")
        )
        told["JAVA_TOOL_OPTIONS"] = options
    return told


def working_folder(request: dict[str, Any], source: Path, scratch: Path) -> Path:
    """Return where make works: a folder of the source is in the copy that the library makes."""
    path = Path(os.path.normpath(source / request["working"]))
    return scratch / path.relative_to(source) if path.is_relative_to(source) else path


def build(request: dict[str, Any]) -> None:
    """Build what the request names, from the current folder."""
    from aws_lambda_builders.builder import LambdaBuilder  # noqa: PLC0415 - found by main()

    source, made = Path.cwd(), Path(os.path.abspath(request["made"]))  # noqa: PTH100 - no links
    made.mkdir(parents=True, exist_ok=True)
    # Of one name for every build: maps of sources and programs have paths in them.
    scratch = Path(tempfile.gettempdir(), _SCRATCH)
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    options = request["options"]
    if request["working"]:
        options = {**options, "working_directory": str(working_folder(request, source, scratch))}
    LambdaBuilder(*request["capability"]).build(
        str(source),
        str(made),
        str(scratch),
        str(source / request["manifest"]),
        runtime=request["runtime"],
        unpatched_runtime=request["runtime"],
        architecture=request["architecture"],
        options=options,
        is_building_layer=request["is_building_layer"],
        executable_search_paths=[str(source / name) for name in request["search"]] or None,
        build_in_source=request["in_source"] or None,
        download_dependencies=not request["in_source"],
    )


def main() -> None:
    """Read the request, build, and end with the builder's own words if it fails."""
    request = json.loads(sys.argv[1])
    if Path(request["library"], "aws_lambda_builders").is_dir():
        sys.path.append(request["library"])
    os.environ.update(environment(request, os.environ.get("HTTPS_PROXY", "")))
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    # Maven says what is wrong where the library writes it for developers alone.
    logging.getLogger("aws_lambda_builders.workflows.java_maven.maven").setLevel(logging.DEBUG)
    try:
        build(request)
    except Exception as error:  # noqa: BLE001 - the library's own are of several kinds
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
