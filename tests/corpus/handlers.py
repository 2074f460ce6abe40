"""Whether the handler of an unpacked function can be loaded, by an interpreter of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_SECONDS = 60
_PYTHON = """
import importlib, sys
sys.path.insert(1, sys.argv[3])
getattr(importlib.import_module(sys.argv[1]), sys.argv[2])
"""
_NODE = """
const [file, name] = process.argv.slice(1);
import(file).then(
  (found) => process.exit(name in found || name in (found.default ?? {}) ? 0 : 2),
  (error) => { console.error(error); process.exit(1); },
);
"""
# What Lambda's Python has besides the standard library.
_OF_LAMBDA = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3")
# What functions read when they are loaded.
_GIVEN = {
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
}


def loads(folder: Path, logical_id: str, template: dict[str, Any]) -> str:
    """Return `loads`, the error, or nothing where there is no handler or no interpreter for it."""
    properties = _properties(template, logical_id)
    runtime, handler = str(properties.get("Runtime", "")), properties.get("Handler")
    if not isinstance(handler, str) or "." not in handler:
        return ""
    module, _, name = handler.rpartition(".")
    variables = _variables(properties)
    if runtime.startswith("python") and shutil.which(runtime):
        with tempfile.TemporaryDirectory() as libraries:
            _link_libraries(Path(libraries))
            command = [runtime, "-B", "-c", _PYTHON, module.replace("/", "."), name, libraries]
            return _run(command, folder, variables)
    if runtime.startswith("nodejs") and shutil.which("node"):
        files = [folder / f"{module}.{suffix}" for suffix in ("js", "mjs", "cjs")]
        found = [one for one in files if one.is_file()]
        return _run(["node", "-e", _NODE, str(found[0]), name], folder, variables) if found else (
            f"there is no {module}.js"
        )  # fmt: skip
    return ""


def _run(command: list[str], folder: Path, variables: dict[str, str]) -> str:
    ended = subprocess.run(
        command,
        cwd=folder,
        env={"PATH": os.environ["PATH"], **_GIVEN, **variables},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if ended.returncode == 0:
        return "loads"
    words = (ended.stderr.strip().splitlines() or ["it has no such name"])[-1]
    return words.replace(str(folder), "")[:300]


def _link_libraries(folder: Path) -> None:
    for name in _OF_LAMBDA:
        found = find_spec(name)
        if found and found.origin:
            origin = Path(found.origin)
            source = origin.parent if origin.name == "__init__.py" else origin
            (folder / source.name).symlink_to(source)


def _variables(properties: dict[str, Any]) -> dict[str, str]:
    given = properties.get("Environment")
    found = given.get("Variables") if isinstance(given, dict) else None
    pairs = found.items() if isinstance(found, dict) else ()
    return {str(key): value if isinstance(value, str) else "given" for key, value in pairs}


def _properties(template: dict[str, Any], logical_id: str) -> dict[str, Any]:
    resource = template["Resources"].get(logical_id)
    if not isinstance(resource, dict) or "Function" not in str(resource.get("Type")):
        return {}
    shared = (template.get("Globals") or {}).get("Function") or {}
    return {**shared, **(resource.get("Properties") or {})}
