"""What has to be installed beside a function's code, told from the files that are there."""

from __future__ import annotations

import re
from collections.abc import Collection

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.template.assets import Asset
from tiercel.domain.template.locations import AssetKind

# Sources that have to be compiled before Lambda can run them.
_COMPILED = {
    "build.gradle": "Gradle",
    "build.gradle.kts": "Gradle",
    "Cargo.toml": "Cargo",
    "Gemfile": "Bundler",
    "go.mod": "Go",
    "pom.xml": "Maven",
}
_ARCHITECTURES = {"x86_64": "x86_64-manylinux_2_28", "arm64": "aarch64-manylinux_2_28"}
_DEFAULT_PYTHON = "3.13"
_INSTALLER_NOTES = r"RECORD|INSTALLER|REQUESTED|direct_url\.json|uv_cache\.json|uv_build\.json"


SETTINGS_FILES = (".npmrc",)
"""Files of a folder from which npm would take programs and indexes; uv is told to read none."""


def install_commands(
    asset: Asset, files: Collection[str], uv: str, where: str, *, runs_code: bool = True
) -> tuple[tuple[str, ...], ...]:
    """Return the commands that install what a function or layer needs, run in its folder.

    `files` are the names in that folder, `uv` the path of the uv program. Without `runs_code`
    nothing that is installed runs: no package is built, none is fetched from git, whose packages
    npm prepares. Raises RefusedInputError for sources that need a compiler: those take a `build`
    command.
    """
    compiler = next((tool for name, tool in _COMPILED.items() if name in files), None)
    unknown = asset.build_method and not asset.build_method.startswith(("python", "nodejs"))
    if compiler or unknown:
        raise RefusedInputError(
            "build.compiler_needed",
            f"{asset.logical_id} has to be built by {compiler or asset.build_method}",
            where=where,
            state="nothing was uploaded",
            remedy="give the service a `build` command in tiercel.toml that does it",
        )
    if asset.kind is AssetKind.LAYER and not asset.build_method:
        return ()
    if "requirements.txt" in files and not asset.runtime.startswith("nodejs"):
        return (_python(asset, uv, runs_code=runs_code),)
    if "package.json" in files and not asset.runtime.startswith("python"):
        return (_node(files, runs_code=runs_code),)
    return ()


def layer_folder(asset: Asset) -> str:
    """Return the folder of a layer's zip in which its runtime looks, or an empty string.

    https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html
    """
    if asset.kind is not AssetKind.LAYER or not asset.build_method:
        return ""
    return "python" if asset.build_method.startswith("python") else "nodejs"


def _python(asset: Asset, uv: str, *, runs_code: bool) -> tuple[str, ...]:
    """Install for Lambda's machine and not for this one, by the machine's own Python.

    uv would run an interpreter that lies as `.venv` in the folder or above it.

    https://docs.aws.amazon.com/lambda/latest/dg/python-package.html
    A machine behind an inspecting proxy knows its authority, which uv's own list lacks:
    https://docs.astral.sh/uv/concepts/authentication/certificates/
    """
    version = re.fullmatch(r"python(3\.[0-9]+)", asset.runtime or asset.build_method)
    return (
        uv, "pip", "install", "--quiet", "--target", ".", "--requirements", "requirements.txt",
        "--python-version", version[1] if version else _DEFAULT_PYTHON,
        "--python-platform", _ARCHITECTURES.get(asset.architecture, _ARCHITECTURES["x86_64"]),
        "--no-compile-bytecode", "--link-mode", "copy", "--system-certs",
        "--no-config", "--system", *(() if runs_code else ("--no-build",)),
    )  # fmt: skip


def _node(files: Collection[str], *, runs_code: bool) -> tuple[str, ...]:
    install = "ci" if "package-lock.json" in files else "install"
    return (
        "npm", install, "--omit=dev", "--no-audit", "--no-fund",
        "--no-update-notifier", "--ignore-scripts", *(() if runs_code else ("--git=/bin/false",)),
    )  # fmt: skip


def is_left_out(name: str) -> bool:
    """Tell whether an installed file is left out, because it names this machine or this time.

    Scripts carry the path of the build's Python; RECORD lists their digests.
    """
    return bool(
        re.fullmatch(r"bin/[^/]+", name)
        or re.fullmatch(rf"[^/]+\.dist-info/({_INSTALLER_NOTES})", name)
        or name in (".lock", "node_modules/.package-lock.json")
    )
