"""What a service's tests import: installed for this machine, and in no package."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import uv

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.organization.topology import Builds
from tiercel.domain.packaging.installers import node_for_tests, python_for_tests
from tiercel.domain.packaging.node_manifests import node_manifest, npm_settings
from tiercel.domain.packaging.python_manifests import python_manifest
from tiercel.domain.template.locations import AssetKind
from tiercel.tasks.build.job import BuildStep
from tiercel.tasks.packaging.copies import COPIES, pins_of, read_folder
from tiercel.tasks.packaging.references import all_references
from tiercel.tasks.packaging.workshop import Workshop
from tiercel.tasks.source.files import FileKind

_PYTHON = COPIES / "tests"


def test_steps(
    shop: Workshop, builds: Builds, *, runs_code: bool
) -> tuple[tuple[BuildStep, ...], BuildStep | None]:
    """Return the commands that install what a service's tests import, and its test, if it has one.

    Raises RefusedInputError for `test_requirements` that are not there.
    """
    service = shop.service
    if not service.test:
        return (), None
    inside = PurePosixPath("source", service.path)
    requirements = [*_of_functions(shop, inside), *((inside, path) for path in _of_tests(shop))]
    setup = [
        _python(folder, path, runs_code=runs_code) for folder, path in dict.fromkeys(requirements)
    ]
    setup += _of_node(shop, builds, runs_code=runs_code)
    target = os.path.relpath(_PYTHON, inside)
    command = ("env", f"PYTHONPATH={target}", *service.test) if requirements else service.test
    return tuple(setup), BuildStep(command, inside, " ".join(service.test))


def _python(folder: PurePosixPath, path: PurePosixPath, *, runs_code: bool) -> BuildStep:
    """Return the command that installs requirements, in the folder from which they name others."""
    program = uv.find_uv_bin()
    requirements, target = os.path.relpath(path, folder), os.path.relpath(_PYTHON, folder)
    command = python_for_tests(program, requirements, target, runs_code=runs_code)
    return BuildStep(command, folder, f"install {path.name} for the tests", (Path(program),))


def _of_tests(shop: Workshop) -> list[PurePosixPath]:
    name = shop.service.test_requirements
    if name is None:
        return []
    path = PurePosixPath(shop.service.path, name)
    if shop.files.kind_of(path) is not FileKind.FILE:
        raise RefusedInputError(
            "build.test_requirements",
            "there are no such requirements of the tests",
            where=str(path),
            state="nothing was built",
            remedy=f"correct services.{shop.service.name}.test_requirements, a path in its folder",
        )
    return ["source" / path]


def _of_functions(
    shop: Workshop, inside: PurePosixPath
) -> list[tuple[PurePosixPath, PurePosixPath]]:
    """Return where and from which files; a lock has become one when the function was prepared."""
    if shop.service.build:
        return []
    found = []
    for one in all_references(shop):
        copy = shop.copies.get(one.key)
        if one.asset.kind is not AssetKind.CODE or copy is None or copy.made:
            continue
        if one.asset.runtime.startswith("nodejs"):
            continue
        manifest = python_manifest(read_folder(shop.files, one.relative), one.where)
        if manifest is None:
            continue
        path = "source" / one.relative / (manifest.requirements or manifest.lock)
        if copy.workspace or not (manifest.requirements or manifest.lock == "pylock.toml"):
            path = PurePosixPath(pins_of(copy).relative_to(shop.root))
        top = copy.workspace.relative_to(copy.view) if copy.workspace else None
        found.append((inside if top is None else PurePosixPath("source", top), path))
    return found


def _of_node(shop: Workshop, builds: Builds, *, runs_code: bool) -> list[BuildStep]:
    """Tests find packages in the folders above them: of their function, and of the service."""
    folders = [PurePosixPath(shop.service.path)]
    if not shop.service.build:
        folders += [
            one.relative for one in all_references(shop) if one.asset.runtime.startswith("nodejs")
        ]
    steps = []
    for relative in dict.fromkeys(folders):
        if shop.files.kind_of(relative / "package.json") is not FileKind.FILE:
            continue
        folder, where = read_folder(shop.files, relative), str(relative)
        manifest = node_manifest(folder, where, for_tests=True)
        if manifest and not manifest.berry and (runs_code or manifest.manager == "npm"):
            npm_settings(folder, builds.indexes, where)
            command = node_for_tests(manifest, where, runs_code=runs_code)
            shown = f"install packages of {where} for the tests"
            steps.append(BuildStep(command, PurePosixPath("source") / relative, shown))
    return steps
