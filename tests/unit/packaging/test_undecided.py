from __future__ import annotations

from typing import Any

import pytest

from tests.support.codes import because
from tests.support.packages import function, layer
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.packaging.folders import Folder
from tiercel.domain.packaging.undecided import require_decided
from tiercel.domain.template.assets import Asset, find_assets

STORE = {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/org/rt"}
OF_STORE = {"Ref": "Stored"}
BY_DEPLOY = [
    OF_STORE,
    {"Fn::ImportValue": "org-runtime"},
    {"Fn::Sub": "${Stored}"},
    "{{resolve:ssm:/org/rt}}",
    {"Fn::Sub": "{{resolve:ssm:/org/${AWS::Region}}}"},
    {"Ref": "Either"},
]


def decided_by(runtime: Any, **metadata: Any) -> Asset:
    properties = {"CodeUri": "src", "Handler": "app.handler", "Runtime": runtime}
    described = {
        "Type": "AWS::Serverless::Function",
        "Properties": properties,
        "Metadata": metadata,
    }
    either = {"Type": "String", "AllowedValues": ["python3.12", "nodejs22.x", "java21"]}
    parameters = {"Stored": STORE, "Either": either, "Given": {"Type": "String"}}
    template = {"Parameters": parameters, "Resources": {"Function": described}}
    (found,) = find_assets(template)
    return found


def folder(*names: str, **texts: str) -> Folder:
    endings = frozenset(f".{name.rpartition('.')[2]}" for name in names if "." in name)
    return Folder(frozenset((*names, *texts)), texts, endings)


NEED_A_BUILD = [
    folder("pom.xml"),
    folder("build.gradle.kts", "App.kt"),
    folder("App.java"),
    folder("app.ts", "tsconfig.json"),
]


@pytest.mark.parametrize("runtime", BY_DEPLOY, ids=str)
@pytest.mark.parametrize("files", NEED_A_BUILD, ids=lambda one: "+".join(sorted(one.names)))
def test_what_may_have_to_be_built_is_refused_if_only_a_deploy_knows_the_language(
    runtime: Any, files: Folder
) -> None:
    asset = decided_by(runtime)
    assert (asset.runtime, bool(asset.unknown)) == ("", True)
    with pytest.raises(RefusedInputError, check=because("package.machine_unknown")) as refusal:
        require_decided(asset, files, "src")
    assert refusal.value.why.startswith("Runtime ")


@pytest.mark.parametrize(
    "files",
    [
        folder("Function.cs"),
        folder("Function.fs", "Fn.fsproj"),
        folder("go.mod", "main.go"),
        folder("main.go"),
        folder("Cargo.toml"),
        folder("main.rs"),
        folder("app.mts"),
        folder("app.tsx"),
        folder("App.kt"),
        folder("app.rb", "Gemfile"),
        folder("app.py", Makefile="build-Function:\n"),
    ],
    ids=lambda one: "+".join(sorted(one.names)),
)
def test_every_language_that_is_built_counts(files: Folder) -> None:
    with pytest.raises(RefusedInputError, check=because("package.machine_unknown")):
        require_decided(decided_by(OF_STORE), files, "src")


@pytest.mark.parametrize(
    "files",
    [
        folder("app.py"),
        folder("app.js", "package.json"),
        folder("index.mjs", "app.ts"),
        folder("app.rb"),
        folder("app.py", Makefile="test:\n"),
        folder("app.jar", "App.java"),
        folder("Fn.dll"),
        folder("bootstrap", "go.mod", "main.go"),
        folder("data.json"),
    ],
    ids=lambda one: "+".join(sorted(one.names)),
)
@pytest.mark.parametrize("runtime", BY_DEPLOY, ids=str)
def test_what_a_runtime_loads_as_it_is_may_be_for_any(files: Folder, runtime: Any) -> None:
    require_decided(decided_by(runtime), files, "src")


@pytest.mark.parametrize(
    "what",
    [
        function(unknown="Architectures is known at a deploy only"),
        decided_by({"Fn::Sub": "python${Given}"}),
        decided_by(OF_STORE, BuildMethod="python3.12"),
        layer(unknown="CompatibleRuntimes is known at a deploy only"),
    ],
    ids=["architecture", "version", "word", "layer"],
)
def test_where_the_language_is_known_it_alone_decides(what: Asset) -> None:
    require_decided(what, folder("go.mod", "main.go", "App.java"), "src")


def test_two_names_of_one_language_are_told_apart_by_no_build() -> None:
    both = function(runtimes=("dotnetcore3.1", "dotnet8"), unknown="Runtime may be either")
    unnamed = both.model_copy(update={"runtime": ""})
    require_decided(unnamed, folder("app.py", "pom.xml"), "src")
    with pytest.raises(RefusedInputError, check=because("package.machine_unknown")):
        require_decided(unnamed, folder("Fn.csproj", "app.py"), "src")
