"""The script that calls AWS's builders, with stand-ins for the tools that machines may lack."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

from tests.support.packages import function, runs
from tiercel.domain.packaging.lambda_builders import (
    DOTNET,
    GO,
    GRADLE,
    MAVEN,
    RUBY,
    RUST,
    FunctionBuilder,
    build_request,
)
from tiercel.domain.template.assets import Asset
from tiercel.tasks.packaging import lambda_build

pytestmark = pytest.mark.process
SCRIPT = Path(lambda_build.__file__)
TOOLS = {
    "bundle": "",
    "cargo": 'case "$1" in lambda) mkdir -p target/lambda/one; touch target/lambda/one/bootstrap;; '
    'metadata) echo "{\\"packages\\": []}";; esac',
    "cargo-lambda": "",
    "dotnet": 'case "$*" in *package*) cp ../made.zip "$4";; esac',
    "go": 'case "$1" in version) echo go version go1.22 linux/amd64;; *) touch "$3";; esac',
    "gradle": 'case "$*" in *version*) echo "JVM: 17.0.1";; *) '
    'for one in "$@"; do case $one in -Dsoftware.amazon.aws.lambdabuilders.scratch-dir=*) '
    'd="${one#*=}";; esac; done; mkdir -p "$d"/x;; esac',
    "mvn": 'case "$*" in *-v*) echo "Java version: 17.0.1,";; *) mkdir -p target/classes; '
    "touch target/classes/App.class;; esac",
    "ruby": "",
}


@pytest.mark.parametrize(
    ("what", "builder", "made", "commands"),
    [
        (
            runs("java17"),
            MAVEN,
            {"App.class"},
            {"mvn clean install", "mvn dependency:copy-dependencies"},
        ),
        (
            runs("provided.al2023", handler="bootstrap", architectures=("arm64",)),
            GO,
            {"bootstrap"},
            {"go build -o"},
        ),
        (
            runs("ruby3.3"),
            RUBY,
            {"Gemfile"},
            {"bundle install", "bundle config set --local deployment"},
        ),
        (runs("dotnet8"), DOTNET, {"App.dll"}, {"dotnet lambda package", "--runtime linux-x64"}),
        (
            runs("provided.al2023", metadata={"BuildProperties": {"Binary": "one"}}),
            RUST,
            {"bootstrap"},
            {"cargo lambda build --release", "--bin one"},
        ),
    ],
    ids=lambda one: one.shown if isinstance(one, FunctionBuilder) else "",
)
def test_a_builder_runs_its_tools_and_gives_what_they_have_made(
    tmp_path: Path, what: Asset, builder: FunctionBuilder, made: set[str], commands: set[str]
) -> None:
    found, ran = run(tmp_path, what, builder)
    assert not found.returncode, found.stderr
    names = {path.name for path in (tmp_path / "made").rglob("*") if path.is_file()}
    assert made <= names
    assert all(any(one in line for line in ran) for one in commands), ran


def test_gradle_is_told_where_to_build(tmp_path: Path) -> None:
    _, ran = run(tmp_path, runs("java17"), GRADLE)
    assert any("gradle build" in line and "--init-script" in line for line in ran), ran


def test_a_build_that_fails_ends_with_the_builders_words(tmp_path: Path) -> None:
    found, _ = run(tmp_path, function(), MAVEN, mvn="echo no such goal; exit 1")
    assert found.returncode == 1
    assert "no such goal" in found.stderr


def test_java_is_told_the_proxy_of_the_build() -> None:
    asked = {"scripts": False, "capability": ["nodejs", "npm-esbuild", None]}
    told = lambda_build.environment(asked, "http://127.0.0.1:4000")
    assert "-Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=4000" in told["JAVA_TOOL_OPTIONS"]
    assert told["npm_config_ignore_scripts"] == "true"
    assert told["npm_config_include"] == "dev"
    asked = {"scripts": True, "capability": ["java", "maven", None]}
    assert (
        not {"JAVA_TOOL_OPTIONS", "npm_config_include"} & lambda_build.environment(asked, "").keys()
    )


def run(
    folder: Path, what: Asset, builder: FunctionBuilder, **others: str
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run the script with stand-ins for tools; return how it ended and what it has run."""
    source, programs = folder / "source", folder / "bin"
    for path in (source, programs):
        path.mkdir()
    (source / ("App.csproj" if builder == DOTNET else builder.manifest)).write_text("x")
    (folder / "zip").mkdir()
    (folder / "zip/App.dll").write_text("x")
    shutil.make_archive(str(folder / "made"), "zip", folder / "zip")
    for name, script in (TOOLS | others).items():
        program = programs / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >> {folder}/ran\n{script}\n')
        program.chmod(0o755)
    request = build_request(what, builder, "src") | {
        "library": str(distribution("aws-lambda-builders").locate_file("")),
        "made": "../made",
        "scripts": False,
    }
    found = subprocess.run(
        (sys.executable, "-I", str(SCRIPT), json.dumps(request)),
        cwd=source,
        env={
            "PATH": f"{programs}{os.pathsep}/usr/bin{os.pathsep}/bin",
            "HOME": str(folder),
            "TMPDIR": str(folder),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    log = folder / "ran"
    return found, log.read_text().splitlines() if log.exists() else []
