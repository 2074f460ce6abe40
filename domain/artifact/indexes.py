"""Which hosts an installer will ask for packages, told from its files before it is started.

What cannot be told here, as what a package itself asks for, is left to the proxy of builds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tiercel.domain.base.errors import ConfigurationError
from tiercel.domain.base.text import printable
from tiercel.domain.organization.reach import Reach, canonical_host

_PORTS = {"http": 80, "https": 443}
_HTTPS = 443
_LONGEST_HOST = 253
_SHOWN = 5
_EXAMPLE = ("packages.example.com", _HTTPS)

# https://docs.astral.sh/uv/reference/environment/
_UV_DEFAULTS = ("UV_DEFAULT_INDEX", "UV_INDEX_URL")
_UV_MORE = ("UV_EXTRA_INDEX_URL", "UV_INDEX")
_NPM_REGISTRY = "npm_config_registry"
_NOT_FETCHED = {"dev", "link", "inBundle"}

# https://pip.pypa.io/en/stable/reference/requirements-file-format/
_OPTION = re.compile(r"(--[a-z-]+|-[a-z])(?:\s*=\s*|\s*)(.*)")
_DEFAULTS = ("--index-url", "-i")
_LINKS = ("--find-links", "-f")
_ADDRESS = re.compile(r"(?:^|@\s*)((?:git\+)?https?://\S+)")
_FILE_OF_LOCK = re.compile(r'\burl = "(https?://[^"]+)"')
_REGISTRY_OF_LOCK = re.compile(r"^source = \{ registry = ", re.MULTILINE)
_A_PATH = re.compile(r"[./]|file:|.*\.(?:whl|zip|tar\.gz)$")


@dataclass(frozen=True)
class IndexNeed:
    """What one installer will ask: hosts that are named, as (host, port), and its own index.

    `own` says that the installer asks the index that it has without being told; which one that
    is, the installer alone knows.
    """

    hosts: frozenset[tuple[str, int]] = frozenset()
    own: bool = False


NO_NEED = IndexNeed()
"""Of a command of which nothing is known before."""


def needs_of_python(requirements: str, variables: Mapping[str, str]) -> IndexNeed:
    """Return what uv will ask for a requirements.txt; `variables` are those that it sees."""
    lines = list(_lines(requirements))
    options = [(found[1], found[2]) for found in map(_OPTION.fullmatch, lines) if found]
    wanted = [line for line in lines if not line.startswith("-")]
    named = [found[1] for found in map(_ADDRESS.search, wanted) if found]
    if all(_ADDRESS.search(one) or _A_PATH.match(one) for one in wanted):
        return IndexNeed(_hosts(named))
    named += [value for word, value in options if word in _LINKS]
    named += variables.get("UV_FIND_LINKS", "").split()
    asked, own = indexes_of_python(requirements, variables)
    return IndexNeed(_hosts([*named, *asked]), own=own)


def indexes_of_python(
    requirements: str, variables: Mapping[str, str]
) -> tuple[tuple[str, ...], bool]:
    """Return the indexes of which uv is told, and whether it asks its own as well."""
    found = map(_OPTION.fullmatch, _lines(requirements))
    options = [(one[1], one[2]) for one in found if one]
    if any(word == "--no-index" for word, _ in options):
        return (), False
    told = [value for word, value in options if word in _DEFAULTS]
    told += [variables[name] for name in _UV_DEFAULTS if variables.get(name)]
    named = told[:1] + [value for word, value in options if word == "--extra-index-url"]
    # An index of UV_INDEX may have a name before its address.
    for one in (one for name in _UV_MORE for one in variables.get(name, "").split()):
        after = one.partition("=")[2]
        named.append(after if "://" in after else one)
    return tuple(named), not told


def needs_of_python_lock(lock: str, text: str, variables: Mapping[str, str]) -> IndexNeed:
    """Return what uv will ask for the packages of a uv.lock or a pylock.toml.

    A pylock.toml says where each file lies:
    https://packaging.python.org/en/latest/specifications/pylock-toml/. Of a uv.lock the names and
    versions are exported, for the index that uv is told.
    """
    if lock == "pylock.toml":
        return IndexNeed(_hosts(_FILE_OF_LOCK.findall(text)))
    return needs_of_python("package", variables) if _REGISTRY_OF_LOCK.search(text) else NO_NEED


def needs_of_node(package: str, lock: str, variables: Mapping[str, str]) -> IndexNeed:
    """Return what npm will ask for a package.json and a package-lock.json, empty without one.

    npm takes a lock's packages of its own registry from the one that it is told instead:
    https://docs.npmjs.com/cli/v11/using-npm/config#replace-registry-host
    """
    lower = {name.lower(): value for name, value in variables.items()}
    registry = lower.get(_NPM_REGISTRY, "")
    if locked := _packages_of(lock):
        named = [str(one["resolved"]) for one in locked if "resolved" in one]
        asks = len(named) < len(locked)
        named = [] if registry else named
    else:
        wanted = list(_dependencies_of(package))
        named = [one for one in wanted if _ADDRESS.match(one)]
        asks = any(re.match(r"[^:/]*$|npm:", one) for one in wanted)
    named += [registry] if locked or asks else []
    return IndexNeed(_hosts(named), own=asks and not registry)


def require_reachable(need: IndexNeed, reach: Reach, where: str) -> None:
    """Refuse an installation that would ask a host that builds do not reach.

    ConfigurationError, which has the line that the worker's file lacks.
    """
    missing = sorted(one for one in need.hosts if not reach.allows(*one))[:_SHOWN]
    if missing:
        hosts = ", ".join(host for host, _ in missing)
        raise ConfigurationError(
            "builds.index_not_named",
            f"isolated builds do not reach {hosts}",
            where=where,
            why="packages come from there, and `indexes` of [builds] does not name it",
            state="nothing was built",
            remedy=line_that_lacks(reach, missing),
        )
    if need.own and not reach.indexes and not reach.public:
        raise ConfigurationError(
            "builds.no_index",
            "packages are to be installed, and isolated builds reach no package index",
            where=where,
            why="`indexes` of [builds] names none",
            state="nothing was built",
            remedy=f"{line_that_lacks(reach, [_EXAMPLE])}, with the host of your own index",
        )


def line_that_lacks(reach: Reach, hosts: Iterable[tuple[str, int]]) -> str:
    """Return what to write into the worker's file if builds are to reach these hosts, too.

    A repository names hosts as it likes: whether they are to be reached, a person has to judge.
    """
    more = (canonical_host(host) + ("" if port == _HTTPS else f":{port}") for host, port in hosts)
    listed = ", ".join(f'"{one}"' for one in dict.fromkeys((*reach.indexes, *more)))
    return (
        "if builds are to reach it, write into [builds] of the worker's tiercel.toml: "
        f"indexes = [{listed}]"
    )


def _hosts(addresses: Iterable[str]) -> frozenset[tuple[str, int]]:
    """Return where addresses lead; what is none, as a path, leads nowhere."""
    found = set()
    for address in addresses:
        try:
            parts = urlsplit(address.strip().strip("'\"").removeprefix("git+"))
            host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
        except ValueError:
            continue
        if host and port:
            found.add((printable(host, _LONGEST_HOST), port))
    return frozenset(found)


def _lines(requirements: str) -> Iterator[str]:
    """Yield the logical lines, without comments."""
    joined = re.sub(r"\\\r?\n", " ", requirements)
    for line in joined.splitlines():
        text = re.sub(r"(^|\s)#.*$", "", line).strip()
        if text:
            yield text


def _packages_of(lock: str) -> list[Mapping[str, Any]]:
    """Return the packages that a lock has and npm fetches: none of the folder or for development.

    https://docs.npmjs.com/cli/v11/configuring-npm/package-lock-json#packages
    """
    packages = _mapping(lock).get("packages")
    found = packages.items() if isinstance(packages, dict) else ()
    return [
        one
        for place, one in found
        if "node_modules/" in place and isinstance(one, dict) and not (one.keys() & _NOT_FETCHED)
    ]


def _dependencies_of(package: str) -> Iterator[str]:
    read = _mapping(package)
    for kind in ("dependencies", "optionalDependencies"):
        wanted = read.get(kind)
        if isinstance(wanted, dict):
            yield from (str(one) for one in wanted.values())


def _mapping(text: str) -> Mapping[str, Any]:
    """Return a JSON object; empty for anything else, of which the installer will complain."""
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}
