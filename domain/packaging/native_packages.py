"""Packages of Node.js that are not whole: what makes or fetches their binary never ran."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.text import printable

NOTE = "node_modules/.package-lock.json"
"""What npm writes of that which it installed; without it nothing is known of scripts."""
_SHOWN = 10
_PACKAGE = re.compile(r"(.*node_modules/(?:@[^/]+/)?[^/@.][^/]*)/(.+)")


@dataclass(frozen=True)
class InstalledPackages:
    """What npm says of the packages that it installed, by the path of their folder."""

    scripts: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()


def read_note(text: str) -> InstalledPackages:
    """Return which packages have scripts that run when they are installed, and which may fail."""
    try:
        packages = json.loads(text).get("packages", {})
        known = {str(path): one for path, one in packages.items() if isinstance(one, dict)}
    except (ValueError, AttributeError, RecursionError):
        return InstalledPackages()
    return InstalledPackages(
        frozenset(path for path, one in known.items() if one.get("hasInstallScript")),
        frozenset(path for path, one in known.items() if one.get("optional")),
    )


def require_built(names: Iterable[str], installed: InstalledPackages, where: str) -> None:
    """Raise RefusedInputError for a package that has a recipe for a binary and no binary.

    npm would have built it with node-gyp, as `binding.gyp` says, unless its scripts did.
    """
    recipes, binaries = set(), set()
    for name in names:
        match = _PACKAGE.fullmatch(name)
        if match and match[2] == "binding.gyp":
            recipes.add(match[1])
        elif match and name.endswith(".node"):
            binaries.add(match[1])
    missing = sorted(recipes - binaries - installed.optional)
    if missing:
        raise RefusedInputError(
            "package.binary_missing",
            "packages were installed without the binary that they load",
            where=where,
            why=printable(", ".join(missing[:_SHOWN]), 1000)
            + ": only their scripts make it, and scripts are not run",
            state="nothing was uploaded",
            remedy="take a version that brings binaries for Lambda's machine, or set "
            "`install_scripts = true` for the service: scripts then run in isolation",
        )
