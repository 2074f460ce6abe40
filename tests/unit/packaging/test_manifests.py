from __future__ import annotations

import json

import pytest

from tests.support.codes import because
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.packaging.folders import Folder
from tiercel.domain.packaging.node_manifests import NodeManifest, node_manifest, npm_settings
from tiercel.domain.packaging.python_manifests import (
    PythonManifest,
    paths_outside,
    python_manifest,
    uv_members,
)

PROJECT = '[project]\nname = "x"\ndependencies = ["six"]\n'
DYNAMIC = '[project]\nname = "x"\ndynamic = ["dependencies"]\n'
SETUP = "setup(name='x', install_requires=['six'])\n"
POETRY = '[tool.poetry.dependencies]\npython = "^3.12"\nsix = "*"\n'


def folder(*names: str, **texts: str) -> Folder:
    given = {name.replace("__", "."): text for name, text in texts.items()}
    return Folder(frozenset((*names, *given)), given)


def package(**values: object) -> str:
    return json.dumps({"dependencies": {"x": "1"}} | values)


@pytest.mark.parametrize(
    ("files", "manifest"),
    [
        (folder("app.py"), None),
        (folder("requirements.txt"), PythonManifest(requirements="requirements.txt")),
        (folder("uv.lock", pyproject__toml=PROJECT), PythonManifest(lock="uv.lock")),
        (
            folder("uv.lock", "requirements.txt"),
            PythonManifest(requirements="requirements.txt", lock="uv.lock"),
        ),
        (folder("pylock.toml"), PythonManifest(lock="pylock.toml")),
        (
            folder("Pipfile.lock", Pipfile="[packages]\nsix = '*'"),
            PythonManifest(lock="Pipfile.lock"),
        ),
        (folder(pyproject__toml=PROJECT), PythonManifest(requirements="pyproject.toml")),
        (folder(pyproject__toml="[tool.ruff]\n"), None),
        (folder(pyproject__toml='[project]\nname = "x"\ndynamic = ["version"]\n'), None),
        (folder(pyproject__toml='[tool.poetry.dependencies]\npython = "^3.12"\n'), None),
        (folder(pyproject__toml=f'{DYNAMIC}[tool.poetry.dependencies]\npython = "^3.12"\n'), None),
        (folder(pyproject__toml="\ufeff[tool.pytest.ini_options]\n"), None),
        (folder(setup__py="setup(name='x', install_requires=[])"), None),
        (folder(setup__py="# install_requires=['six']\nsetup()"), None),
        (folder(setup__cfg="[flake8]\nignore = E1\n[options]\ninstall_requires =\n"), None),
        (
            folder("requirements.txt", pyproject__toml="<<<<<<< HEAD\n", setup__py=SETUP),
            PythonManifest(requirements="requirements.txt"),
        ),
        (folder("uv.lock", pyproject__toml=DYNAMIC), PythonManifest(lock="uv.lock")),
        (
            folder(pyproject__toml=PROJECT, setup__py=SETUP),
            PythonManifest(requirements="pyproject.toml"),
        ),
    ],
)
def test_a_manifest_or_lock_that_is_there_is_read(
    files: Folder, manifest: PythonManifest | None
) -> None:
    assert python_manifest(files, "src") == manifest


@pytest.mark.parametrize(
    ("files", "code"),
    [
        (folder("uv.lock", "poetry.lock"), "build.several_locks"),
        (folder(pyproject__toml=POETRY), "build.no_lock"),
        (folder(Pipfile="[packages]\nsix = '*'\n"), "build.no_lock"),
        (folder(pyproject__toml=f"{DYNAMIC}{POETRY}"), "build.no_lock"),
        (folder("environment.yml"), "build.manifest_not_read"),
        (folder(pyproject__toml=DYNAMIC), "build.manifest_not_read"),
        (folder(setup__py=SETUP), "build.manifest_not_read"),
        (
            folder(setup__py="needs = {'c#': 1, 'install_requires': read()}"),
            "build.manifest_not_read",
        ),
        (folder(setup__cfg="[options]\ninstall_requires =\n  six\n"), "build.manifest_not_read"),
        (folder(pyproject__toml="[tool.ruff]\n<<<<<<< HEAD\n"), "build.manifest_not_parsed"),
        (folder(pyproject__toml=f"x = {'[' * 10_000}"), "build.manifest_not_parsed"),
        (folder(pyproject__toml='project = "x"'), "build.manifest_not_parsed"),
        (folder(pyproject__toml="tool = 1"), "build.manifest_not_parsed"),
        (folder(pyproject__toml='[tool]\npoetry = "x"'), "build.manifest_not_parsed"),
        (folder(pyproject__toml='[[project]]\nname = "x"'), "build.manifest_not_parsed"),
        (folder(Pipfile="=======\n"), "build.manifest_not_parsed"),
        (folder(Pipfile='packages = "six"'), "build.manifest_not_parsed"),
        (folder(setup__cfg="[flake8]\n>>>>>>> mine\n"), "build.manifest_not_parsed"),
    ],
)
def test_a_manifest_that_nothing_would_read_is_refused(files: Folder, code: str) -> None:
    with pytest.raises(RefusedInputError, check=because(code)):
        python_manifest(files, "src")


@pytest.mark.parametrize(
    ("files", "manifest"),
    [
        (folder("index.js"), None),
        (folder("yarn.lock", package__json='{"devDependencies": {"x": "1"}}'), None),
        (folder(package__json=package()), NodeManifest(manager="npm", locked=False)),
        (
            folder("package-lock.json", package__json=package()),
            NodeManifest(manager="npm", locked=True),
        ),
        (
            folder(package__json=package(), yarn__lock="# yarn lockfile v1\n"),
            NodeManifest(manager="yarn", locked=True),
        ),
        (
            folder(package__json=package(), yarn__lock="__metadata:\n  version: 8\n"),
            NodeManifest(manager="yarn", locked=True, berry=True),
        ),
        (folder("bun.lockb", package__json=package()), NodeManifest(manager="bun", locked=True)),
        (
            folder(
                "yarn.lock", "pnpm-lock.yaml", package__json=package(packageManager="pnpm@9.1.0")
            ),
            NodeManifest(manager="pnpm", locked=True),
        ),
    ],
)
def test_the_manager_that_wrote_the_lock_installs(
    files: Folder, manifest: NodeManifest | None
) -> None:
    assert node_manifest(files, "src") == manifest


@pytest.mark.parametrize(
    ("files", "code"),
    [
        (folder("yarn.lock", "package-lock.json", package__json=package()), "build.several_locks"),
        (folder(package__json="{"), "build.package_json"),
        (folder(package__json="[]"), "build.package_json"),
    ],
)
def test_a_folder_that_no_manager_can_be_told_for_is_refused(files: Folder, code: str) -> None:
    with pytest.raises(RefusedInputError, check=because(code)):
        node_manifest(files, "src")


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("-r ../../common/base.txt\nsix\n", {"../../common/base.txt"}),
        ("../../common\n./local\nname @ file:../x\n", {"../../common", "../x"}),
        (package(dependencies={"lib": "file:../../lib/"}), {"../../lib"}),
        ("six==1.0\n# see ...\nhttps://host/a/../b\n", set()),
    ],
)
def test_what_a_manifest_takes_from_beside_its_folder_is_found(text: str, paths: set[str]) -> None:
    assert paths_outside(text) == paths


REACHED = ("npm.acme.com", "packages.acme.com:8443")


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("@acme:registry=https://npm.acme.com/", "@acme:registry=https://npm.acme.com/"),
        ("registry = http://packages.acme.com:8443", "registry=http://packages.acme.com:8443"),
        ('  @acme:registry\t= "https://npm.acme.com/"', "@acme:registry=https://npm.acme.com/"),
        ("'@acme:registry'='https://npm.acme.com/'", "@acme:registry=https://npm.acme.com/"),
        ("@Acme:registry=https://npm.acme.com/a # ours", "@Acme:registry=https://npm.acme.com/a"),
        ("\ufeffregistry=https://NPM.acme.com/${REPO}", "registry=https://NPM.acme.com/${REPO}"),
        ("; registry=https://evil.example/", None),
        ("# @acme:registry=https://evil.example/", None),
        ("git=./evil.sh\nnode-options=--require ./evil.js", None),
        ("//npm.acme.com/:_authToken=${TOKEN}\n//${HOST}/:_authToken=secret", None),
        ("//npm.acme.com/:_auth=secret==\nalways-auth", None),
        ("", None),
    ],
)
def test_of_npms_settings_only_the_registries_are_kept(line: str, kept: str | None) -> None:
    given = folder(__npmrc=f"{line}\n")
    assert npm_settings(given, REACHED, "src") == (f"{kept}\n" if kept else "")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("@acme:registry=https://other.example/", "build.registry_not_reached"),
        ("registry='https://other.example'", "build.registry_not_reached"),
        ("always-auth\r@acme:registry=https://npm.acme.com:444/", "build.registry_not_reached"),
        ("@acme:registry=${ACME_REGISTRY}", "build.npmrc_not_read"),
        ("@acme:registry=https://${HOST}/", "build.npmrc_not_read"),
        ("@acme:registry=https://user:secret@npm.acme.com/", "build.npmrc_not_read"),
        ("@acme:registry=https://npm.acme.com\\@evil.example/", "build.npmrc_not_read"),
        ('@acme:registry="https://npm.acme.com/#secret"', "build.npmrc_not_read"),
        ("REGISTRY=https://npm.acme.com/", "build.npmrc_not_read"),
        ("@acme:Registry=https://npm.acme.com/", "build.npmrc_not_read"),
        ("registry[]=https://npm.acme.com/", "build.npmrc_not_read"),
        ('"\\u0072egistry"=//npm.acme.com/', "build.npmrc_not_read"),
        ("'\"registry\"'=npm.acme.com", "build.npmrc_not_read"),
        ("${SCOPE}:registry=https://npm.acme.com/", "build.npmrc_not_read"),
        ("@acme:${KEY}=https://npm.acme.com/", "build.npmrc_not_read"),
        ("registry", "build.npmrc_not_read"),
        ("@acme:registry=", "build.npmrc_not_read"),
    ],
)
def test_a_registry_that_is_not_asked_is_refused_without_what_is_secret(
    line: str, code: str
) -> None:
    given = folder(__npmrc=f"# x\n//npm.acme.com/:_authToken=secret\n{line}\n")
    with pytest.raises(RefusedInputError, check=because(code)) as refusal:
        npm_settings(given, REACHED, "src")
    assert "secret" not in str(refusal.value.failure)


@pytest.mark.parametrize("name", ["pyproject.toml", "Pipfile", "setup.py", "poetry.lock"])
def test_a_manifest_of_python_that_was_not_read_is_no_empty_one(name: str) -> None:
    with pytest.raises(RefusedInputError, check=because("build.file_not_read")):
        python_manifest(Folder(frozenset({name}), unread=frozenset({name})), "src")


def test_settings_of_npm_that_were_not_read_are_refused() -> None:
    given = Folder(frozenset({".npmrc"}), unread=frozenset({".npmrc"}))
    with pytest.raises(RefusedInputError, check=because("build.file_not_read")):
        npm_settings(given, REACHED, "src")


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ('[tool.uv.workspace]\nmembers = ["libs/*", 1]\n', ["libs/*"]),
        ("[tool.uv.workspace]\nmembers = 1\n", []),
        ("", []),
    ],
)
def test_a_workspace_of_uv_names_its_members(text: str, members: list[str]) -> None:
    assert uv_members(folder(pyproject__toml=text), "src") == members


@pytest.mark.parametrize("text", ['[tool.uv]\nworkspace = "x"\n', "not toml ["])
def test_a_workspace_of_uv_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(RefusedInputError, check=because("build.manifest_not_parsed")):
        uv_members(folder(pyproject__toml=text), "src")
