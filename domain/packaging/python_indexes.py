"""Which package indexes a Python manifest or its lock names, that uv has to be told of.

uv reads no settings of the folder that it works in, and a lock becomes requirements, which have
names and versions alone: without its index a private name would be asked of the public one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.text import printable
from tiercel.domain.packaging.folders import Folder
from tiercel.domain.packaging.python_manifests import PythonManifest, TomlFile, unparsed_manifest

PUBLIC_INDEXES = tuple(f"https://{host}.org/simple" for host in ("pypi", "pypi.python"))
"""What uv asks where it is told of no other, by its names of today and before."""
_HERE = "."


def named_indexes(
    folder: Folder, manifest: PythonManifest, where: str, *, member: str = _HERE
) -> frozenset[str]:
    """Return the indexes from which a manifest takes what it installs, the public one too.

    Of a lock those of the packages that the application needs; `member` is its folder from that of
    the lock. Raises RefusedInputError for a file that cannot be read.
    """
    try:
        return frozenset(map(str, _named(folder, manifest, where, member)))
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise unparsed_manifest(manifest.lock or "pyproject.toml", str(error), where) from error


def require_told_indexes(named: Iterable[str], told: Iterable[str], where: str) -> None:
    """Raise RefusedInputError for indexes that are neither public nor among those told to uv."""
    known = {_plain(one) for one in (*told, *PUBLIC_INDEXES)}
    missing = sorted({_plain(one) for one in named} - known)
    if missing:
        raise RefusedInputError(
            "build.index_not_told",
            "packages come from an index of which uv is not told",
            where=where,
            why=printable(", ".join(missing), 500),
            state="nothing was built",
            remedy="pass UV_INDEX or UV_DEFAULT_INDEX with its address on in `pass_environment` of "
            "[builds]; or name it in a requirements.txt by --index-url or --extra-index-url",
        )


def _named(folder: Folder, manifest: PythonManifest, where: str, member: str) -> Iterator[object]:
    text = folder.required_text(manifest.lock, where)
    if manifest.lock == "uv.lock":
        yield from _of_uv(TomlFile.of(folder, "uv.lock", where).values.get("package", ()), member)
    elif manifest.lock == "poetry.lock":
        yield from _of_poetry(TomlFile.of(folder, "poetry.lock", where).values)
    elif manifest.lock == "Pipfile.lock":
        yield from _of_pipenv(json.loads(text))
    elif manifest.lock == "pdm.lock":
        sources = (
            TomlFile.of(folder, "pyproject.toml", where).table("tool", "pdm").get("source", ())
        )
        yield from (one["url"] for one in sources if "url" in one)
    elif manifest.lock != "pylock.toml" or manifest.requirements:  # it says where each file lies
        yield from _of_settings(folder, where)


def _of_settings(folder: Folder, where: str) -> Iterator[object]:
    """Yield those of uv's settings; a file without the word, broken or not, names none.

    An explicit index is asked for what `[tool.uv.sources]` says, which uv reads in any case:
    https://docs.astral.sh/uv/concepts/indexes/
    """
    for name, place in (("pyproject.toml", ("tool", "uv")), ("uv.toml", ())):
        if "index" not in folder.required_text(name, where):
            continue
        file = TomlFile.of(folder, name, where)
        for settings in (file.table(*place), file.table(*place, "pip")):
            yield from (one["url"] for one in settings.get("index", ()) if not one.get("explicit"))
            if "index-url" in settings:
                yield settings["index-url"]
            yield from settings.get("extra-index-url", ())


def _of_uv(packages: Iterable[Mapping[str, Any]], member: str) -> Iterator[object]:
    """Yield those of what a member needs, with all extras; of everything if it is not there."""
    all_packages = list(packages)
    waiting = [one for one in all_packages if member in _source(one).values()]
    wanted = {name for one in waiting for name in _names(one.get("dependencies", ()))}
    found: set[str] = set()
    while wanted - found:
        found |= wanted
        for one in all_packages:
            if one["name"] in found:
                groups = one.get("optional-dependencies", {}).values()
                for group in (one.get("dependencies", ()), *groups):
                    wanted |= _names(group)
    for one in all_packages:
        if "registry" in _source(one) and (one["name"] in found or not waiting):
            yield _source(one)["registry"]


def _source(package: Mapping[str, Any]) -> Mapping[str, Any]:
    source: Mapping[str, Any] = package.get("source", {})
    return source


def _names(dependencies: Iterable[Mapping[str, Any]]) -> set[str]:
    return {one["name"] for one in dependencies}


def _of_poetry(lock: Mapping[str, Any]) -> Iterator[object]:
    for one in lock.get("package", ()):
        is_needed = "main" in one.get("groups", ("main",)) and not one.get("optional")
        if is_needed and _source(one).get("type") == "legacy":
            yield _source(one)["url"]


def _of_pipenv(lock: Mapping[str, Any]) -> Iterator[object]:
    """A package that names no source comes from the first."""
    sources = {one["name"]: one["url"] for one in lock.get("_meta", {}).get("sources", ())}
    first = next(iter(sources.values()), PUBLIC_INDEXES[0])
    for one in lock["default"].values():
        if "version" in one:
            yield sources.get(one.get("index"), first)


def _plain(address: str) -> str:
    """Return an address as it is compared and shown, without a credential."""
    try:
        parts = urlsplit(address.strip())
    except ValueError:
        return "an address that is none"
    host = parts.netloc.rpartition("@")[2].lower()
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{host}{path}" if host else path
