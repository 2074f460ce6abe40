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
    requirements = [*_of_functions(shop), *_of_tests(shop)]
    program = uv.find_uv_bin()
    target = os.path.relpath(_PYTHON, inside)
    setup = [
        BuildStep(
            python_for_tests(program, os.path.relpath(path, inside), target, runs_code=runs_code),
            inside,
            f"install {path.name} for the tests",
            (Path(program),),
        )
        for path in dict.fromkeys(requirements)
    ]
    setup += _of_node(shop, builds, runs_code=runs_code)
    command = ("env", f"PYTHONPATH={target}", *service.test) if requirements else service.test
    return tuple(setup), BuildStep(command, inside, f"test {service.name}")


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


def _of_functions(shop: Workshop) -> list[PurePosixPath]:
    """A lock has become requirements when the function was prepared."""
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
        if manifest and not manifest.requirements and manifest.lock != "pylock.toml":
            found.append(PurePosixPath(pins_of(copy).relative_to(shop.root)))
        elif manifest:
            found.append("source" / one.relative / (manifest.requirements or manifest.lock))
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
            npm_settings(folder.text(".npmrc"), builds.indexes, where)
            command = node_for_tests(manifest, where, runs_code=runs_code)
            shown = f"install packages of {where} for the tests"
            steps.append(BuildStep(command, PurePosixPath("source") / relative, shown))
    return steps
