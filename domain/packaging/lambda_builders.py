"""What AWS's own library `aws-lambda-builders` is asked to build, as `sam build` asks it.

Sources: https://github.com/aws/aws-lambda-builders/blob/develop/docs/DESIGN.md and
https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/building-custom-runtimes.html
"""

from __future__ import annotations

import re

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.values import Frozen, TemplateDocument
from tiercel.domain.packaging.folders import Folder
from tiercel.domain.template.assets import Asset, text_of
from tiercel.domain.template.local_files import mapping
from tiercel.domain.template.locations import AssetKind

_LAYER_FOLDERS = {"dotnet": "dotnet", "java": "java", "ruby": "ruby/lib"}
_PROJECTS = (".csproj", ".fsproj", ".vbproj")


class FunctionBuilder(Frozen):
    """One of the library's builders: its three words, its manifest, the programs that it runs."""

    language: str
    manager: str | None
    manifest: str
    programs: tuple[str, ...]

    @property
    def shown(self) -> str:
        """The builder in words."""
        return " with ".join(part for part in (self.language, self.manager) if part)


MAKE = FunctionBuilder(language="provided", manager=None, manifest="Makefile", programs=("make",))
ESBUILD = FunctionBuilder(
    language="nodejs", manager="npm-esbuild", manifest="package.json", programs=("node", "npm")
)
GO = FunctionBuilder(language="go", manager="modules", manifest="go.mod", programs=("go",))
RUST = FunctionBuilder(
    language="rust", manager="cargo", manifest="Cargo.toml", programs=("cargo", "cargo-lambda")
)
RUBY = FunctionBuilder(
    language="ruby", manager="bundler", manifest="Gemfile", programs=("ruby", "bundle")
)
MAVEN = FunctionBuilder(
    language="java", manager="maven", manifest="pom.xml", programs=("java", "mvn")
)
GRADLE = FunctionBuilder(
    language="java", manager="gradle", manifest="build.gradle", programs=("java", "gradle")
)
KOTLIN = GRADLE.model_copy(update={"manifest": "build.gradle.kts"})
DOTNET = FunctionBuilder(
    language="dotnet", manager="cli-package", manifest=".csproj", programs=("dotnet",)
)

_METHODS = {
    "makefile": MAKE,
    "esbuild": ESBUILD,
    "go1.x": GO,
    "rust-cargolambda": RUST,
    "dotnet": DOTNET,
    "dotnet7": DOTNET,
}

_BY_LANGUAGE = {
    "dotnet": (DOTNET,),
    "go": (GO,),
    "java": (GRADLE, KOTLIN, MAVEN),
    "ruby": (RUBY,),
}
_LOADED = {
    "dotnet": ((".dll",), ".cs"),
    "java": ((".class", ".jar"), ".java"),
    "nodejs": ((".js", ".mjs", ".cjs"), ".ts"),
}
"""By language, the files that its runtime loads, and those that it has to be compiled from."""
OWN_BUILDS = ("esbuild", "go1.x", "makefile", "rust-cargolambda")
"""Words for builders that are told which resource they build, beside its folder."""


def builder_for(asset: Asset, folder: Folder, where: str) -> FunctionBuilder | None:
    """Return the builder that a function or layer needs before it is a package, None if none.

    The template's word comes first, then the runtime together with the manifest in the folder.
    Raises RefusedInputError for sources of a language that has to be compiled, if nothing in the
    folder says how, and for a word that the library does not know.
    """
    method = asset.build_method
    if method in _METHODS:
        return _METHODS[method]
    if method.startswith(("python", "nodejs")):
        return None
    language = language_of(method or asset.runtime)
    if method and language not in ("dotnet", "java", "ruby", "provided"):
        raise RefusedInputError(
            "build.unknown_method",
            f"{asset.logical_id} has to be built by {method}, which is not known",
            where=where,
            state="nothing was uploaded",
            remedy="correct BuildMethod, or give the service a `build` command in tiercel.toml",
        )
    if asset.kind is AssetKind.LAYER and not method:
        return None
    builder = builder_of_language(language, asset, folder)
    if builder is None and language in _LOADED:
        _require_compiled(asset, language, folder, where)
    return builder


def language_of(runtime: str) -> str:
    """Return a runtime's name without its version, which need not be known."""
    plain = re.split(r"[0-9.$]", runtime)[0]
    return {"dotnetcore": "dotnet"}.get(plain, plain)


def builder_of_language(language: str, asset: Asset, folder: Folder) -> FunctionBuilder | None:
    """Return the builder that a function of some language needs by its folder, None if none."""
    if language == "provided":
        return _custom(asset, folder)
    return next((one for one in _BY_LANGUAGE.get(language, ()) if _has(folder, one)), None)


def _has(folder: Folder, builder: FunctionBuilder) -> bool:
    if builder == DOTNET:
        return any(name.endswith(_PROJECTS) for name in folder.names)
    return builder.manifest in folder.names


def _custom(asset: Asset, folder: Folder) -> FunctionBuilder | None:
    """A custom runtime runs `bootstrap`, which may also come from a layer."""
    target = rf"^build-{re.escape(asset.logical_id)}\s*:"
    if re.search(target, folder.text("Makefile"), re.MULTILINE):
        return MAKE
    if "bootstrap" in folder.names:
        return None
    return next((one for one in (GO, RUST) if one.manifest in folder.names), None)


def _require_compiled(asset: Asset, language: str, folder: Folder, where: str) -> None:
    """Raise RefusedInputError unless the folder has what its runtime can load.

    Node.js runs sources, unless they are of another language.
    """
    loaded, source = _LOADED[language]
    if folder.endings.intersection(loaded) or (
        language == "nodejs" and source not in folder.endings
    ):
        return
    raise RefusedInputError(
        "build.compiler_needed",
        f"{asset.logical_id} has to be compiled before {asset.runtime or 'Lambda'} can run it",
        where=where,
        why=f"its folder has no file in {' or '.join(loaded)}"
        + (f", only {source}" if source in folder.endings else "")
        + ", and no manifest that says how to make one",
        state="nothing was uploaded",
        remedy="name a BuildMethod in the Metadata of the resource, put the build's manifest into "
        "the folder, or give the service a `build` command in tiercel.toml",
    )


def layer_folder(asset: Asset) -> str:
    """Return the folder of a layer's zip in which its runtime looks, or an empty string.

    https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html
    """
    method = asset.build_method
    if asset.kind is not AssetKind.LAYER or not method:
        return ""
    if method.startswith(("python", "nodejs")):
        return "python" if method.startswith("python") else "nodejs"
    return _LAYER_FOLDERS.get(language_of(method), "")


def programs_of(builder: FunctionBuilder, folder: Folder) -> tuple[str, ...]:
    """Return the programs that a build needs of the machine, but for those that it brings."""
    programs = [*builder.programs]
    if builder == ESBUILD and not re.search(r'"esbuild"\s*:', folder.text("package.json")):
        programs.append("esbuild")
    if builder.manager == "gradle" and "gradlew" in folder.names:
        programs.remove("gradle")
    return tuple(programs)


def build_request(asset: Asset, builder: FunctionBuilder, where: str) -> TemplateDocument:
    """Return the parameters of the library's call, but for the folders on this machine.

    As `sam build` does: https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-function.html
    """
    runtime = asset.build_method if asset.kind is AssetKind.LAYER else asset.runtime
    return {
        "capability": [builder.language, builder.manager, None],
        "runtime": _plain_runtime(runtime),
        "architecture": asset.architecture,
        "is_building_layer": asset.kind is AssetKind.LAYER,
        "manifest": builder.manifest,
        "working": None,
        "options": _options(asset, builder, where),
        "search": ["."] if builder.manager == "gradle" else [],
        "in_source": False,
    }


def _plain_runtime(runtime: str) -> str:
    """The library knows no operating systems in a runtime's name."""
    if runtime.startswith("provided"):
        return "provided"
    return runtime.removesuffix(".al2023").removesuffix(".al2")


def _options(asset: Asset, builder: FunctionBuilder, where: str) -> TemplateDocument:
    given = mapping(asset.metadata, "BuildProperties", where)
    _require_known(asset, given, where)
    if builder == ESBUILD:
        options = {_snake(str(name)): value for name, value in given.items()}
        if asset.handler and not given.get("EntryPoints"):
            options["entry_points"] = [asset.handler.split(".")[0]]
        return options
    if builder.language == "provided":
        return {"build_logical_id": asset.logical_id}
    if builder == GO:
        trim = bool(given.get("TrimGoPath", False))
        return {"artifact_executable_name": asset.handler, "trim_go_path": trim}
    if builder == RUST:
        binary = text_of(given.get("Binary"))
        return {"artifact_executable_name": binary} if binary else {}
    return {}


def _require_known(asset: Asset, given: TemplateDocument, where: str) -> None:
    """Refuse a property that the source alone does not tell."""
    for name, value in given.items():
        if isinstance(value, dict) and any(str(key).startswith(("Fn::", "Ref")) for key in value):
            raise RefusedInputError(
                "build.property_not_known",
                f"BuildProperties.{name} of {asset.logical_id} is only known when it is deployed",
                where=where,
                why="one package serves every environment, and is built from the source alone",
                state="nothing was uploaded",
                remedy="write the value itself, or let it depend on defaults of parameters that "
                "tiercel.toml gives no value",
            )


def _snake(name: str) -> str:
    """Return a property's name as the library has it: `EntryPoints` is `entry_points`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
