"""The commands that build functions and layers, or install their dependencies, in copies of them.

A function's view of the source stays clean, whatever is done for another one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import uv

from tiercel.domain.artifact.indexes import (
    NO_NEED,
    IndexNeed,
    indexes_of_python,
    needs_of_node,
    needs_of_python,
    needs_of_python_lock,
)
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.organization.topology import Builds
from tiercel.domain.packaging.folders import Folder, not_included
from tiercel.domain.packaging.installers import (
    BERRY_SETTINGS,
    SETTINGS_FILES,
    berry_settings,
    needs_isolation,
    node_for_tests,
    node_install,
    python_install,
    uv_export,
)
from tiercel.domain.packaging.lambda_builders import (
    ESBUILD,
    FunctionBuilder,
    builder_for,
    layer_folder,
)
from tiercel.domain.packaging.machines import LambdaMachine, require_machine
from tiercel.domain.packaging.node_manifests import node_manifest, npm_settings, package_of
from tiercel.domain.packaging.python_indexes import named_indexes, require_told_indexes
from tiercel.domain.packaging.python_locks import constraints_beside, requirements_of
from tiercel.domain.packaging.python_manifests import (
    PythonManifest,
    paths_outside,
    python_manifest,
)
from tiercel.domain.packaging.undecided import require_decided
from tiercel.domain.packaging.workspaces import require_no_workspace
from tiercel.domain.template.locations import AssetKind
from tiercel.tasks.build.job import BuildStep
from tiercel.tasks.build.process import passed_environment
from tiercel.tasks.packaging.builders import builder_step, built_source
from tiercel.tasks.packaging.copies import copy_code, pins_of, read_folder
from tiercel.tasks.packaging.references import LocalReference, all_references
from tiercel.tasks.packaging.workshop import CodeCopy, Workshop
from tiercel.tasks.packaging.workspaces import uv_workspace_of, workspace_of

_LOCKS_OF_UV = ("uv.lock", "pylock.toml")
_OTHERS = ("dotnet", "go", "java", "ruby")
"""Languages whose functions have no use of Python's or Node.js's packages."""
_PACKED_FOLDERS = (AssetKind.CODE, AssetKind.LAYER)


def install_steps(shop: Workshop, builds: Builds, *, runs_code: bool) -> tuple[BuildStep, ...]:
    """Copy what has to be built or needs dependencies, and return the commands that do it there.

    `runs_code` is whether what is installed may run. Raises RefusedInputError for what may not
    be packaged, and for sources that nothing says how to build.
    """
    if shop.service.install_scripts and not runs_code:
        raise needs_isolation("install_scripts", shop.service.template_path)
    steps: list[BuildStep] = []
    for found in all_references(shop):
        if found.asset.kind in _PACKED_FOLDERS and found.is_folder:
            folder = read_folder(shop.files, found.relative)
            steps += _Preparation(shop, found, folder, builds, runs_code).steps()
    return tuple(steps)


@dataclass(frozen=True)
class _Preparation:
    """One function or layer before it is a package."""

    shop: Workshop
    found: LocalReference
    folder: Folder
    builds: Builds
    runs_code: bool

    def steps(self) -> list[BuildStep]:
        """Return the commands for it, none if it is a package as it lies in the repository."""
        asset, where = self.found.asset, self.found.where
        if asset.metadata.get("SkipBuild") is True:
            return []  # as for SAM: it is a package already
        builder = builder_for(asset, self.folder, where)
        if builder:
            return self._built(builder)
        require_decided(asset, self.folder, where)
        is_layer = asset.kind is AssetKind.LAYER
        if is_layer and not asset.build_method:
            return []
        language = asset.build_method or asset.runtime
        steps: list[BuildStep] = []
        if not language.startswith(("nodejs", *_OTHERS)):
            manifest = python_manifest(self.folder, where)
            steps = self._python(manifest) if manifest else []
        if not steps and not language.startswith(("python", *_OTHERS)):
            steps = self._node()
        if not steps and is_layer:
            self._copy()
        return steps

    def _built(self, builder: FunctionBuilder) -> list[BuildStep]:
        """The library knows npm alone: by another lock, or a workspace's, packages go before."""
        shop, found, where = self.shop, self.found, self.found.where
        indexes = self.builds.indexes
        manifest = node_manifest(self.folder, where, for_tests=True) if builder == ESBUILD else None
        if not manifest:
            return [builder_step(shop, found, self.folder, builder, indexes)]
        shop.check_out()
        root = workspace_of(shop, found.path, self.folder, where)
        top = self._folder_at(root) if root else self.folder
        manifest = node_manifest(top, where, in_workspace=True) if root else manifest
        if not manifest or (manifest.manager == "npm" and not root):
            return [builder_step(shop, found, self.folder, builder, indexes)]
        if manifest.berry:
            raise RefusedInputError(
                "build.yarn_with_esbuild",
                "a bundle's packages are locked by yarn 2 or newer, which is not installed for it",
                where=where,
                state="nothing was built",
                remedy="give the service a `build` command that bundles",
            )
        modules = root or found.path
        command = node_for_tests(manifest, where, runs_code=self.runs_code)
        folder = built_source(shop) / modules.relative_to(shop.source)
        settings = npm_settings(top, indexes, where)
        install = BuildStep(
            command, PurePosixPath(folder.relative_to(shop.root)),
            f"install packages of {where}", programs=("node", manifest.manager),
        )  # fmt: skip
        step = builder_step(shop, found, self.folder, builder, indexes, modules)
        for name in SETTINGS_FILES:
            (folder / name).unlink(missing_ok=True)
        if settings:
            (folder / ".npmrc").write_text(settings)
        return [install, step]

    def _folder_at(self, path: Path) -> Folder:
        relative = PurePosixPath(path.relative_to(self.shop.source))
        return read_folder(self.shop.files, relative)

    def _copy(self, *manifests: str, workspace: Path | None = None) -> CodeCopy:
        """Manifests that name what lies beside the folder need it beside the copy too."""
        self.shop.check_out()
        outside = paths_outside(*(self.folder.text(name) for name in manifests))
        for path in sorted(outside):
            self._require_in_source(path)
        inner = layer_folder(self.found.asset)
        whole = bool(outside or workspace)
        copy = copy_code(self.shop, self.found.path, inner, whole=whole)
        if workspace:
            root = copy.view / workspace.relative_to(self.shop.source)
            copy = replace(copy, workspace=root)
        self.shop.copies[self.found.key] = copy
        return copy

    def _require_in_source(self, path: str) -> None:
        there = Path(os.path.normpath(self.found.path / path))
        if not there.is_relative_to(self.shop.source) or not there.exists():
            raise not_included(path, self.found.where, self.shop.service.name)

    def _python(self, manifest: PythonManifest) -> list[BuildStep]:
        machine = require_machine(self.found.asset, self.found.where)
        if manifest == PythonManifest(requirements="pyproject.toml"):
            self.shop.check_out()
            root = uv_workspace_of(self.shop, self.found.path, self.found.where)
            if root:
                return self._of_uv_workspace(root, machine)
        copy = self._copy(manifest.requirements, manifest.lock)
        program = uv.find_uv_bin()
        pins = pins_of(copy)
        shown = os.path.relpath(pins, copy.code)
        requirements, commands = manifest.requirements, []
        need = self._need_of_python(manifest)
        named = named_indexes(self.folder, manifest, self.found.where)
        self._require_told(named, self.folder.text(requirements))
        if manifest.lock == "pylock.toml":
            requirements, shown = requirements or manifest.lock, ""
        elif manifest.lock == "uv.lock":
            commands.append(uv_export(program, shown, hashes=not requirements))
        elif manifest.lock:
            lines = requirements_of(
                manifest.lock, self.folder.text(manifest.lock), self.found.where
            )
            own = self.folder.text(requirements)
            pins.write_text(constraints_beside(lines, own) if requirements else lines)
        else:
            shown = ""
        files = (requirements, shown) if requirements else (shown, "")
        commands.append(python_install(program, machine, files, runs_code=self.runs_code))
        return [self._step(copy, command, need, tools=(Path(program),)) for command in commands]

    def _require_told(self, named: frozenset[str], requirements: str) -> None:
        """Where uv does not ask its own index, what others have put there is never taken."""
        told, own = indexes_of_python(requirements, passed_environment(self.builds))
        if own:
            require_told_indexes(named, told, self.found.where)

    def _need_of_python(self, manifest: PythonManifest) -> IndexNeed:
        variables = passed_environment(self.builds)
        locked = self.folder.text(manifest.lock) if manifest.lock else ""
        if manifest.lock in _LOCKS_OF_UV:
            return needs_of_python_lock(manifest.lock, locked, variables)
        if manifest.requirements:
            return needs_of_python(self.folder.text(manifest.requirements), variables)
        return needs_of_python(requirements_of(manifest.lock, locked, self.found.where), variables)

    def _of_uv_workspace(self, root: Path, machine: LambdaMachine) -> list[BuildStep]:
        """What a member needs is exported in its folder, and names other members from the root."""
        member = self.found.path.relative_to(root).as_posix()
        named = named_indexes(
            self._folder_at(root), PythonManifest(lock="uv.lock"), self.found.where, member=member
        )
        self._require_told(named, "")
        copy = self._copy("pyproject.toml", workspace=root)
        top, program = copy.workspace or copy.view, uv.find_uv_bin()
        pins, here = os.path.relpath(pins_of(copy), copy.code), os.path.relpath(copy.code, top)
        install = python_install(
            program, machine, (os.path.relpath(pins_of(copy), top), ""), here,
            runs_code=self.runs_code,
        )  # fmt: skip
        tools = (Path(program),)
        need = needs_of_python("package", passed_environment(self.builds))
        export = self._step(copy, uv_export(program, pins, hashes=True), NO_NEED, tools=tools)
        inside = PurePosixPath(copy.code.relative_to(self.shop.root))
        return [replace(export, folder=inside), self._step(copy, install, need, tools=tools)]

    def _node(self) -> list[BuildStep]:
        where = self.found.where
        if not node_manifest(self.folder, where):
            return []
        self.shop.check_out()
        root = workspace_of(self.shop, self.found.path, self.folder, where)
        if not root:
            require_no_workspace(package_of(self.folder, where), where)
        installing = self._folder_at(root) if root else self.folder
        manifest = node_manifest(installing, where, in_workspace=bool(root))
        if not manifest:
            return []
        machine = require_machine(self.found.asset, where)
        command = node_install(
            manifest, machine, where, runs_code=self.runs_code,
            scripts=self.shop.service.install_scripts,
        )  # fmt: skip
        settings = npm_settings(installing, self.builds.indexes, where)
        copy = self._copy("package.json", workspace=root)
        folder = copy.workspace or copy.code
        for name in SETTINGS_FILES:
            (folder / name).unlink(missing_ok=True)
        if settings:
            (folder / ".npmrc").write_text(settings)
        if manifest.berry:
            text = berry_settings(
                machine, installing.required_text(".yarnrc.yml", where), where,
                scripts=self.shop.service.install_scripts,
            )  # fmt: skip
            (folder / BERRY_SETTINGS).write_text(text)
        is_npm = manifest.manager == "npm"
        need = needs_of_node(
            installing.text("package.json"),
            installing.text("package-lock.json") if is_npm else "",
            passed_environment(self.builds),
        )
        return [self._step(copy, command, need, programs=("node", manifest.manager))]

    def _step(
        self,
        copy: CodeCopy,
        command: tuple[str, ...],
        need: IndexNeed,
        *,
        tools: tuple[Path, ...] = (),
        programs: tuple[str, ...] = (),
    ) -> BuildStep:
        folder = PurePosixPath((copy.workspace or copy.code).relative_to(self.shop.root))
        shown = f"install dependencies of {self.found.where}"
        return BuildStep(command, folder, shown, tools, need, programs)
