"""Functions that are built or have dependencies, from a commit to their packages."""

from __future__ import annotations

import io
import json
import logging
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.support.codes import because
from tests.support.packages import elf, wheel
from tests.tasks.conftest import Origin
from tiercel.domain.artifact.source_tree import source_paths, source_tree
from tiercel.domain.base.errors import RefusedInputError, TiercelError
from tiercel.domain.organization.services import Service
from tiercel.domain.organization.topology import BuildPlace, Builds
from tiercel.tasks.build.here import Here
from tiercel.tasks.packaging.builder import Work, build_service, build_work
from tiercel.tasks.source.repository import find_objects

ORDERS = Service(name="orders", path="orders", template="template.json")
HERE = Builds(where=BuildPlace.HERE)
needs_make = pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
needs_npm = pytest.mark.skipif(not shutil.which("npm"), reason="npm is not installed")


def function(runtime: str = "python3.12", method: str = "", **properties: Any) -> dict[str, Any]:
    given = {"CodeUri": "src", "Runtime": runtime} | properties
    described = {"Type": "AWS::Serverless::Function", "Properties": given}
    return described | ({"Metadata": {"BuildMethod": method}} if method else {})


def template(**resources: Any) -> str:
    return json.dumps({"Resources": resources})


def packages(
    origin: Origin, folder: Path, service: Service = ORDERS, builds: Builds = HERE
) -> dict[str, dict[str, bytes]]:
    """Build what the last commit has, and return the files of each package by logical id."""
    commit = origin.fetch()
    objects = find_objects.fn(commit, source_paths(service))
    tree = source_tree(service, {path: found.id for path, found in objects.items()})
    built = build_service.fn(commit, service, tree, builds, folder)
    found = {}
    for one in built.manifest.assets:
        body = built.files[one.sha256].read_bytes()
        if body.startswith(b"PK"):
            with zipfile.ZipFile(io.BytesIO(body)) as archive:
                found[one.logical_id] = {name: archive.read(name) for name in archive.namelist()}
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "build"


@pytest.fixture
def index(tmp_path: Path) -> str:
    """The line of requirements that finds `tea` 1.0 and 2.0, of one module and one program."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for version in ("1.0", "2.0"):
        body = wheel(f"VERSION = '{version}'\n", version=version)
        (wheels / f"tea-{version}-py3-none-any.whl").write_bytes(body)
    return f"--no-index\n--find-links {wheels}\n"


@needs_make
def test_a_function_is_built_by_the_target_that_its_makefile_has_for_it(
    origin: Origin, folder: Path
) -> None:
    makefile = "build-One:\n\tcp app.py $(ARTIFACTS_DIR)/one.py\n"
    makefile += "build-Two:\n\tcp app.py $(ARTIFACTS_DIR)/two.py\n"
    layer = {
        "Type": "AWS::Serverless::LayerVersion",
        "Properties": {"ContentUri": "src", "CompatibleRuntimes": ["python3.12"]},
        "Metadata": {"BuildMethod": "makefile"},
    }
    origin.commit(
        {
            "orders/template.json": template(
                One=function(method="makefile"), Two=function("provided.al2023"), Layer=layer
            ),
            "orders/src/Makefile": f"{makefile}build-Layer:\n\tmkdir $(ARTIFACTS_DIR)/python\n"
            "\tcp app.py $(ARTIFACTS_DIR)/python\n",
            "orders/src/app.py": "x",
        }
    )
    assert packages(origin, folder) == {
        "One": {"one.py": b"x"},
        "Two": {"two.py": b"x"},
        "Layer": {"python/app.py": b"x"},
    }


@needs_make
def test_a_makefile_may_lie_elsewhere_and_work_elsewhere(origin: Origin, folder: Path) -> None:
    thing = function(method="makefile")
    thing["Metadata"] |= {
        "ProjectRootDirectory": "../",
        "ContextPath": "make",
        "WorkingDirectory": "../lib",
    }
    origin.commit(
        {
            "orders/template.json": template(F=thing),
            "orders/src/app.py": "x",
            "orders/make/Makefile": "build-F:\n\tcp lib.py ../orders/src/app.py $(ARTIFACTS_DIR)\n",
            "lib/lib.py": "y",
        }
    )
    with pytest.raises(RefusedInputError, check=because("build.path_not_in_source")):
        packages(origin, folder)
    service = ORDERS.model_copy(update={"include": ("lib",)})
    assert packages(origin, folder, service)["F"] == {"app.py": b"x", "lib.py": b"y"}


@needs_make
def test_a_build_that_fails_says_what_its_tool_said(origin: Origin, folder: Path) -> None:
    origin.commit(
        {
            "orders/template.json": template(F=function(method="makefile")),
            "orders/src/Makefile": "build-F:\n\t@echo no tea >&2; exit 3\n",
        }
    )
    with pytest.raises(TiercelError, check=because("build.command_failed")) as failure:
        packages(origin, folder)
    assert "orders/src (F in orders/template.json)" in failure.value.what
    assert "no tea" in failure.value.why


@pytest.mark.parametrize(
    ("thing", "file", "lacking"),
    [
        (function("java21"), "pom.xml", "no mvn"),
        (function("provided.al2023", "rust-cargolambda"), "Cargo.toml", "cargo-lambda"),
        (function("nodejs22.x"), "yarn.lock", "no yarn"),
    ],
)
def test_tools_are_looked_for_first_and_named(
    origin: Origin,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    thing: dict[str, Any],
    file: str,
    lacking: str,
) -> None:
    package = json.dumps({"dependencies": {"x": "1"}})
    origin.commit(
        {
            "orders/template.json": template(F=thing),
            f"orders/src/{file}": "x",
            "orders/src/package.json": package,
        }
    )
    bare = folder.with_name("bin")
    bare.mkdir()
    (bare / "git").symlink_to(str(shutil.which("git")))
    monkeypatch.setenv("PATH", str(bare))
    monkeypatch.setattr("tiercel.tasks.build.here.Here.holds", True)
    with pytest.raises(TiercelError, check=because("build.tool_missing")) as failure:
        packages(origin, folder)
    assert lacking in failure.value.what


def test_the_repositorys_own_file_wins_over_an_installed_one_and_both_are_named(
    origin: Origin, folder: Path, index: str, caplog: pytest.LogCaptureFixture
) -> None:
    origin.commit(
        {
            "orders/template.json": template(F=function()),
            "orders/src/requirements.txt": f"{index}tea==1.0\n",
            "orders/src/tea/__init__.py": "own",
        }
    )
    with caplog.at_level(logging.WARNING, "tiercel"):
        found = packages(origin, folder)
    assert found["F"]["tea/__init__.py"] == b"own"
    assert "tea/__init__.py" in caplog.text


def test_a_lock_decides_what_a_range_leaves_open(origin: Origin, folder: Path, index: str) -> None:
    lock = {"default": {"tea": {"version": "==1.0"}}, "develop": {"cake": {"version": "==1.0"}}}
    origin.commit(
        {
            "orders/template.json": template(F=function()),
            "orders/src/requirements.txt": f"{index}tea>=1\n",
            "orders/src/Pipfile.lock": json.dumps(lock),
        }
    )
    assert packages(origin, folder)["F"]["tea/__init__.py"] == b"VERSION = '1.0'\n"


def test_requirements_and_packages_from_beside_the_folder_are_installed(
    origin: Origin, folder: Path, index: str
) -> None:
    origin.commit(
        {
            "orders/template.json": template(F=function()),
            "orders/src/requirements.txt": "-r ../../common/base.txt\n",
            "common/base.txt": f"{index}tea==2.0\n",
        }
    )
    with pytest.raises(RefusedInputError, check=because("build.path_not_in_source")) as refusal:
        packages(origin, folder)
    assert "services.orders.include" in refusal.value.remedy
    service = ORDERS.model_copy(update={"include": ("common",)})
    found = packages(origin, folder, service)["F"]
    assert found["tea/__init__.py"] == b"VERSION = '2.0'\n"
    assert not [name for name in found if "common" in name]


@needs_npm
def test_a_package_that_lies_beside_the_folder_is_in_the_package(
    origin: Origin, folder: Path
) -> None:
    package = {"name": "app", "version": "1.0.0", "dependencies": {"lib": "file:../../lib"}}
    origin.commit(
        {
            "orders/template.json": template(F=function("nodejs22.x")),
            "orders/src/index.js": "x",
            "orders/src/package.json": json.dumps(package),
            "lib/package.json": json.dumps({"name": "lib", "version": "1.0.0"}),
            "lib/index.js": "y",
        }
    )
    service = ORDERS.model_copy(update={"include": ("lib",)})
    assert packages(origin, folder, service)["F"]["node_modules/lib/index.js"] == b"y"


def test_packages_of_a_bundle_are_installed_first_where_the_builder_knows_not_their_lock(
    origin: Origin, folder: Path
) -> None:
    root = {"name": "root", "workspaces": ["orders/*"]}
    origin.commit(
        {
            "orders/template.json": template(F=function("nodejs22.x", "esbuild")),
            "orders/src/package.json": json.dumps({"name": "fn", "dependencies": {"x": "1"}}),
            "orders/src/app.ts": "x",
            "package.json": json.dumps(root),
            "package-lock.json": "{}",
        }
    )
    service = ORDERS.model_copy(update={"include": ("package.json", "package-lock.json")})
    install, bundle = build_work(origin.fetch(), service, Here(), HERE, folder).job.build
    assert install.command[:2] == ("npm", "ci")
    assert not [word for word in install.command if word.startswith(("--omit", "--cpu"))]
    request = json.loads(bundle.command[-1])
    assert (request["in_source"], request["search"]) == (True, ["../../node_modules/.bin"])


@needs_npm
def test_a_member_of_a_workspace_gets_the_packages_that_it_needs(
    origin: Origin, folder: Path
) -> None:
    root = {"name": "root", "private": True, "workspaces": ["orders/*", "lib", "other"]}
    members: dict[str, dict[str, Any]] = {
        "orders/src": {"name": "fn", "version": "1.0.0", "dependencies": {"lib": "*"}},
        "lib": {"name": "lib", "version": "1.0.0"},
        "other": {"name": "other", "version": "1.0.0"},
    }
    links = {
        f"node_modules/{one['name']}": {"resolved": path, "link": True}
        for path, one in members.items()
    }
    lock = {"name": "root", "lockfileVersion": 3, "packages": {"": root} | members | links}
    files = {f"{path}/package.json": json.dumps(one) for path, one in members.items()}
    origin.commit(
        {
            "orders/template.json": template(F=function("nodejs22.x")),
            "orders/src/app.js": "x",
            "lib/index.js": "y",
            "package.json": json.dumps(root),
            "package-lock.json": json.dumps(lock),
        }
        | files
    )
    include = ("lib", "other", "package.json", "package-lock.json")
    service = ORDERS.model_copy(update={"include": include})
    assert packages(origin, folder, service)["F"].keys() == {
        "app.js",
        "package.json",
        "node_modules/lib/index.js",
        "node_modules/lib/package.json",
    }


def test_what_the_machine_cannot_load_is_refused_with_its_name(
    origin: Origin, folder: Path
) -> None:
    origin.commit(
        {
            "orders/template.json": template(
                F=function("provided.al2", Architectures=["arm64"]), G=function(CodeUri="g.zip")
            ),
            "orders/src/bootstrap": elf("arm64", ("GLIBC_2.34",)),
            "orders/g.zip": _zip({"lib.so": elf("x86_64", ("GLIBC_2.28",))}),
        }
    )
    with pytest.raises(RefusedInputError, check=because("package.cannot_be_loaded")) as refusal:
        packages(origin, folder)
    assert refusal.value.why == "bootstrap: it needs glibc 2.34"
    assert refusal.value.where == "orders/src (F in orders/template.json)"
    origin.commit({"orders/src/bootstrap": elf("arm64", ("GLIBC_2.17",))})
    assert packages(origin, folder).keys() == {"F", "G"}
    origin.commit({"orders/g.zip": _zip({"lib.so": elf("arm64")})})
    with pytest.raises(RefusedInputError, check=because("package.cannot_be_loaded")) as refusal:
        packages(origin, folder)
    assert "lib.so" in refusal.value.why


def test_a_runtime_that_is_no_single_one_is_refused_where_something_depends_on_it(
    origin: Origin, folder: Path, index: str
) -> None:
    described = json.loads(template(F=function(Runtime={"Ref": "Rt"})))
    described["Parameters"] = {"Rt": {"Type": "String"}}
    files = {"orders/template.json": json.dumps(described), "orders/src/app.py": "x"}
    origin.commit(files)
    assert packages(origin, folder)["F"] == {"app.py": b"x"}
    origin.commit({"orders/src/requirements.txt": f"{index}tea\n"})
    with pytest.raises(RefusedInputError, check=because("package.machine_unknown")):
        packages(origin, folder)
    service = ORDERS.model_copy(update={"parameters": {"Rt": "python3.10"}})
    assert "tea/__init__.py" in packages(origin, folder, service)["F"]
    described["Resources"]["F"]["Properties"]["Runtime"] = {"Fn::Sub": "python${Rt}"}
    origin.commit({"orders/template.json": json.dumps(described)})
    service = ORDERS.model_copy(update={"parameters": {"Rt": "3.10"}})
    with pytest.raises(RefusedInputError, check=because("package.machine_unknown")):
        packages(origin, folder, service)


def test_a_nested_template_is_built_for_the_machine_that_its_parent_names(
    origin: Origin, folder: Path
) -> None:
    inner = json.loads(template(F=function("provided.al2023", Architectures=[{"Ref": "Arch"}])))
    inner["Parameters"] = {"Arch": {"Type": "String", "Default": "x86_64"}}
    nested = {
        "Type": "AWS::CloudFormation::Stack",
        "Properties": {"TemplateURL": "inner.json", "Parameters": {"Arch": "arm64"}},
    }
    origin.commit(
        {
            "orders/template.json": template(S=nested),
            "orders/inner.json": json.dumps(inner),
            "orders/src/bootstrap": elf("arm64"),
        }
    )
    assert packages(origin, folder)["F"].keys() == {"bootstrap"}


def test_a_member_of_uvs_workspace_is_installed_from_the_lock_at_its_root(
    origin: Origin, folder: Path
) -> None:
    member = '[project]\nname = "fn"\ndependencies = ["lib"]\n'
    origin.commit(
        {
            "orders/template.json": template(F=function()),
            "orders/src/pyproject.toml": member,
            "pyproject.toml": '[tool.uv.workspace]\nmembers = ["orders/*"]\n',
            "uv.lock": "version = 1\n",
        }
    )
    service = ORDERS.model_copy(update={"include": ("pyproject.toml", "uv.lock")})
    export, install = build_work(origin.fetch(), service, Here(), HERE, folder).job.build
    assert (export.folder.name, export.command[1]) == ("src", "export")
    assert "--no-hashes" not in export.command
    assert install.command[install.command.index("--target") + 1] == "orders/src"


def test_an_index_that_only_a_lock_or_settings_name_has_to_be_told_to_uv(
    origin: Origin, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = "https://packages.example/simple"
    lock = f'[[package]]\nname = "tea"\nsource = {{ registry = "{ours}" }}\n'
    alone = {"orders/template.json": template(F=function()), "orders/src/requirements.txt": "tea"}
    beside = {"orders/src/pyproject.toml": f'[tool.uv]\nindex-url = "{ours}"\n'}
    locked = {"orders/src/uv.lock": lock, "orders/src/pyproject.toml": ""}
    monkeypatch.setenv("UV_INDEX", f"ours={ours}")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://mirror.example/simple")
    for number, files in enumerate((alone | beside, locked)):
        origin.commit(files)
        at = folder.with_name(f"build-{number}")
        with pytest.raises(RefusedInputError, check=because("build.index_not_told")):
            build_work(origin.fetch(), ORDERS, Here(), HERE, at)
        for name in ("UV_INDEX", "UV_DEFAULT_INDEX"):
            telling = Builds(where=BuildPlace.HERE, pass_environment=(name,))
            told = build_work(origin.fetch(), ORDERS, Here(), telling, at.with_suffix(f".{name}"))
            assert told.job.build


def test_tests_import_what_functions_need_and_their_own_requirements(
    origin: Origin, folder: Path, index: str
) -> None:
    origin.commit(
        {
            "orders/template.json": template(F=function()),
            "orders/src/requirements.txt": f"{index}tea==1.0\n",
            "orders/tests/requirements.txt": f"{index}tea==2.0\n",
        }
    )
    script = "import tea; assert tea.VERSION == '2.0', tea.VERSION"
    service = ORDERS.model_copy(
        update={"test": ("python3", "-c", script), "test_requirements": "tests/requirements.txt"}
    )
    work, place = _worked(origin, folder, service)
    place.test(work.job)
    found = packages(origin, folder, service)["F"]
    assert found["tea/__init__.py"] == b"VERSION = '1.0'\n"
    with pytest.raises(RefusedInputError, check=because("build.test_requirements")):
        _worked(origin, folder, service.model_copy(update={"test_requirements": "missing.txt"}))
    failing = service.model_copy(update={"test_requirements": None})
    work, place = _worked(origin, folder, failing)
    with pytest.raises(TiercelError, check=because("build.command_failed")) as failure:
        place.test(work.job)
    assert "AssertionError: 1.0" in failure.value.why


def _worked(origin: Origin, folder: Path, service: Service) -> tuple[Work, Here]:
    work = build_work(origin.fetch(), service, Here(), HERE, folder, verifying=True)
    return work, Here()


@pytest.mark.parametrize(
    ("runtime", "file"),
    [("dotnet8", "Function.cs"), ("java21", "App.java"), ("nodejs22.x", "app.ts")],
)
def test_sources_that_have_to_be_compiled_are_not_packaged(
    origin: Origin, folder: Path, runtime: str, file: str
) -> None:
    origin.commit(
        {"orders/template.json": template(F=function(runtime)), f"orders/src/{file}": "x"}
    )
    with pytest.raises(RefusedInputError, check=because("build.compiler_needed")):
        packages(origin, folder)


def test_sources_are_not_packaged_either_where_a_deploy_tells_their_language(
    origin: Origin, folder: Path
) -> None:
    thing = function(Runtime={"Fn::ImportValue": "org-runtime"})
    origin.commit({"orders/template.json": template(F=thing), "orders/src/App.java": "x"})
    with pytest.raises(RefusedInputError, check=because("package.machine_unknown")):
        packages(origin, folder)
    origin.commit({"orders/template.json": template(F=thing | {"Metadata": {"SkipBuild": True}})})
    assert packages(origin, folder)["F"].keys() == {"App.java"}


def test_a_module_that_is_only_there_compiled_is_kept(origin: Origin, folder: Path) -> None:
    origin.commit(
        {
            "orders/template.json": template(F=function()),
            "orders/src/app.py": "x",
            "orders/src/app.pyc": "left out",
            "orders/src/vendored.pyc": "kept",
            "orders/src/__pycache__/app.cpython-312.pyc": "left out",
        }
    )
    assert packages(origin, folder)["F"].keys() == {"app.py", "vendored.pyc"}


@pytest.mark.parametrize(
    "files",
    [
        {"orders/src/model.bin": "version https://git-lfs.github.com/spec/v1\noid sha256:1\n"},
        {"orders/src/secret.enc": "x", ".gitattributes": "*.enc filter=vault\n"},
        {"orders/src/secret.enc": "x", "orders/.gitattributes": "src/*.enc filter=vault\n"},
    ],
)
def test_a_file_whose_content_git_does_not_have_is_refused(
    origin: Origin, folder: Path, files: dict[str, str]
) -> None:
    origin.commit({"orders/template.json": template(F=function())} | files)
    with pytest.raises(RefusedInputError, check=because("source.filtered")):
        packages(origin, folder)


def _zip(files: dict[str, bytes]) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return body.getvalue()
