"""The command by which AWS's own library builds a function, in every place alike.

The library runs beside the repository's code and not beside Tiercel: a script of ours calls it,
and both are shown to the place.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path, PurePosixPath

from tiercel.domain.packaging.folders import Folder, not_included
from tiercel.domain.packaging.installers import SETTINGS_FILES
from tiercel.domain.packaging.lambda_builders import (
    MAKE,
    FunctionBuilder,
    build_request,
    layer_folder,
    programs_of,
)
from tiercel.domain.packaging.machines import require_machine
from tiercel.domain.packaging.node_manifests import npm_settings
from tiercel.domain.template.assets import text_of
from tiercel.tasks.build.isolation.namespace import interpreter
from tiercel.tasks.build.job import BuildStep
from tiercel.tasks.packaging.copies import COPIES
from tiercel.tasks.packaging.references import LocalReference
from tiercel.tasks.packaging.workshop import CodeCopy, Workshop
from tiercel.tasks.source.files import FileKind

_SCRIPT = "lambda_build.py"
_SOURCE = "source"


@dataclass(frozen=True)
class _MakePaths:
    """Where a builder works and finds its manifest, from the root of the repository.

    A makefile's may be elsewhere, by the Metadata of the resource, from the template's folder:
    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/building-custom-runtimes.html
    """

    code: PurePosixPath
    manifest: PurePosixPath
    working: PurePosixPath | None = None

    @classmethod
    def of(cls, shop: Workshop, found: LocalReference, builder: FunctionBuilder) -> _MakePaths:
        """Return them; RefusedInputError for one that is not in the service's source."""
        if builder != MAKE:
            return cls(found.relative, found.relative / builder.manifest)
        code = _named(shop, found, "ProjectRootDirectory") or found.relative
        context = _named(shop, found, "ContextPath") or code
        return cls(code, context / MAKE.manifest, _named(shop, found, "WorkingDirectory"))


def _named(shop: Workshop, found: LocalReference, key: str) -> PurePosixPath | None:
    given = text_of(found.asset.metadata.get(key))
    if not given:
        return None
    folder = PurePosixPath(shop.service.template_path).parent
    path = PurePosixPath(os.path.normpath(folder / given))
    if ".." in path.parts or path.is_absolute() or shop.files.kind_of(path) is not FileKind.FOLDER:
        raise not_included(f"{key}: {given}", found.where, shop.service.name)
    return path


def built_source(shop: Workshop) -> Path:
    """Return the copy of the whole source in which builders work."""
    view = shop.root / COPIES / _SOURCE
    if not view.exists():
        shutil.copytree(shop.source, view, symlinks=True)
        shutil.copy2(Path(__file__).with_name(_SCRIPT), view.with_name(_SCRIPT))
    return view


def builder_step(
    shop: Workshop,
    found: LocalReference,
    folder: Folder,
    builder: FunctionBuilder,
    indexes: tuple[str, ...],
    modules: Path | None = None,
) -> BuildStep:
    """Return the command that builds a function or layer, in a second copy of the whole source.

    `indexes` are the hosts that it reaches. With `modules` its packages lie there already, in a
    folder of the source, and are not installed by the builder.
    """
    require_machine(found.asset, found.where)
    shop.check_out()
    settings = npm_settings(folder, indexes, found.where)
    view = built_source(shop)
    paths = _MakePaths.of(shop, found, builder)
    code = view / paths.code
    for name in SETTINGS_FILES:
        (code / name).unlink(missing_ok=True)
    if settings:
        (code / ".npmrc").write_text(settings)
    made = view.with_name(f"{len(shop.copies)}.made")
    inner = layer_folder(found.asset)
    shop.copies[found.key] = CodeCopy(found.path, view, code, inner=inner, made=made)
    library = Path(str(distribution("aws-lambda-builders").locate_file("")))
    request = build_request(found.asset, builder, found.where) | {
        "library": str(library),
        "made": os.path.relpath(made, code),
        "manifest": os.path.relpath(view / paths.manifest, code),
        "working": paths.working and os.path.relpath(view / paths.working, code),
        "scripts": shop.service.install_scripts,
    }
    if modules:
        programs = view / modules.relative_to(shop.source) / "node_modules/.bin"
        request |= {"in_source": True, "search": [os.path.relpath(programs, code)]}
    script = os.path.relpath(view.with_name(_SCRIPT), code)
    command = (str(interpreter()), "-I", script, json.dumps(request, sort_keys=True))
    return BuildStep(
        command,
        PurePosixPath(code.relative_to(shop.root)),
        f"build {found.where} by {builder.shown}",
        tools=(library / "aws_lambda_builders",),
        programs=programs_of(builder, folder),
    )
