from __future__ import annotations

from typing import Any

import pytest
from aws_lambda_builders.builder import LambdaBuilder

from tests.support.codes import because
from tests.support.packages import function, layer, runs
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.packaging.folders import Folder
from tiercel.domain.packaging.lambda_builders import (
    DOTNET,
    ESBUILD,
    GO,
    GRADLE,
    KOTLIN,
    MAKE,
    MAVEN,
    RUBY,
    RUST,
    FunctionBuilder,
    build_request,
    builder_for,
    layer_folder,
    programs_of,
)
from tiercel.domain.template.assets import Asset

ALL = (DOTNET, ESBUILD, GO, GRADLE, KOTLIN, MAKE, MAVEN, RUBY, RUST)


def folder(*names: str, **texts: str) -> Folder:
    endings = frozenset(f".{name.rpartition('.')[2]}" for name in names)
    given = {name.replace("__", "."): text for name, text in texts.items()}
    return Folder(frozenset((*names, *given)), given, endings)


@pytest.mark.parametrize(
    ("what", "files", "builder"),
    [
        (function(build_method="makefile"), folder("app.py"), MAKE),
        (layer("makefile"), folder("Makefile"), MAKE),
        (runs("nodejs22.x", build_method="esbuild"), folder("app.ts"), ESBUILD),
        (runs("provided.al2023", build_method="rust-cargolambda"), folder(), RUST),
        (runs("provided.al2", build_method="go1.x"), folder(), GO),
        (runs("dotnet8"), folder("Function.cs", "Fn.csproj"), DOTNET),
        (runs("java21"), folder("pom.xml"), MAVEN),
        (runs("java17"), folder("pom.xml", "build.gradle"), GRADLE),
        (runs("java11"), folder("build.gradle.kts"), KOTLIN),
        (layer("java21"), folder("pom.xml"), MAVEN),
        (runs("ruby3.3"), folder("Gemfile"), RUBY),
        (runs("ruby3.3"), folder("app.rb"), None),
        (runs("provided.al2023"), folder(Makefile="build-Function: x\n"), MAKE),
        (runs("provided.al2023"), folder("bootstrap", Makefile="build:\n"), None),
        (runs("provided.al2023"), folder("go.mod", "main.go"), GO),
        (runs("provided.al2023"), folder("Cargo.toml"), RUST),
        (runs("provided.al2023"), folder("index.php"), None),
        (runs("dotnet8"), folder("Fn.dll"), None),
        (runs("java21"), folder("app.jar"), None),
        (runs("nodejs22.x"), folder("app.js", "app.ts"), None),
        (runs("python3.12"), folder("app.py", "go.mod"), None),
        (runs("python3.12", build_method="python3.12"), folder(), None),
        (layer(), folder("pom.xml"), None),
    ],
)
def test_the_templates_word_or_runtime_and_manifest_tell_the_builder(
    what: Asset, files: Folder, builder: FunctionBuilder | None
) -> None:
    assert builder_for(what, files, "src") == builder


@pytest.mark.parametrize(
    ("runtime", "file"),
    [
        ("dotnet8", "Function.cs"),
        ("dotnetcore3.1", "F.cs"),
        ("java21", "App.java"),
        ("nodejs22.x", "app.ts"),
        ("java21", "x"),
        ("java", "App.java"),
    ],
)
def test_sources_that_have_to_be_compiled_are_never_a_package(runtime: str, file: str) -> None:
    with pytest.raises(RefusedInputError, check=because("build.compiler_needed")) as refusal:
        builder_for(runs(runtime), folder(file), "src")
    assert "BuildMethod" in refusal.value.remedy


@pytest.mark.parametrize("method", ["cobol", "perl5", "x"])
def test_a_word_that_the_library_does_not_know_is_refused(method: str) -> None:
    with pytest.raises(RefusedInputError, check=because("build.unknown_method")):
        builder_for(function(build_method=method), folder(), "src")


def test_a_property_that_only_a_deploy_knows_is_refused_by_its_name() -> None:
    choice = {"BuildProperties": {"Minify": {"Fn::If": ["IsProd", True, False]}}}
    with pytest.raises(RefusedInputError, check=because("build.property_not_known")) as refusal:
        build_request(function(handler="a.b", metadata=choice), ESBUILD, "src")
    assert "BuildProperties.Minify of Function" in refusal.value.what


@pytest.mark.parametrize("builder", ALL, ids=lambda one: one.shown)
def test_the_library_has_each_builder(builder: FunctionBuilder) -> None:
    capability = build_request(function(), builder, "src")["capability"]
    assert LambdaBuilder(*capability).selected_workflow_cls


@pytest.mark.parametrize(
    ("what", "builder", "options"),
    [
        (function(), MAKE, {"build_logical_id": "Function"}),
        (function(handler="main"), GO, {"artifact_executable_name": "main", "trim_go_path": False}),
        (function(handler="src/app.handler"), ESBUILD, {"entry_points": ["src/app"]}),
        (
            function(
                handler="a.b",
                metadata={"BuildProperties": {"EntryPoints": ["x.ts"], "KeepNames": True}},
            ),
            ESBUILD,
            {"entry_points": ["x.ts"], "keep_names": True},
        ),
        (
            function(metadata={"BuildProperties": {"Binary": "one"}}),
            RUST,
            {"artifact_executable_name": "one"},
        ),
        (function(), MAVEN, {}),
    ],
)
def test_builders_are_told_what_sam_build_tells_them(
    what: Asset, builder: FunctionBuilder, options: dict[str, Any]
) -> None:
    assert build_request(what, builder, "src")["options"] == options


@pytest.mark.parametrize(
    ("runtime", "plain"),
    [("provided.al2023", "provided"), ("java8.al2", "java8"), ("java17.al2023", "java17")],
)
def test_runtimes_are_named_as_the_library_knows_them(runtime: str, plain: str) -> None:
    assert build_request(runs(runtime), MAKE, "src")["runtime"] == plain


@pytest.mark.parametrize(
    ("builder", "files", "programs"),
    [
        (MAKE, folder(), ("make",)),
        (
            ESBUILD,
            folder(package__json='{"devDependencies": {"esbuild": "^0.25"}}'),
            ("node", "npm"),
        ),
        (ESBUILD, folder(package__json="{}"), ("node", "npm", "esbuild")),
        (GRADLE, folder("gradlew"), ("java",)),
        (GRADLE, folder(), ("java", "gradle")),
        (RUST, folder(), ("cargo", "cargo-lambda")),
    ],
)
def test_programs_are_those_that_the_folder_does_not_bring(
    builder: FunctionBuilder, files: Folder, programs: tuple[str, ...]
) -> None:
    assert programs_of(builder, files) == programs


@pytest.mark.parametrize(
    ("what", "name"),
    [
        (layer("python3.12"), "python"),
        (layer("nodejs22.x"), "nodejs"),
        (layer("java21"), "java"),
        (layer("ruby3.3"), "ruby/lib"),
        (layer("makefile"), ""),
        (layer(), ""),
        (function(build_method="python3.12"), ""),
    ],
)
def test_a_layer_that_is_built_lies_where_its_runtime_looks(what: Asset, name: str) -> None:
    assert layer_folder(what) == name
