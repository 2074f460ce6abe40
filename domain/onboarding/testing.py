"""How the tests of a service are run, as far as its files tell."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from tiercel.domain.base.values import Frozen
from tiercel.domain.onboarding.seen import RepositorySeen, Unclear

_OF_PYTHON = re.compile(r"(test_.*|.*_test)\.py")
_REQUIREMENTS = re.compile(r"requirements.*\.txt")
_NO_TEST = "no test specified"
_OTHERS = {".go": "_test.go", ".java": "Test.java", ".cs": "Tests.cs", ".rb": "_spec.rb"}


class TestsFound(Frozen):
    """The command that runs a service's tests in its folder, and what it needs installed.

    Without a command, and nothing unclear, there are none.
    """

    __test__ = False  # no class of tests for pytest

    command: tuple[str, ...] = ()
    requirements: str | None = None
    unclear: tuple[Unclear, ...] = ()


def wanted_texts(paths: Iterable[str]) -> list[str]:
    """Return the files whose contents say how tests are run."""
    return [path for path in paths if _says_something(PurePosixPath(path))]


def _says_something(path: PurePosixPath) -> bool:
    name = path.name
    is_test = bool(_OF_PYTHON.fullmatch(name)) or name == "conftest.py"
    return is_test or name == "package.json" or bool(_REQUIREMENTS.fullmatch(name))


def tests_of(seen: RepositorySeen, service: str, folder: str) -> TestsFound:
    """Return how a service's tests are run, and what could not be told."""
    files = seen.below(folder)
    python = [one for one in files if _OF_PYTHON.fullmatch(one.name)]
    if python:
        return _of_python(seen, service, PurePosixPath(folder), python)
    node = [one for one in files if one.name == "package.json" and _has_script(seen, one)]
    if node:
        return _of_node(service, PurePosixPath(folder), node)
    other = next((one for one in files if one.name.endswith(tuple(_OTHERS.values()))), None)
    do = f"name their command in services.{service}.test"
    if other:
        return TestsFound(unclear=(Unclear(what=f"how {other} is run", do=do),))
    return TestsFound()


def _of_python(
    seen: RepositorySeen, service: str, folder: PurePosixPath, tests: list[PurePosixPath]
) -> TestsFound:
    unit = [one for one in tests if "unit" in one.parts] or tests
    top = PurePosixPath(*_shared([one.relative_to(folder).parent.parts for one in unit]))
    if not _uses_pytest(seen, folder, tests):
        whole = str(folder / top / "__init__.py") in seen.paths or str(top) == "."
        within = () if whole else ("discover", "-s", str(top))
        return TestsFound(command=("python3", "-m", "unittest", *within))
    command = ("python3", "-m", "pytest", *(() if str(top) == "." else (str(top),)))
    named = [
        one.relative_to(folder)
        for one in seen.below(str(folder))
        if _REQUIREMENTS.fullmatch(one.name) and re.search(r"(?m)^pytest\b", _text(seen, one))
    ]
    if named:
        return TestsFound(command=command, requirements=str(min(named, key=lambda one: one.parts)))
    lacking = Unclear(
        what=f"which file of {service} names pytest among its requirements",
        do=f"name one in services.{service}.test_requirements: tests have no network of their own",
    )
    return TestsFound(command=command, unclear=(lacking,))


def _uses_pytest(seen: RepositorySeen, folder: PurePosixPath, tests: list[PurePosixPath]) -> bool:
    if any(one.name == "conftest.py" for one in seen.below(str(folder))):
        return True
    texts = [_text(seen, one) for one in tests]
    asked = any(re.search(r"(?m)^\s*(import|from) pytest\b", text) for text in texts)
    return asked or not any("unittest" in text for text in texts)


def _of_node(service: str, folder: PurePosixPath, found: list[PurePosixPath]) -> TestsFound:
    first = min(found, key=lambda one: (len(one.parts), one.parts))
    inner = first.parent.relative_to(folder)
    command = ("npm", "test", *(() if str(inner) == "." else ("--prefix", str(inner))))
    more = [str(one) for one in found if one != first]
    unclear = Unclear(
        what=f"whether the tests of {', '.join(more)} belong to {service} as well",
        do=f"let services.{service}.test run them all",
    )
    return TestsFound(command=command, unclear=(unclear,) if more else ())


def _has_script(seen: RepositorySeen, path: PurePosixPath) -> bool:
    try:
        script = json.loads(_text(seen, path))["scripts"]["test"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
    return isinstance(script, str) and bool(script.strip()) and _NO_TEST not in script


def _text(seen: RepositorySeen, path: PurePosixPath) -> str:
    return seen.texts.get(str(path), "")


def _shared(ways: list[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the folders that all ways begin with."""
    first = ways[0]
    length = next(
        (n for n, part in enumerate(first) if any(way[n : n + 1] != (part,) for way in ways)),
        len(first),
    )
    return first[:length]
