"""Functions of which only a deploy knows the language.

Their packages are what lies in the repository, if a runtime can load that.
"""

from __future__ import annotations

from tiercel.domain.packaging.folders import Folder
from tiercel.domain.packaging.lambda_builders import builder_of_language, language_of
from tiercel.domain.packaging.machines import require_machine
from tiercel.domain.template.assets import Asset
from tiercel.domain.template.locations import AssetKind

_LANGUAGES = frozenset(("dotnet", "go", "java", "nodejs", "provided", "python", "ruby"))
_BUILT = frozenset(("dotnet", "java", "provided", "ruby"))
"""Those with builders of their own; a custom runtime has those of Go and Rust."""
_COMPILED = frozenset((".cs", ".cts", ".go", ".java", ".kt", ".mts", ".rs", ".ts", ".tsx"))
_LOADED = frozenset((".cjs", ".class", ".dll", ".jar", ".js", ".mjs", ".py", ".pyc", ".rb"))
_PROGRAM = "bootstrap"


def require_decided(asset: Asset, folder: Folder, where: str) -> None:
    """Raise RefusedInputError for a function that may have to be built, by nobody knows what.

    That is one whose language is not known, with a manifest of a builder in its folder, or with
    sources that have to be compiled and nothing that a runtime loads.
    """
    if asset.kind is not AssetKind.CODE or asset.build_method or not asset.unknown:
        return
    if language_of(asset.runtime) in _LANGUAGES:
        return
    named = {language_of(runtime) for runtime in asset.runtimes}
    possible = named if named <= _LANGUAGES else _BUILT
    is_built = any(builder_of_language(one, asset, folder) for one in possible)
    if is_built or _has_sources_alone(folder):
        require_machine(asset, where)


def _has_sources_alone(folder: Folder) -> bool:
    is_loaded = _PROGRAM in folder.names or not _LOADED.isdisjoint(folder.endings)
    return not is_loaded and not _COMPILED.isdisjoint(folder.endings)
