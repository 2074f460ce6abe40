"""What a repository is written in: what its builds need, and from where they install."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import NamedTuple

from tiercel.domain.onboarding.stacks import NOT_SOURCES


class Language(NamedTuple):
    """A language, the files that say it, the hosts of its public index, and programs of a build."""

    name: str
    manifests: tuple[str, ...]
    hosts: tuple[str, ...]
    programs: tuple[str, ...] = ()


LANGUAGES = (
    Language(
        "Python",
        ("requirements.txt", "pyproject.toml", "Pipfile", "uv.lock"),
        ("pypi.org", "files.pythonhosted.org"),
    ),
    Language("Node.js", ("package.json",), ("registry.npmjs.org",), ("node", "npm")),
    Language(
        "Java",
        ("pom.xml", "build.gradle", "build.gradle.kts"),
        ("repo.maven.apache.org",),
        ("java", "mvn or gradle"),
    ),
    Language("Go", ("go.mod",), ("proxy.golang.org", "sum.golang.org"), ("go",)),
    Language(".NET", (".csproj", ".fsproj", ".vbproj"), ("api.nuget.org",), ("dotnet",)),
    Language("Ruby", ("Gemfile",), ("rubygems.org", "index.rubygems.org"), ("ruby", "bundle")),
    Language(
        "Rust",
        ("Cargo.toml",),
        ("index.crates.io", "static.crates.io"),
        ("cargo", "cargo-lambda"),
    ),
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
