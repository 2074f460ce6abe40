"""The locks of Python's package managers, as requirements that uv installs.

uv reads its own lock and the standard one. The others say for each package its exact version, its
digests, whether the application needs it and where: that is a line of requirements.
Sources: https://python-poetry.org/docs/dependency-specification/,
https://pipenv.pypa.io/en/latest/pipfile.html, https://pdm-project.org/latest/usage/lockfile/
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tiercel.domain.base.errors import RefusedInputError

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,200}[A-Za-z0-9])?(?:\[[A-Za-z0-9._,-]+\])?")
_VERSION = re.compile(r"[A-Za-z0-9.!+_-]{1,100}")
_DIGEST = re.compile(r"(?:sha256|sha384|sha512):[0-9a-f]{64,128}")
_MARKER = re.compile(r"[A-Za-z0-9_ .,'\"()<>=!~*+-]{1,2000}")
_PINNED = re.compile(r"^\s*([A-Za-z0-9._-]+)\s*(?:\[[^\]]*\])?\s*===?", re.MULTILINE)


def requirements_of(lock: str, text: str, where: str) -> str:
    """Return what a lock pins for the application, as lines of requirements with digests.

    `lock` is the file's name. Raises RefusedInputError for a package that comes from no index,
    and for a lock that does not say which packages the application needs.
    """
    try:
        return "".join(f"{line}\n" for line in _READERS[lock](text))
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise RefusedInputError(
            "build.lock_not_read",
            f"{lock} cannot be read as what a function needs",
            where=where,
            why=str(error)[:500],
            state="nothing was built",
            remedy="write it again with the newest version of its tool; or export it to "
            "requirements.txt and leave the lock out of the function's folder",
        ) from error


def constraints_beside(lines: str, requirements: str) -> str:
    """Return the lines without digests, for the packages that the requirements leave open."""
    pinned = {canonical(match[1]) for match in _PINNED.finditer(requirements)}
    open_lines = [
        re.sub(r"\s--hash=\S+", "", line)
        for line in re.sub(r"\\\n\s*", "", lines).splitlines()
        if canonical(re.split(r"[\[=<>!~; @]", line, maxsplit=1)[0]) not in pinned
    ]
    return "".join(f"{line.strip()}\n" for line in open_lines if "==" in line)


def canonical(name: str) -> str:
    """Return a package's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _pipenv(text: str) -> Iterator[str]:
    for name, one in json.loads(text)["default"].items():
        if not isinstance(one, dict) or "version" not in one:
            raise ValueError(f"{name} comes from no index")
        version = str(one["version"]).removeprefix("==")
        yield _line(_with_extras(name, one), version, one.get("hashes", ()), one.get("markers"))


def _poetry(text: str) -> Iterator[str]:
    lock = tomllib.loads(text)
    for one in lock.get("package", ()):
        if "groups" not in one:
            raise ValueError("it does not say to which group packages belong: Poetry 2 does")
        if "main" not in one["groups"] or one.get("optional"):
            continue
        if one.get("source", {}).get("type") not in (None, "legacy"):
            raise ValueError(f"{one['name']} comes from no index")
        markers = one.get("markers")
        yield _line(
            one["name"], one["version"], _files(one),
            markers.get("main") if isinstance(markers, dict) else markers,
        )  # fmt: skip


def _pdm(text: str) -> Iterator[str]:
    for one in tomllib.loads(text).get("package", ()):
        if "default" not in one.get("groups", ("default",)):
            continue
        if {"path", "url", "git"} & one.keys():
            raise ValueError(f"{one['name']} comes from no index")
        if not one.get("extras"):  # the package without its extras has a table of its own
            yield _line(one["name"], one["version"], _files(one), one.get("marker"))


_READERS = {"Pipfile.lock": _pipenv, "pdm.lock": _pdm, "poetry.lock": _poetry}


def _files(one: Mapping[str, Any]) -> Iterable[str]:
    return [file["hash"] for file in one.get("files", ())]


def _with_extras(name: str, one: Mapping[str, Any]) -> str:
    extras = one.get("extras") or ()
    return f"{name}[{','.join(extras)}]" if extras else name


def _line(name: str, version: str, digests: Iterable[str], marker: object) -> str:
    """Return one line; ValueError for anything in it that could be more than it should be."""
    if not _NAME.fullmatch(name) or not _VERSION.fullmatch(version):
        raise ValueError(f"{name!r} {version!r} names no package")
    parts = [f"{name}=={version}"]
    if marker:
        if not _MARKER.fullmatch(str(marker)):
            raise ValueError(f"the marker of {name} is none")
        parts.append(f"; {marker}")
    for digest in digests:
        if not _DIGEST.fullmatch(digest):
            raise ValueError(f"a digest of {name} is none")
        parts.append(f"--hash={digest}")
    return " ".join(parts)
