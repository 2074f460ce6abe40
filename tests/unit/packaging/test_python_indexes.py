from __future__ import annotations

import json

import pytest

from tests.support.codes import because
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.packaging.folders import Folder
from tiercel.domain.packaging.python_indexes import (
    PUBLIC_INDEXES,
    named_indexes,
    require_told_indexes,
)
from tiercel.domain.packaging.python_manifests import PythonManifest

PUBLIC, OURS = PUBLIC_INDEXES[0], "https://packages.example/simple"
UV = f"""
[[package]]
name = "fn"
source = {{ virtual = "fn" }}
dependencies = [{{ name = "lib", extra = ["cake"] }}]
[package.dev-dependencies]
dev = [{{ name = "checker" }}]
[[package]]
name = "lib"
source = {{ editable = "lib" }}
dependencies = [{{ name = "tea" }}]
[package.optional-dependencies]
cake = [{{ name = "cake" }}]
[[package]]
name = "tea"
source = {{ registry = "{PUBLIC}" }}
[[package]]
name = "cake"
source = {{ registry = "{OURS}" }}
[[package]]
name = "checker"
source = {{ registry = "https://checkers.example" }}
"""
POETRY = f"""
[[package]]
name = "tea"
groups = ["main"]
[package.source]
type = "legacy"
url = "{OURS}"
reference = "ours"
[[package]]
name = "checker"
groups = ["dev"]
source = {{ type = "legacy", url = "https://checkers.example" }}
[[package]]
name = "cake"
groups = ["main"]
"""
PIPENV = {
    "_meta": {"sources": [{"name": "pypi", "url": PUBLIC}, {"name": "ours", "url": OURS}]},
    "default": {"tea": {"version": "==1"}, "lib": {"path": "."}},
}
CAKE = {"cake": {"version": "==1", "index": "ours"}}


def named(lock: str, text: str, member: str = ".", requirements: str = "", **more: str) -> set[str]:
    texts = {lock: text} | {name.replace("__", "."): value for name, value in more.items()}
    folder = Folder(frozenset(texts), texts)
    manifest = PythonManifest(requirements=requirements, lock="" if "pyproject" in lock else lock)
    return set(named_indexes(folder, manifest, "src", member=member))


@pytest.mark.parametrize(
    ("lock", "text", "member", "indexes"),
    [
        ("uv.lock", UV, "fn", {PUBLIC, OURS}),
        ("uv.lock", UV, "lib", {PUBLIC}),
        ("uv.lock", UV, "strange", {PUBLIC, OURS, "https://checkers.example"}),
        ("uv.lock", "version = 1", ".", set()),
        ("poetry.lock", POETRY, ".", {OURS}),
        ("Pipfile.lock", json.dumps(PIPENV), ".", {PUBLIC}),
        ("Pipfile.lock", json.dumps(PIPENV | {"default": CAKE}), ".", {OURS}),
        ("Pipfile.lock", json.dumps({"default": {"tea": {"version": "==1"}}}), ".", {PUBLIC}),
        ("pyproject.toml", f'[[tool.uv.index]]\nname = "x"\nurl = "{OURS}"', ".", {OURS}),
        ("pyproject.toml", f'[[tool.uv.index]]\nurl = "{OURS}"\nexplicit = true', ".", set()),
        ("pyproject.toml", f'[tool.uv]\nindex-url = "{OURS}"', ".", {OURS}),
        ("pyproject.toml", f'[tool.uv]\nextra-index-url = ["{OURS}"]', ".", {OURS}),
        ("pyproject.toml", f'[tool.uv.pip]\nindex-url = "{OURS}"', ".", {OURS}),
        ("pyproject.toml", "[tool.ruff]\n<<<<<<< HEAD", ".", set()),
    ],
)
def test_a_lock_or_settings_of_uv_name_the_indexes_of_what_is_installed(
    lock: str, text: str, member: str, indexes: set[str]
) -> None:
    assert named(lock, text, member) == indexes


def test_indexes_are_named_beside_the_file_that_is_installed_too() -> None:
    settings = f'[[tool.uv.index]]\nurl = "{OURS}"'
    pdm = f'[[tool.pdm.source]]\nname = "x"\nurl = "{OURS}"'
    assert named("requirements.txt", "tea", pyproject__toml=settings) == {OURS}
    assert named("pyproject.toml", "[project]", uv__toml=f'index-url = "{OURS}"') == {OURS}
    assert named("pdm.lock", "", pyproject__toml=pdm) == {OURS}
    assert named("pylock.toml", "", pyproject__toml=settings) == set()
    assert named("pylock.toml", "", ".", "requirements.txt", pyproject__toml=settings) == {OURS}


@pytest.mark.parametrize(
    ("lock", "text"),
    [
        ("uv.lock", "package = 1"),
        ("uv.lock", "[[package]]\nname = 1\nsource = 2"),
        ("poetry.lock", '[[package]]\nsource = {type = "legacy"}'),
        ("Pipfile.lock", "[" * 200_000),
        ("Pipfile.lock", '{"default": {}, "_meta": {"sources": [1]}}'),
        ("pyproject.toml", "[tool.uv]\nindex = 1"),
        ("pyproject.toml", "[[tool.uv.index]]\n<<<<<<< HEAD"),
    ],
)
def test_a_file_whose_indexes_cannot_be_told_is_refused(lock: str, text: str) -> None:
    with pytest.raises(RefusedInputError, check=because("build.manifest_not_parsed")):
        named(lock, text)


@pytest.mark.parametrize(
    ("index", "told"),
    [
        (f"{PUBLIC}/", ()),
        (PUBLIC_INDEXES[1], ()),
        (OURS, ("https://me:secret@PACKAGES.example/simple/",)),
        ("https://${USER}:${PASSWORD}@packages.example/simple", (OURS,)),
    ],
)
def test_the_public_index_and_those_that_uv_is_told_are_no_reason_to_refuse(
    index: str, told: tuple[str, ...]
) -> None:
    require_told_indexes([index], told, "src")


@pytest.mark.parametrize(
    ("index", "told", "shown"),
    [
        ("https://me:secret@packages.example/simple", (), OURS),
        ("https://packages.example/local/simple", (OURS,), "https://packages.example/local/simple"),
        ("../wheels", (OURS,), "../wheels"),
        ("https://[secret", (OURS,), "an address that is none"),
    ],
)
def test_an_index_that_nobody_tells_uv_is_refused_by_name_and_without_its_credential(
    index: str, told: tuple[str, ...], shown: str
) -> None:
    with pytest.raises(RefusedInputError, check=because("build.index_not_told")) as refusal:
        require_told_indexes([index, PUBLIC], told, "src")
    assert refusal.value.why == shown
