"""Repositories whose settings or packages make an installer run something, in `here` too."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from pathlib import Path

from tests.adversary.builds_network import listening
from tests.adversary.frame import Attack, Kind, Removal
from tests.adversary.removals import NO_SETTINGS, WHEELS_ALONE
from tiercel.domain.base.errors import TiercelError
from tiercel.domain.organization.services import Service
from tiercel.domain.organization.topology import BuildPlace, Builds
from tiercel.tasks.build.here import Here
from tiercel.tasks.build.job import BuildJob
from tiercel.tasks.packaging.dependencies import install_steps
from tiercel.tasks.packaging.workshop import Workshop

_PYTHON = "domain.packaging.installers:python_install"
_NODE = "domain.packaging.installers:_npm"
_BACKEND = """
[build-system]
requires = []
build-backend = "evil"
backend-path = ["."]
[project]
name = "tea"
version = "1.0"
"""


def _install(folder: Path, files: dict[str, str], runtime: str) -> None:
    """Install what a function of a repository names, as a worker with `here` does."""
    service = Service(name="orders", path=".", template="template.json")
    shop = Workshop(service, folder / "root", folder / "scratch", folder / "objects")
    function = {"CodeUri": "src", "Handler": "app.handler", "Runtime": runtime}
    template = {"Resources": {"F": {"Type": "AWS::Serverless::Function", "Properties": function}}}
    for name, text in (files | {"template.json": json.dumps(template)}).items():
        path = shop.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    shop.scratch.mkdir()
    builds = Builds(where=BuildPlace.HERE, timeout_seconds=60)
    with suppress(TiercelError):
        steps = install_steps(shop, builds, runs_code=Here.holds)
        Here().build(BuildJob(service, builds, shop.root, shop.scratch, steps))


def _mark(folder: Path) -> Path:
    return folder / "deed"


def _settings_of_npm(folder: Path) -> bool:
    """The repository tells npm which program is git."""
    evil = f"#!/bin/sh\ntouch {_mark(folder)}\nexit 1\n"
    package = {"name": "x", "version": "1.0.0", "dependencies": {"a": "git+file:///nowhere"}}
    files = {
        "src/package.json": json.dumps(package),
        "src/.npmrc": "git=./evil.sh\n",
        "src/evil.sh": evil,
    }
    _install(folder, files, "nodejs22.x")
    return _mark(folder).exists()


def _local_package(folder: Path) -> bool:
    """requirements.txt names a package of the repository, which is built when it is installed."""
    evil = f"from pathlib import Path\nPath({str(_mark(folder))!r}).touch()\n"
    files = {
        "src/requirements.txt": "./local\n",
        "src/local/pyproject.toml": _BACKEND,
        "src/local/evil.py": evil,
    }
    _install(folder, files, "python3.12")
    return _mark(folder).exists()


def _own_interpreter(folder: Path) -> bool:
    """The repository has a virtual environment, whose Python uv would ask what it is."""
    evil = f'#!/bin/sh\ntouch {_mark(folder)}\nexec python3 "$@"\n'
    files = {
        "src/requirements.txt": "\n",
        "src/.venv/pyvenv.cfg": "home = /usr/bin\n",
        "src/.venv/bin/python": evil,
    }
    _install(folder, files, "python3.12")
    return _mark(folder).exists()


def _index_of_uv(folder: Path) -> bool:
    """The repository tells uv which index to ask."""
    with listening() as server:
        index = f'[[index]]\nurl = "http://127.0.0.1:{server.port}/simple"\ndefault = true\n'
        files = {"src/requirements.txt": "tea==1.0\n", "src/uv.toml": index}
        _install(folder, files, "python3.12")
    return bool(server.asked)


def _no_npm() -> str:
    return "" if shutil.which("npm") else "there is no npm"


ATTACKS = (
    Attack(
        "npm takes git from the repository", Kind.ESCAPE, "npm finds no settings in the folder",
        (
            NO_SETTINGS,
            Removal(_NODE, '("--git=/bin/false",)', "()"),
        ),
        _settings_of_npm, impossible=_no_npm,
    ),
    Attack("uv builds a package of the repository", Kind.ESCAPE, "wheels alone in `here`",
           (WHEELS_ALONE,), _local_package),
    Attack("uv runs a Python of the repository", Kind.ESCAPE, "the machine's own Python",
           (Removal(_PYTHON, '"--system", '),), _own_interpreter),
    Attack("uv takes an index from the repository", Kind.REACH, "uv reads no settings",
           (
               Removal(_PYTHON, '"--no-config", '),
               Removal("domain.packaging.python_indexes:require_told_indexes", "if missing:",
                       "if not known:"),
           ), _index_of_uv),
)  # fmt: skip
