"""Chooses mutants by a seed, runs the tests that concern each, and says which of them died."""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import textwrap
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.mutants.mutations import Mutation, mutations_of

ROOT = Path(__file__).parents[2]
_LAYERS = {"domain": 16, "tasks": 14, "flows": 10}
"""How many of 40 mutants are rules, tasks and flows."""
_FOLDERS = {"domain": "unit", "tasks": "tasks", "flows": "flows"}
"""Where the tests of a layer are."""
_MOST_SECONDS = 600
_PARTS = (*_LAYERS, "cli", "deployments", "sandbox", "policies", "terraform", "examples", "src")
_FILES = (
    "prefect.yaml",
    "pyproject.toml",
    "tiercel.toml",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
)


@dataclass(frozen=True)
class Fate:
    """A mutant, the tests that were asked, and what became of it: died, survived or gone."""

    mutation: Mutation
    tests: tuple[str, ...]
    end: str


def main() -> None:
    """Run the mutants; each line says module, function, what was done and what became of it."""
    asked = _arguments()
    chosen = _repeated(asked.repeat) if asked.repeat else _chosen(asked.seed, asked.count)
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        tree = _copy(Path(folder))
        fates = []
        for mutation in chosen:
            fates.append(_fate(tree, mutation))
            sys.stdout.write(f"{fates[-1].end:9}{mutation.module}:{mutation.line} ")
            sys.stdout.write(f"{mutation.function}: {mutation.what}\n")
            sys.stdout.flush()
    if asked.json:
        asked.json.write_text(json.dumps([asdict(fate) for fate in fates], indent=1), "utf-8")
    died = sum(fate.end == "died" for fate in fates)
    sys.stdout.write(f"{died} of {len(fates)} died\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("--seed", type=int, default=12)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--repeat", type=Path, help="the --json of an earlier run: the same again")
    parser.add_argument("--json", type=Path, help="where to write what became of each")
    return parser.parse_args()


def _chosen(seed: int, count: int) -> list[Mutation]:
    """Mutants of all layers; no two of one function."""
    dice, whole = random.Random(seed), sum(_LAYERS.values())  # noqa: S311 - no secret
    found: list[Mutation] = []
    for layer, share in _LAYERS.items():
        every = [
            mutation
            for path in sorted((ROOT / layer).rglob("*.py"))
            for mutation in mutations_of(str(path.relative_to(ROOT)), path.read_text("utf-8"))
        ]
        dice.shuffle(every)
        one_each = {(one.module, one.function): one for one in reversed(every)}
        found += dice.sample(list(one_each.values()), round(count * share / whole))
    return found


def _repeated(path: Path) -> list[Mutation]:
    return [Mutation(**fate["mutation"]) for fate in json.loads(path.read_text("utf-8"))]


def _copy(folder: Path) -> Path:
    for name in (*_PARTS, "tests", "benchmarks", "docs", "deployments", "changelog.d"):
        if not (folder / name).exists():
            shutil.copytree(ROOT / name, folder / name, symlinks=True)
    for name in _FILES:
        shutil.copy(ROOT / name, folder / name)
    return folder


def _fate(tree: Path, mutation: Mutation) -> Fate:
    path = tree / mutation.module
    whole = path.read_text("utf-8") if path.exists() else ""
    if whole.count(mutation.before) != 1:
        return Fate(mutation, (), "gone")
    indent = whole[: whole.index(mutation.before)].rpartition("\n")[2]
    after = textwrap.indent(mutation.after, indent).lstrip()
    tests = tuple(_concerned(mutation.module))
    path.write_text(whole.replace(mutation.before, after), "utf-8")
    try:
        return Fate(mutation, tests, "died" if _fails(tree, tests) else "survived")
    finally:
        path.write_text(whole, "utf-8")


def _concerned(module: str) -> list[str]:
    """Return the test files of the layer that use the module, the one of its name first.

    If none imports it, those count that import what uses it inside of its layer, and last those
    that name it.
    """
    layer, name = module.partition("/")[0], Path(module).stem
    tests = {path: _imports(path) for path in sorted((ROOT / "tests").rglob("test_*.py"))}
    near = {path: used for path, used in tests.items() if _FOLDERS[layer] in path.parts}
    wanted = {_dotted(module)}
    for _ in range(3):
        found = [path for path, used in near.items() if used & wanted]
        if found:
            found.sort(key=lambda path: path.stem != f"test_{name}")
            return [str(path.relative_to(ROOT)) for path in found]
        wanted |= {user for user, used in _modules(layer).items() if used & wanted}
    others = [path for path, used in tests.items() if used & {_dotted(module)}]
    named = [path for path in near if name in path.read_text("utf-8")]
    return [str(path.relative_to(ROOT)) for path in others or named]


def _modules(layer: str) -> dict[str, set[str]]:
    return {
        _dotted(str(path.relative_to(ROOT))): _imports(path)
        for path in (ROOT / layer).rglob("*.py")
    }


def _dotted(module: str) -> str:
    return "tiercel." + module.removesuffix(".py").replace("/", ".")


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def _fails(tree: Path, tests: tuple[str, ...]) -> bool:
    environment = os.environ | {"PYTHONPATH": str(tree / "src")}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    try:
        ended = subprocess.run(
            command,
            cwd=tree,
            env=environment,
            timeout=_MOST_SECONDS,
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return True
    return ended.returncode != 0


if __name__ == "__main__":
    main()
