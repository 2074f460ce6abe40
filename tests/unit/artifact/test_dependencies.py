from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.artifact.dependencies import install_commands, is_left_out, layer_folder
from tiercel.domain.base.errors import ExitCode, RefusedInputError
from tiercel.domain.template.assets import Asset
from tiercel.domain.template.locations import AssetKind

UV = "/opt/tiercel/bin/uv"
WHERE = "orders/src (Function in orders/template.yaml)"


def asset(**changes: Any) -> Asset:
    values: dict[str, Any] = {
        "logical_id": "Function",
        "resource_type": "AWS::Serverless::Function",
        "property": "CodeUri",
        "path": "src/",
        "kind": AssetKind.CODE,
        "runtime": "python3.12",
        "architecture": "x86_64",
    }
    return Asset(**values | changes)


def layer(build_method: str = "", **changes: Any) -> Asset:
    return asset(kind=AssetKind.LAYER, runtime="", build_method=build_method, **changes)


def commands(what: Asset, *files: str) -> tuple[tuple[str, ...], ...]:
    return install_commands(what, files, UV, WHERE)


def option(command: tuple[str, ...], name: str) -> str:
    return command[command.index(name) + 1]


@pytest.mark.parametrize("files", [(), ("app.py",), ("index.js",), ("bootstrap",)])
@pytest.mark.parametrize("what", [asset(), layer(), layer("python3.12"), layer("nodejs22.x")])
def test_nothing_is_installed_where_nothing_is_asked_for(
    what: Asset, files: tuple[str, ...]
) -> None:
    assert commands(what, *files) == ()


def test_requirements_are_installed_beside_the_code_by_uv() -> None:
    (command,) = commands(asset(), "app.py", "requirements.txt")
    assert command[:3] == (UV, "pip", "install")
    assert option(command, "--target") == "."
    assert option(command, "--requirements") == "requirements.txt"


@pytest.mark.parametrize(
    ("what", "version"),
    [
        (asset(runtime="python3.9"), "3.9"),
        (asset(runtime="python3.13"), "3.13"),
        (asset(runtime=""), "3.13"),
        (layer("python3.11"), "3.11"),
        (layer("python"), "3.13"),
    ],
)
def test_requirements_are_installed_for_the_python_of_the_function(
    what: Asset, version: str
) -> None:
    (command,) = commands(what, "requirements.txt")
    assert option(command, "--python-version") == version


@pytest.mark.parametrize(
    ("architecture", "platform"),
    [
        ("x86_64", "x86_64-manylinux_2_28"),
        ("arm64", "aarch64-manylinux_2_28"),
        ("", "x86_64-manylinux_2_28"),
    ],
)
def test_requirements_are_installed_for_lambdas_machine(architecture: str, platform: str) -> None:
    (command,) = commands(asset(architecture=architecture), "requirements.txt")
    assert option(command, "--python-platform") == platform


@pytest.mark.parametrize(
    ("files", "verb"),
    [(("package.json",), "install"), (("package.json", "package-lock.json"), "ci")],
)
def test_node_packages_are_installed_without_running_their_scripts(
    files: tuple[str, ...], verb: str
) -> None:
    (command,) = commands(asset(runtime="nodejs22.x"), *files)
    assert command[:2] == ("npm", verb)
    assert {"--ignore-scripts", "--omit=dev"} <= set(command)


@pytest.mark.parametrize(
    ("runtime", "tools"),
    [("python3.12", [UV]), ("nodejs22.x", ["npm"]), ("", [UV])],
)
def test_the_runtime_decides_where_both_kinds_of_packages_are_asked_for(
    runtime: str, tools: list[str]
) -> None:
    found = commands(asset(runtime=runtime), "requirements.txt", "package.json")
    assert [command[0] for command in found] == tools


@pytest.mark.parametrize("runtime", ["java21", "provided.al2023"])
def test_packages_of_another_runtime_are_not_guessed_at(runtime: str) -> None:
    assert [c[0] for c in commands(asset(runtime=runtime), "package.json")] == ["npm"]


def test_a_layer_without_build_method_is_taken_as_it_is() -> None:
    assert commands(layer(), "requirements.txt", "package.json") == ()


@pytest.mark.parametrize("method", ["makefile", "esbuild", "rust-cargolambda", "java21", "go1.x"])
@pytest.mark.parametrize("make", [layer, lambda method: asset(build_method=method)])
def test_a_build_method_that_tiercel_does_not_have_is_refused_with_a_remedy(
    make: Any, method: str
) -> None:
    with pytest.raises(RefusedInputError) as refusal:
        commands(make(method), "Makefile", "requirements.txt")
    assert method in refusal.value.what
    assert refusal.value.exit_code is ExitCode.REFUSED
    assert refusal.value.where == WHERE
    assert "`build`" in refusal.value.remedy


@pytest.mark.parametrize(
    ("file", "tool"),
    [
        ("go.mod", "Go"),
        ("Cargo.toml", "Cargo"),
        ("pom.xml", "Maven"),
        ("build.gradle", "Gradle"),
        ("build.gradle.kts", "Gradle"),
        ("Gemfile", "Bundler"),
    ],
)
def test_sources_that_need_a_compiler_are_refused_with_a_remedy(file: str, tool: str) -> None:
    with pytest.raises(RefusedInputError, match=f"has to be built by {tool}") as refusal:
        commands(asset(runtime=""), "main", file)
    assert "`build`" in refusal.value.remedy


@pytest.mark.parametrize(
    ("what", "folder"),
    [
        (layer("python3.12"), "python"),
        (layer("python"), "python"),
        (layer("nodejs22.x"), "nodejs"),
        (layer(), ""),
        (asset(), ""),
        (asset(build_method="python3.12"), ""),
    ],
)
def test_a_layer_that_is_built_lies_where_its_runtime_looks(what: Asset, folder: str) -> None:
    assert layer_folder(what) == folder


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


@given(st.text(), st.text(), st.sets(st.text(max_size=20)))
def test_any_template_and_folder_gives_commands_or_a_refusal(
    runtime: str, method: str, files: set[str]
) -> None:
    what = asset(runtime=runtime, build_method=method)
    try:
        found = install_commands(what, files | {"requirements.txt"}, UV, WHERE)
    except RefusedInputError:
        return
    assert all(argument and "\x00" not in argument for command in found for argument in command)
