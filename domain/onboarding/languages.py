"""What a repository is written in, and what its builds need."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import NamedTuple

from tiercel.domain.onboarding.stacks import NOT_SOURCES


class Language(NamedTuple):
    """A language, the files that say it, and the programs of a build."""

    name: str
    manifests: tuple[str, ...]
    programs: tuple[str, ...] = ()


LANGUAGES = (
    Language("Python", ("requirements.txt", "pyproject.toml", "Pipfile", "uv.lock")),
    Language("Node.js", ("package.json",), ("node", "npm")),
    Language("Java", ("pom.xml", "build.gradle", "build.gradle.kts"), ("java", "mvn or gradle")),
    Language("Go", ("go.mod",), ("go",)),
    Language(".NET", (".csproj", ".fsproj", ".vbproj"), ("dotnet",)),
    Language("Ruby", ("Gemfile",), ("ruby", "bundle")),
    Language("Rust", ("Cargo.toml",), ("cargo", "cargo-lambda")),
)
"""https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/building-lambda-functions.html"""


def languages_of(paths: Iterable[str]) -> tuple[Language, ...]:
    """Return the languages of which a repository has a manifest outside of its tests."""
    names = {
        PurePosixPath(path).name
        for path in paths
        if not NOT_SOURCES.intersection(PurePosixPath(path).parts[:-1])
    }
    return tuple(one for one in LANGUAGES if any(name.endswith(one.manifests) for name in names))
