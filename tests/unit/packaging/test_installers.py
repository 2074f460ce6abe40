from __future__ import annotations

import pytest
import yaml

from tests.support.codes import because
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.packaging.installers import (
    berry_settings,
    is_left_out,
    node_install,
    python_install,
    python_platform,
    uv_export,
)
from tiercel.domain.packaging.machines import LambdaMachine, machine_of
from tiercel.domain.packaging.node_manifests import NodeManifest

UV = "/opt/tiercel/bin/uv"
X86 = LambdaMachine(architectures=("x86_64",), glibc=(2, 34), python=(3, 12))
ARM = LambdaMachine(architectures=("arm64",), glibc=(2, 26), python=(3, 11))
NPM = NodeManifest(manager="npm", locked=True)


def option(command: tuple[str, ...], name: str) -> str:
    return command[command.index(name) + 1]


def node(
    manifest: NodeManifest,
    machine: LambdaMachine = X86,
    *,
    runs_code: bool = True,
    scripts: bool = False,
) -> tuple[str, ...]:
    return node_install(manifest, machine, "src", runs_code=runs_code, scripts=scripts)


def test_requirements_are_installed_beside_the_code_by_uv() -> None:
    command = python_install(UV, X86, ("requirements.txt", ""))
    assert command[:3] == (UV, "pip", "install")
    assert option(command, "--target") == "."
    assert option(command, "--requirements") == "requirements.txt"
    assert option(command, "--python-version") == "3.12"
    assert {"--no-config", "--system", "--no-editable"} <= set(command)
    assert "--constraints" not in command
    assert "--no-build" not in command


def test_a_lock_beside_requirements_constrains_them() -> None:
    command = python_install(UV, X86, ("requirements.txt", "../0.txt"), runs_code=False)
    assert option(command, "--constraints") == "../0.txt"
    assert "--no-build" in command


def test_a_lock_of_uv_is_written_as_requirements_without_asking_anybody() -> None:
    assert {"--frozen", "--offline", "--no-dev"} <= set(uv_export(UV, "x", hashes=True))
    assert "--no-hashes" in uv_export(UV, "x", hashes=False)


@pytest.mark.parametrize(
    ("runtime", "architecture", "platform"),
    [
        ("python3.9", "x86_64", "x86_64-manylinux2014"),
        ("python3.11", "x86_64", "x86_64-manylinux2014"),
        ("python3.10", "arm64", "aarch64-manylinux2014"),
        ("python3.12", "x86_64", "x86_64-manylinux_2_34"),
        ("python3.13", "arm64", "aarch64-manylinux_2_34"),
        ("provided.al2", "x86_64", "x86_64-manylinux2014"),
    ],
)
def test_wheels_are_those_that_the_machine_can_load(
    runtime: str, architecture: str, platform: str
) -> None:
    machine = machine_of([runtime], [architecture])
    assert machine
    assert python_platform(machine) == platform


@pytest.mark.parametrize(("locked", "verb"), [(False, "install"), (True, "ci")])
def test_node_packages_are_installed_for_lambdas_machine_without_their_scripts(
    *, locked: bool, verb: str
) -> None:
    command = node(NodeManifest(manager="npm", locked=locked), ARM)
    assert command[:2] == ("npm", verb)
    assert {"--ignore-scripts", "--omit=dev", "--os=linux", "--cpu=arm64", "--libc=glibc"} <= set(
        command
    )


def test_scripts_of_packages_run_where_that_is_asked_for() -> None:
    assert "--ignore-scripts" not in node(NPM, scripts=True)


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        (NodeManifest(manager="yarn", locked=True), "yarn install --frozen-lockfile"),
        (NodeManifest(manager="yarn", locked=True, berry=True), "yarn workspaces focus"),
        (NodeManifest(manager="pnpm", locked=True), "pnpm install --frozen-lockfile --cpu=arm64"),
        (NodeManifest(manager="bun", locked=True), "bun install --frozen-lockfile --cpu=arm64"),
    ],
)
def test_other_managers_install_by_their_own_programs_and_only_in_isolation(
    manifest: NodeManifest, words: str
) -> None:
    command = node(manifest, ARM)
    assert set(words.split()) <= set(command)
    assert {"--production", "--prod"} & set(command)
    with pytest.raises(RefusedInputError, check=because("build.needs_isolation")):
        node(manifest, runs_code=False)


def test_yarn_2_gets_settings_of_its_own_and_none_of_the_repositorys() -> None:
    text = berry_settings(ARM, "yarnPath: ./evil.cjs\n", "src", scripts=False)
    assert yaml.safe_load(text)["supportedArchitectures"]["cpu"] == ["arm64"]
    assert "enableScripts: false" in text
    assert "evil" not in text
    with pytest.raises(RefusedInputError, check=because("build.yarn_registries")):
        berry_settings(ARM, "npmScopes:\n  acme:\n", "src", scripts=False)


@pytest.mark.parametrize(
    "name",
    [
        "bin/tool",
        ".lock",
        "tea-1.0.dist-info/RECORD",
        "tea-1.0.dist-info/INSTALLER",
        "tea-1.0.dist-info/REQUESTED",
        "tea-1.0.dist-info/direct_url.json",
        "tea-1.0.dist-info/uv_cache.json",
        "tea-1.0.dist-info/uv_build.json",
        "node_modules/.package-lock.json",
        "node_modules/.yarn-integrity",
        "node_modules/.pnpm-workspace-state-v1.json",
    ],
)
def test_what_names_this_machine_or_this_time_is_left_out(name: str) -> None:
    assert is_left_out(name)


@pytest.mark.parametrize(
    "name",
    [
        "tea-1.0.dist-info/METADATA",
        "tea-1.0.dist-info/entry_points.txt",
        "tea-1.0.dist-info/licenses/RECORD",
        "tea/RECORD",
        "tea/bin/tool",
        "bin",
        "bin/data/tool",
        "tea/.lock",
        "package-lock.json",
        "node_modules/tea/.package-lock.json",
    ],
)
def test_what_a_program_may_read_stays(name: str) -> None:
    assert not is_left_out(name)
