"""The commands that install what a function needs, run in its folder."""

from __future__ import annotations

import re

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.packaging.machines import ARM64, LambdaMachine
from tiercel.domain.packaging.node_manifests import NodeManifest

_PROCESSORS = {"x86_64": "x86_64", ARM64: "aarch64"}
_NODE_PROCESSORS = {"x86_64": "x64", ARM64: "arm64"}
_INSTALLER_NOTES = r"RECORD|INSTALLER|REQUESTED|direct_url\.json|uv_cache\.json|uv_build\.json"
_NODE_NOTES = (
    r"\.package-lock\.json|\.yarn-integrity|\.yarn-state\.yml|\.modules\.yaml|"
    r"\.pnpm-workspace-state[^/]*\.json|\.pnpm/lock\.yaml"
)

BERRY_SETTINGS = ".yarnrc.tiercel.yml"
SETTINGS_FILES = (".npmrc",)
"""Files of a folder from which npm would take programs and indexes; uv is told to read none."""


def python_install(
    uv: str,
    machine: LambdaMachine,
    files: tuple[str, str],
    target: str = ".",
    *,
    runs_code: bool = True,
) -> tuple[str, ...]:
    """Return the command that installs for Lambda's machine and not for this one.

    `files` are what to install, and constraints or an empty string; `uv` is the path of the uv
    program, which asks the machine's own Python and none that lies as `.venv` in the folder or
    above it. Without `runs_code` no package is built.

    https://docs.aws.amazon.com/lambda/latest/dg/python-package.html
    A machine behind an inspecting proxy knows its authority, which uv's own list lacks:
    https://docs.astral.sh/uv/concepts/authentication/certificates/
    """
    requirements, constraints = files
    python = machine.python or (3, 13)
    return (
        uv, "pip", "install", "--quiet", "--target", target, "--requirements", requirements,
        *(("--constraints", constraints) if constraints else ()),
        "--python-version", f"{python[0]}.{python[1]}",
        "--python-platform", python_platform(machine),
        "--no-editable", "--no-compile-bytecode", "--link-mode", "copy", "--system-certs",
        "--no-config", "--system", *(() if runs_code else ("--no-build",)),
    )  # fmt: skip


def python_platform(machine: LambdaMachine) -> str:
    """Return the newest platform of wheels that the machine's C library can load, as uv calls it.

    uv knows manylinux2014, which is glibc 2.17, and then those from 2.28 on.
    https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/
    """
    processor = _PROCESSORS[machine.architectures[0]]
    if machine.glibc < (2, 28):
        return f"{processor}-manylinux2014"
    return f"{processor}-manylinux_{machine.glibc[0]}_{machine.glibc[1]}"


def python_for_tests(
    uv: str, requirements: str, target: str, *, runs_code: bool
) -> tuple[str, ...]:
    """Return the command that installs what tests import, for the machine that runs them."""
    return (
        uv, "pip", "install", "--quiet", "--target", target, "--requirements", requirements,
        "--no-editable", "--no-compile-bytecode", "--link-mode", "copy", "--system-certs",
        "--no-config", "--system", *(() if runs_code else ("--no-build",)),
    )  # fmt: skip


def node_for_tests(manifest: NodeManifest, where: str, *, runs_code: bool) -> tuple[str, ...]:
    """Return the command that installs packages for this machine, those of development too."""
    lambdas = LambdaMachine(architectures=("x86_64",), glibc=(2, 34))
    command = node_install(manifest, lambdas, where, runs_code=runs_code, scripts=False)
    return tuple(word for word in command if not word.startswith(_NOT_FOR_TESTS))


_NOT_FOR_TESTS = ("--omit=", "--prod", "--os=", "--cpu=", "--libc=")


def uv_export(uv: str, output: str, *, hashes: bool) -> tuple[str, ...]:
    """Return the command that writes what uv.lock pins for the application as requirements.

    Constraints have no digests: uv would ask for those of everything.
    """
    return (
        uv, "export", "--quiet", "--frozen", "--no-dev", "--no-emit-project", "--no-header",
        "--no-annotate", "--no-editable", "--no-config", "--offline", "--output-file", output,
        *(() if hashes else ("--no-hashes",)),
    )  # fmt: skip


def node_install(
    manifest: NodeManifest, machine: LambdaMachine, where: str, *, runs_code: bool, scripts: bool
) -> tuple[str, ...]:
    """Return the command that installs packages for Lambda's machine, by their own manager.

    `scripts` is whether the scripts of packages run. Without `runs_code` nothing that is
    installed runs and none is fetched from git, whose packages npm prepares; only npm can be told
    so. Raises RefusedInputError for another manager then.
    """
    if manifest.manager == "npm":
        return _npm(manifest, machine, runs_code=runs_code, scripts=scripts)
    if not runs_code:
        raise needs_isolation(manifest.manager, where)
    return _OTHERS[manifest.manager](manifest, machine, scripts=scripts)


def needs_isolation(what: str, where: str) -> RefusedInputError:
    """Return the error of what runs code of a repository while it installs, beside the worker."""
    return RefusedInputError(
        "build.needs_isolation",
        f"with {what} code runs that nobody has reviewed, and builds are not isolated",
        where=where,
        state="nothing was built",
        remedy='let builds run with where = "isolated" or "codebuild" in [builds]',
    )


def _npm(
    manifest: NodeManifest, machine: LambdaMachine, *, runs_code: bool, scripts: bool
) -> tuple[str, ...]:
    return (
        "npm", "ci" if manifest.locked else "install", "--omit=dev", "--no-audit", "--no-fund",
        "--no-update-notifier", *_npm_platform(machine),
        *(() if manifest.locked else ("--no-package-lock", "--install-links")),
        *(() if scripts else ("--ignore-scripts",)),
        *(() if runs_code else ("--git=/bin/false",)),
    )  # fmt: skip


def _npm_platform(machine: LambdaMachine) -> tuple[str, ...]:
    """https://docs.npmjs.com/cli/v10/commands/npm-install#cpu."""
    return ("--os=linux", f"--cpu={_NODE_PROCESSORS[machine.architectures[0]]}", "--libc=glibc")


def _pnpm(manifest: NodeManifest, machine: LambdaMachine, *, scripts: bool) -> tuple[str, ...]:
    """Links into pnpm's store would lead out of the package: packages are laid out as by npm."""
    return (
        "pnpm", "install", "--prod",
        "--frozen-lockfile" if manifest.locked else "--no-frozen-lockfile",
        "--config.node-linker=hoisted", "--config.package-import-method=copy",
        *_npm_platform(machine), *(() if scripts else ("--ignore-scripts",)),
    )  # fmt: skip


def _yarn(manifest: NodeManifest, machine: LambdaMachine, *, scripts: bool) -> tuple[str, ...]:
    """Yarn 1 installs for the machine that it runs on; what does not fit is found afterwards.

    The Node.js that installs is not the one that runs the packages.
    """
    del machine
    if manifest.berry:
        return (
            "env", f"YARN_RC_FILENAME={BERRY_SETTINGS}", "yarn", "workspaces", "focus", "--all",
            "--production",
        )  # fmt: skip
    return (
        "yarn", "install", "--production", "--ignore-engines", "--non-interactive", "--no-progress",
        "--frozen-lockfile" if manifest.locked else "--pure-lockfile",
        *(() if scripts else ("--ignore-scripts",)),
    )  # fmt: skip


def berry_settings(machine: LambdaMachine, text: str, where: str, *, scripts: bool) -> str:
    """Return the settings of yarn 2 and newer, in place of the repository's `.yarnrc.yml`.

    Its own could name programs, and it asks no variable for a proxy unless it is told so. Raises
    RefusedInputError if the repository's `text` names registries, which would be left out.
    https://yarnpkg.com/configuration/yarnrc
    """
    if re.search(r"^\s*(npmRegistries|npmRegistryServer|npmScopes)\s*:", text, re.MULTILINE):
        raise RefusedInputError(
            "build.yarn_registries",
            ".yarnrc.yml names registries, and none of its settings are read",
            where=where,
            state="nothing was built",
            remedy="pass YARN_NPM_REGISTRY_SERVER on in `pass_environment` of [builds]; or give "
            "the service a `build` command",
        )
    processor = _NODE_PROCESSORS[machine.architectures[0]]
    return (
        'httpProxy: "${HTTP_PROXY:-}"\nhttpsProxy: "${HTTPS_PROXY:-}"\nnodeLinker: node-modules\n'
        "enableGlobalCache: false\n"
        f"enableScripts: {str(scripts).lower()}\nenableTelemetry: false\n"
        f"supportedArchitectures:\n  os: [linux]\n  cpu: [{processor}]\n  libc: [glibc]\n"
    )


def _bun(manifest: NodeManifest, machine: LambdaMachine, *, scripts: bool) -> tuple[str, ...]:
    return (
        "bun", "install", "--production", "--no-progress", "--backend=copyfile", "--linker=hoisted",
        "--os=linux", f"--cpu={_NODE_PROCESSORS[machine.architectures[0]]}",
        *(("--frozen-lockfile",) if manifest.locked else ()),
        *(() if scripts else ("--ignore-scripts",)),
    )  # fmt: skip


_OTHERS = {"bun": _bun, "pnpm": _pnpm, "yarn": _yarn}


def is_left_out(name: str) -> bool:
    """Tell whether an installed file is left out, because it names this machine or this time.

    Scripts carry the path of the build's Python; RECORD lists their digests.
    """
    return bool(
        re.fullmatch(r"bin/[^/]+", name)
        or re.fullmatch(rf"[^/]+\.dist-info/({_INSTALLER_NOTES})", name)
        or re.fullmatch(rf"node_modules/({_NODE_NOTES})", name)
        or name in (".lock", BERRY_SETTINGS, ".yarn/install-state.gz")
        or name.startswith(".yarn/cache/")
    )
