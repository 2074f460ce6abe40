from __future__ import annotations

import io
import json
import logging
import os
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.hostile_folders import nest_folders
from tests.support.packages import wheel
from tests.tasks.conftest import Origin
from tests.tasks.packages import (
    ORDERS,
    PLAIN,
    body_of,
    build,
    contents_of,
    function,
    package_of,
    refusal_of,
    resource,
    template,
    template_of,
    zip_of,
)
from tiercel.domain.base.errors import (
    ExitCode,
    TransientError,
)
from tiercel.domain.configuration.parsing import parse_topology
from tiercel.domain.organization.services import Service
from tiercel.domain.template.locations import ASSET_BUCKET_PARAMETER
from tiercel.tasks.packaging.builder import Built, build_folder
from tiercel.tasks.source.services import load_services

ROOT = Path(__file__).parents[3]


@pytest.fixture
def requirements(tmp_path: Path) -> str:
    """Requirements that are found on this machine, one wheel for each of Lambda's machines."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for machine in ("x86_64", "aarch64"):
        tag = f"cp312-cp312-manylinux_2_28_{machine}"
        (wheels / f"tea-1.0-{tag}.whl").write_bytes(wheel(f"MACHINE = '{machine}'\n", tag))
    return f"--no-index\n--find-links {wheels}\ntea==1.0\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "build"


def test_a_build_that_was_broken_off_is_tried_again_in_the_same_folder(
    origin: Origin, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin.commit(
        {"orders/template.json": json.dumps({"Resources": {"A": {"Type": "AWS::SNS::Topic"}}})}
    )
    script = tmp_path / "bin" / "git"
    script.parent.mkdir()
    script.write_text(
        f'#!/bin/sh\ncase "$*" in *checkout*) kill -KILL $$ ;; esac\n'
        f'exec {shutil.which("git")} "$@"\n'
    )
    script.chmod(0o755)
    checked_out = ORDERS.model_copy(update={"build": ("true",)})
    with monkeypatch.context() as broken:
        broken.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")
        with pytest.raises(TransientError):
            build(origin, folder, checked_out)
    assert build(origin, folder, checked_out).manifest.service == "orders"


def commit_example(origin: Origin) -> dict[str, Service]:
    shutil.copytree(ROOT / "examples/shop", origin.clone, dirs_exist_ok=True)
    origin.push()
    topology = parse_topology((ROOT / "tiercel.toml").read_text())
    return load_services.fn(origin.fetch(), topology).services


def test_every_service_of_the_example_is_built(origin: Origin, tmp_path: Path) -> None:
    services = commit_example(origin)
    assert services.keys() == {"storage", "catalog", "orders", "fulfilment"}
    for name, service in services.items():
        built = build(origin, tmp_path / name, service)
        assert built.manifest.service == name
        assert built.files.keys() == {entry.sha256 for entry in built.manifest.objects}
        for entry in built.manifest.objects:
            body_of(built, entry)
        assert "src/" not in json.dumps(template_of(built))


def test_the_example_gives_the_same_bytes_from_another_clone_folder_and_umask(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = commit_example(origin)
    first = {name: build(origin, tmp_path / f"1/{name}", s) for name, s in services.items()}
    monkeypatch.setenv("TIERCEL_CACHE_DIR", str(tmp_path / "another/cache/elsewhere"))
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    before = os.umask(0o077)
    try:
        for name, service in services.items():
            again = build(origin, tmp_path / f"another/place/{name}", service)
            assert again.manifest == first[name].manifest
            assert again.manifest.digest == first[name].manifest.digest
            for sha256, path in again.files.items():
                assert path.read_bytes() == first[name].files[sha256].read_bytes()
    finally:
        os.umask(before)


def test_a_commit_that_changes_other_paths_gives_the_same_manifest(
    origin: Origin, tmp_path: Path
) -> None:
    origin.commit(
        {"orders/template.json": template(F=function(CodeUri="src")), "orders/src/a": "1"}
    )
    first = build(origin, tmp_path / "1").manifest
    origin.commit({"catalog/a": "2", "README.md": "3"})
    assert build(origin, tmp_path / "2").manifest == first
    origin.commit({"orders/src/a": "changed"})
    assert build(origin, tmp_path / "3").manifest.artifact_id != first.artifact_id


def test_a_template_without_local_files_is_the_only_object(origin: Origin, folder: Path) -> None:
    origin.commit({"orders/template.json": template(), "orders/app.py": "x"})
    built = build(origin, folder)
    assert built.manifest.objects == (built.manifest.template,)
    assert built.manifest.assets == ()
    assert built.manifest.template.key.endswith(".template")


def test_parameters_are_required_unless_they_have_a_default(origin: Origin, folder: Path) -> None:
    described = json.loads(template(F=PLAIN))
    described["Parameters"] = {
        "Table": {"Type": "String"},
        "Level": {"Type": "String", "Default": ""},
    }
    origin.commit({"orders/template.json": json.dumps(described), "orders/src/app.py": "x"})
    built = build(origin, folder)
    found = {parameter.name: parameter.required for parameter in built.manifest.parameters}
    assert found == {"Table": True, "Level": False, ASSET_BUCKET_PARAMETER: True}


@pytest.mark.parametrize("marked", [True, "true", "True"])
def test_parameters_with_no_echo_are_known_to_be_secrets(
    origin: Origin, folder: Path, *, marked: bool | str
) -> None:
    described = json.loads(template(F=PLAIN))
    described["Parameters"] = {
        "Password": {"Type": "String", "NoEcho": marked},
        "Level": {"Type": "String", "NoEcho": False},
    }
    origin.commit({"orders/template.json": json.dumps(described), "orders/src/app.py": "x"})
    built = build(origin, folder)
    secret = {parameter.name for parameter in built.manifest.parameters if parameter.no_echo}
    assert secret == {"Password"}


def test_a_function_is_a_zip_of_its_folder(origin: Origin, folder: Path) -> None:
    origin.commit(
        {
            "orders/template.json": template(F=function(CodeUri="src/")),
            "orders/src/app.py": "x",
            "orders/src/lib/run": "#!/bin/sh\n",
            "orders/tests/test_app.py": "not packaged",
        }
    )
    (origin.clone / "orders/src/lib/run").chmod(0o755)
    origin.push()
    built = build(origin, folder)
    assert contents_of(built, "F") == {"app.py": b"x", "lib/run": b"#!/bin/sh\n"}
    with zipfile.ZipFile(io.BytesIO(package_of(built, "F"))) as archive:
        assert archive.getinfo("lib/run").external_attr >> 16 & 0o111
    location = template_of(built)["Resources"]["F"]["Properties"]["CodeUri"]
    (reference,) = built.manifest.assets
    assert location == {
        "Bucket": {"Ref": ASSET_BUCKET_PARAMETER},
        "Key": f"packages/{reference.sha256}.zip",
    }
    assert (reference.template, reference.path) == ("orders/template.json", "src/")


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("src/app.py", {"app.py"}),
        ("./src", {"app.py", "lib/x"}),
        ("src/../src/lib", {"x"}),
        ("../orders/src/lib", {"x"}),
        (".", {"template.json", "src/app.py", "src/lib/x"}),
        ("", {"template.json", "src/app.py", "src/lib/x"}),
    ],
)
def test_a_path_is_read_from_the_templates_folder(
    origin: Origin, folder: Path, path: str, names: set[str]
) -> None:
    origin.commit(
        {
            "orders/template.json": template(F=function(CodeUri=path)),
            "orders/src/app.py": "x",
            "orders/src/lib/x": "y",
        }
    )
    assert contents_of(build(origin, folder), "F").keys() == names


@pytest.mark.parametrize("name", ["app.zip", "app.jar"])
def test_a_package_that_is_made_already_is_taken_as_it_is(
    origin: Origin, folder: Path, name: str
) -> None:
    body = zip_of({"app.py": b"x"})
    origin.commit(
        {"orders/template.json": template(F=function(CodeUri=name)), f"orders/{name}": body}
    )
    assert package_of(build(origin, folder), "F") == body


def test_a_package_that_is_made_already_is_looked_into(origin: Origin, folder: Path) -> None:
    origin.commit(
        {
            "orders/template.json": template(F=function(CodeUri="app.zip")),
            "orders/app.zip": zip_of({"../app.py": b"x"}),
        }
    )
    error = refusal_of(origin, folder)
    assert error.code == "package.unsafe_name"
    assert error.where == "orders/app.zip (F in orders/template.json)"


def test_a_function_of_plain_cloudformation_is_packaged_too(origin: Origin, folder: Path) -> None:
    origin.commit({"orders/template.json": template(F=PLAIN), "orders/src/app.py": "x"})
    built = build(origin, folder)
    assert contents_of(built, "F") == {"app.py": b"x"}
    assert template_of(built)["Resources"]["F"]["Properties"]["Code"].keys() == {
        "S3Bucket",
        "S3Key",
    }


def test_a_path_that_the_service_includes_is_part_of_its_source(
    origin: Origin, folder: Path
) -> None:
    origin.commit(
        {
            "orders/template.json": template(F=function(CodeUri="../common")),
            "common/lib.py": "x",
        }
    )
    service = ORDERS.model_copy(update={"include": ("common",)})
    assert contents_of(build(origin, folder, service), "F") == {"lib.py": b"x"}


@pytest.mark.parametrize("path", ["../common", "../common/lib.py", "missing", "n" * 300])
def test_a_path_that_is_not_in_the_source_is_refused_and_a_build_named_as_the_way_out(
    origin: Origin, folder: Path, path: str
) -> None:
    origin.commit(
        {
            "orders/template.json": template(F=function(CodeUri=path)),
            "orders/src/app.py": "x",
            "common/lib.py": "y",
        }
    )
    error = refusal_of(origin, folder)
    assert error.exit_code is ExitCode.REFUSED
    assert error.what == "the service's source lacks what is named by F.CodeUri"
    assert "orders/template.json" in error.where
    assert "services.orders.build" in error.remedy


@pytest.mark.parametrize(
    "path", ["../..", "../../etc/passwd", "/etc/passwd", "/", "src/../../../x"]
)
def test_a_path_that_leaves_the_repository_is_refused(
    origin: Origin, folder: Path, path: str
) -> None:
    origin.commit({"orders/template.json": template(F=function(CodeUri=path)), "orders/src/a": "x"})
    error = refusal_of(origin, folder)
    assert error.code == "template.path_leads_out"
    assert error.where == "F.CodeUri in orders/template.json"
    assert path in error.why


@pytest.mark.parametrize("target", ["/etc", "/etc/passwd", "../../../outside", "../common", "src"])
@pytest.mark.parametrize(
    "thing",
    [function(CodeUri="src"), resource("AWS::Serverless::Api", DefinitionUri="src")],
    ids=["code", "file"],
)
def test_a_link_that_leads_out_of_the_source_or_nowhere_is_refused(
    origin: Origin, folder: Path, thing: dict[str, Any], target: str
) -> None:
    folder.parent.joinpath("outside").mkdir()
    origin.commit({"orders/template.json": template(F=thing), "common/lib.py": "x"})
    (origin.clone / "orders/src").symlink_to(target)
    origin.push()
    assert refusal_of(origin, folder).code == "template.path_not_in_source"


def test_a_link_inside_a_package_that_leads_out_of_it_is_refused(
    origin: Origin, folder: Path
) -> None:
    origin.commit(
        {"orders/template.json": template(F=function(CodeUri="src")), "orders/src/a": "x"}
    )
    (origin.clone / "orders/src/passwd").symlink_to("/etc/passwd")
    origin.push()
    error = refusal_of(origin, folder)
    assert "symbolic link" in error.what
    assert error.where == "orders/src (F in orders/template.json)/passwd"


def test_a_link_that_leads_out_is_refused_beside_installed_packages_too(
    origin: Origin, folder: Path, requirements: str
) -> None:
    origin.commit(
        {
            "orders/template.json": template(F=function(CodeUri="src")),
            "orders/src/requirements.txt": requirements,
        }
    )
    (origin.clone / "orders/src/passwd").symlink_to("/etc/passwd")
    origin.push()
    assert "symbolic link" in refusal_of(origin, folder).what


def test_a_link_to_another_part_of_the_source_is_followed(origin: Origin, folder: Path) -> None:
    origin.commit(
        {"orders/template.json": template(F=function(CodeUri="src")), "orders/real/app.py": "x"}
    )
    (origin.clone / "orders/src").symlink_to("real")
    origin.push()
    assert contents_of(build(origin, folder), "F") == {"app.py": b"x"}


def test_a_template_that_is_a_link_out_of_the_source_is_not_read(
    origin: Origin, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "credentials").write_text("[default]\naws_secret_access_key = hidden\n")
    origin.commit({"orders/app.py": "x"})
    (origin.clone / "orders/template.json").symlink_to(tmp_path / "credentials")
    origin.push()
    error = refusal_of(origin, folder)
    assert error.code == "template.missing"
    assert "hidden" not in str(error)


def test_a_service_whose_folder_is_a_link_out_of_the_repository_is_not_read(
    origin: Origin, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/template.json").write_text(template())
    (origin.clone / "orders").symlink_to(tmp_path / "elsewhere")
    origin.push()
    assert refusal_of(origin, folder).code == "template.missing"


def test_a_service_without_its_template_is_refused(origin: Origin, folder: Path) -> None:
    origin.commit({"orders/app.py": "x"})
    error = refusal_of(origin, folder)
    assert error.code == "template.missing"
    assert error.where == "orders/template.json"


def test_an_error_that_knows_no_place_is_given_the_services(origin: Origin, folder: Path) -> None:
    origin.commit({"orders/template.json": template()})
    service = ORDERS.model_copy(update={"build": ("false",)})
    assert refusal_of(origin, folder, service).where == "service orders, folder orders"


def test_requirements_are_installed_for_lambdas_machine_and_not_for_this_one(
    origin: Origin, folder: Path, requirements: str
) -> None:
    origin.commit(
        {
            "orders/template.json": template(
                Intel=function(CodeUri="src"), Arm=function(CodeUri="src", Architectures=["arm64"])
            ),
            "orders/src/app.py": "import tea",
            "orders/src/requirements.txt": requirements,
            "orders/src/bin/own": "stays",
        }
    )
    built = build(origin, folder)
    assert contents_of(built, "Intel")["tea/__init__.py"] == b"MACHINE = 'x86_64'\n"
    assert contents_of(built, "Arm")["tea/__init__.py"] == b"MACHINE = 'aarch64'\n"


def test_what_names_this_machine_or_this_time_is_not_packaged(
    origin: Origin, folder: Path, requirements: str
) -> None:
    origin.commit(
        {
            "orders/template.json": template(F=function(CodeUri="src")),
            "orders/src/app.py": "import tea",
            "orders/src/requirements.txt": requirements,
            "orders/src/bin/own": "stays",
        }
    )
    assert contents_of(build(origin, folder), "F").keys() == {
        "app.py",
        "bin/own",
        "requirements.txt",
        "tea/__init__.py",
        "tea-1.0.dist-info/METADATA",
        "tea-1.0.dist-info/WHEEL",
        "tea-1.0.dist-info/entry_points.txt",
    }


def test_installed_packages_give_the_same_bytes_again(
    origin: Origin, tmp_path: Path, requirements: str
) -> None:
    origin.commit(
        {
            "orders/template.json": template(F=function(CodeUri="src")),
            "orders/src/requirements.txt": requirements,
        }
    )
    first = build(origin, tmp_path / "1").manifest
    for path in (tmp_path / "wheels").iterdir():
        os.utime(path, (10**9, 10**9))
    assert build(origin, tmp_path / "2").manifest == first


def test_packages_that_cannot_be_installed_fail_the_build_with_the_installers_reason(
    origin: Origin, folder: Path
) -> None:
    origin.commit(
        {
            "orders/template.json": template(F=function(CodeUri="src")),
            "orders/src/requirements.txt": "--no-index\nno-such-package==1.0\n",
        }
    )
    error = refusal_of(origin, folder)
    assert error.exit_code is ExitCode.BUILD_FAILED
    assert "no-such-package" in error.why


def test_two_functions_that_share_their_code_are_packaged_once(
    origin: Origin, folder: Path, requirements: str, caplog: pytest.LogCaptureFixture
) -> None:
    origin.commit(
        {
            "orders/template.json": template(
                One=function(CodeUri="src"), Two=function(CodeUri="./src/", Timeout=5)
            ),
            "orders/src/requirements.txt": requirements,
        }
    )
    with caplog.at_level(logging.INFO, "tiercel"):
        built = build(origin, folder)
    installed = [m for m in caplog.messages if "install dependencies" in m]
    assert len(installed) == 1
    assert package_of(built, "One") == package_of(built, "Two")
    assert len(built.manifest.objects) == 2
    assert [reference.logical_id for reference in built.manifest.assets] == ["One", "Two"]


@pytest.mark.skipif(not shutil.which("npm"), reason="npm is not installed")
def test_node_packages_are_installed_and_their_scripts_are_not_run(
    origin: Origin, folder: Path
) -> None:
    scripts = {"postinstall": "touch trap", "preinstall": "touch trap"}
    origin.commit(
        {
            "orders/template.json": template(F=function(CodeUri="src", Runtime="nodejs22.x")),
            "orders/src/index.js": "require('tea')",
            "orders/src/package.json": json.dumps(
                {
                    "name": "app",
                    "version": "1.0.0",
                    "dependencies": {"tea": "file:./tea"},
                    "scripts": scripts,
                }
            ),
            "orders/src/tea/package.json": json.dumps(
                {"name": "tea", "version": "1.0.0", "scripts": scripts}
            ),
            "orders/src/tea/index.js": "module.exports = 'tea'",
        }
    )
    found = contents_of(build(origin, folder), "F")
    assert found["node_modules/tea/index.js"] == b"module.exports = 'tea'"
    assert not [name for name in found if "trap" in name or name.endswith(".package-lock.json")]


def layer(method: str = "") -> dict[str, Any]:
    described = resource("AWS::Serverless::LayerVersion", ContentUri="layer")
    return described | ({"Metadata": {"BuildMethod": method}} if method else {})


def test_a_layer_with_a_build_method_lies_where_its_runtime_looks(
    origin: Origin, folder: Path, requirements: str
) -> None:
    origin.commit(
        {
            "orders/template.json": template(L=layer("python3.12")),
            "orders/layer/own.py": "x",
            "orders/layer/requirements.txt": requirements,
        }
    )
    found = contents_of(build(origin, folder), "L")
    assert {"python/own.py", "python/tea/__init__.py"} <= found.keys()
    assert not [name for name in found if not name.startswith("python/")]
    assert not [name for name in found if name.endswith("RECORD") or "/bin/" in name]


def test_a_layer_without_a_build_method_is_taken_as_it_is(
    origin: Origin, folder: Path, requirements: str
) -> None:
    origin.commit(
        {
            "orders/template.json": template(L=layer()),
            "orders/layer/python/own.py": "x",
            "orders/layer/requirements.txt": requirements,
        }
    )
    assert contents_of(build(origin, folder), "L").keys() == {"python/own.py", "requirements.txt"}


def test_a_build_command_replaces_whatever_would_be_installed(origin: Origin, folder: Path) -> None:
    thing = function(CodeUri="src") | {"Metadata": {"BuildMethod": "makefile"}}
    origin.commit(
        {
            "orders/template.json": template(F=thing),
            "orders/src/requirements.txt": "no-such-package\n",
            "orders/Makefile": "build:\n\techo made > src/made\n",
        }
    )
    service = ORDERS.model_copy(update={"build": ("make", "--silent", "build")})
    assert contents_of(build(origin, folder, service), "F").keys() == {"requirements.txt", "made"}


def test_a_build_command_may_make_the_template_and_what_it_refers_to(
    origin: Origin, folder: Path
) -> None:
    script = "mkdir out && echo made > out/app.py && cp template.in template.json"
    origin.commit({"orders/template.in": template(F=function(CodeUri="out"))})
    service = ORDERS.model_copy(update={"build": ("sh", "-c", script)})
    assert contents_of(build(origin, folder, service), "F") == {"app.py": b"made\n"}


def test_a_build_command_that_made_nothing_is_a_failed_build(origin: Origin, folder: Path) -> None:
    origin.commit({"orders/template.json": template(F=function(CodeUri="out"))})
    service = ORDERS.model_copy(update={"build": ("true",)})
    error = refusal_of(origin, folder, service)
    assert error.exit_code is ExitCode.BUILD_FAILED
    assert "CodeUri" in error.what


def test_a_build_command_that_fails_stops_before_anything_is_packaged(
    origin: Origin, folder: Path
) -> None:
    origin.commit(
        {"orders/template.json": template(F=function(CodeUri="src")), "orders/src/a": "x"}
    )
    service = ORDERS.model_copy(update={"build": ("sh", "-c", "echo broken; exit 7")})
    error = refusal_of(origin, folder, service)
    assert error.exit_code is ExitCode.BUILD_FAILED
    assert error.why.splitlines() == ["it ended with exit code 7", "broken"]
    assert not list((folder / "objects").iterdir())


def test_a_build_command_cannot_have_another_file_of_this_machine_packaged(
    origin: Origin, folder: Path
) -> None:
    origin.commit({"orders/template.json": template(F=function(CodeUri="src"))})
    service = ORDERS.model_copy(update={"build": ("ln", "-s", "/etc", "src")})
    assert refusal_of(origin, folder, service).code == "template.path_not_in_source"


@pytest.mark.parametrize(
    ("resource_type", "key", "name", "suffix"),
    [
        ("AWS::Serverless::Api", "DefinitionUri", "api.yaml", "yaml"),
        ("AWS::Serverless::HttpApi", "DefinitionUri", "api.JSON", "json"),
        ("AWS::Serverless::StateMachine", "DefinitionUri", "m.asl.json", "json"),
        ("AWS::ApiGateway::RestApi", "BodyS3Location", "api.yml", "yml"),
        ("AWS::StepFunctions::StateMachine", "DefinitionS3Location", "machine", "file"),
        ("AWS::Serverless::Api", "DefinitionUri", "api.j2", "file"),
        ("AWS::Serverless::Api", "DefinitionUri", "api.é", "file"),
        ("AWS::Serverless::Api", "DefinitionUri", ".yaml", "file"),
    ],
)
def test_a_definition_is_an_object_as_it_is(
    origin: Origin, folder: Path, resource_type: str, key: str, name: str, suffix: str
) -> None:
    thing = resource(resource_type, **{key: name})
    body = b"\xff any bytes: {not: a template}"
    origin.commit({"orders/template.json": template(D=thing), f"orders/{name}": body})
    built = build(origin, folder)
    assert package_of(built, "D") == body
    (reference,) = built.manifest.assets
    assert f"packages/{reference.sha256}.{suffix}" in {
        entry.key for entry in built.manifest.objects
    }


def test_a_folder_is_no_definition(origin: Origin, folder: Path) -> None:
    thing = resource("AWS::Serverless::Api", DefinitionUri="src")
    origin.commit({"orders/template.json": template(D=thing), "orders/src/api.yaml": "x"})
    assert refusal_of(origin, folder).exit_code is ExitCode.REFUSED


def stack(path: str) -> dict[str, Any]:
    return resource("AWS::CloudFormation::Stack", TemplateURL=path)


def nested(built: Built, logical_id: str) -> dict[str, Any]:
    return dict(json.loads(package_of(built, logical_id)))


def test_nested_templates_are_packaged_with_what_they_refer_to(
    origin: Origin, folder: Path
) -> None:
    origin.commit(
        {
            "orders/template.json": template(
                Stack=stack("nested/one.yaml"),
                App=resource("AWS::Serverless::Application", Location="nested/two.json"),
            ),
            "orders/nested/one.yaml": template(Inner=function(CodeUri="src")),
            "orders/nested/two.json": template(),
            "orders/nested/src/app.py": "x",
        }
    )
    built = build(origin, folder)
    assert contents_of(built, "Inner") == {"app.py": b"x"}
    assert [(r.template, r.logical_id) for r in built.manifest.assets] == [
        ("orders/nested/one.yaml", "Inner"),
        ("orders/template.json", "Stack"),
        ("orders/template.json", "App"),
    ]
    for name in ("Stack", "App"):
        properties = template_of(built)["Resources"][name]["Properties"]
        assert properties["TemplateURL"]["Fn::Sub"].endswith(".template")
        assert ASSET_BUCKET_PARAMETER in properties["Parameters"]
        assert ASSET_BUCKET_PARAMETER in nested(built, name)["Parameters"]
    assert nested(built, "Stack")["Resources"]["Inner"]["Properties"]["CodeUri"]["Key"]


def test_a_nested_template_that_is_used_twice_is_packaged_once(
    origin: Origin, folder: Path
) -> None:
    origin.commit(
        {
            "orders/template.json": template(One=stack("n.json"), Two=stack("./n.json")),
            "orders/n.json": template(Inner=function(CodeUri="src")),
            "orders/src/app.py": "x",
        }
    )
    built = build(origin, folder)
    assert [r.logical_id for r in built.manifest.assets] == ["Inner", "One", "Two"]
    assert len(built.manifest.objects) == 3


def test_nested_templates_that_fan_out_are_built_in_seconds(origin: Origin, folder: Path) -> None:
    wide = {f"S{number}": stack("next.json") for number in range(100)}
    files = {
        f"orders/{'n/' * level}template.json": template(
            **{k: stack("n/template.json") for k in wide}
        )
        for level in range(4)
    }
    origin.commit(files | {"orders/n/n/n/n/template.json": template()})
    assert len(build(origin, folder).manifest.objects) == 5


@pytest.mark.parametrize(
    "files",
    [
        {"template.json": template(S=stack("template.json"))},
        {
            "template.json": template(S=stack("a.json")),
            "a.json": template(S=stack("template.json")),
        },
        {
            "template.json": template(S=stack("a.json")),
            "a.json": template(S=stack("../orders/a.json")),
        },
        {
            f"{'n/' * level}template.json": template(S=stack("n/template.json"))
            for level in range(6)
        },
    ],
)
def test_templates_in_a_circle_or_nested_too_deeply_are_refused(
    origin: Origin, folder: Path, files: Mapping[str, str]
) -> None:
    origin.commit({f"orders/{name}": text for name, text in files.items()})
    error = refusal_of(origin, folder)
    assert error.code == "template.nested_too_deeply"
    assert error.where.startswith("orders/template.json -> ")


def test_a_broken_nested_template_is_named(origin: Origin, folder: Path) -> None:
    origin.commit({"orders/template.json": template(S=stack("n.yaml")), "orders/n.yaml": "a: ["})
    assert refusal_of(origin, folder).where == "orders/n.yaml"


def test_a_template_that_has_no_room_for_the_bucket_is_refused(
    origin: Origin, folder: Path
) -> None:
    described = json.loads(template(F=PLAIN))
    described["Parameters"] = {f"P{n}": {"Type": "String", "Default": ""} for n in range(200)}
    origin.commit({"orders/template.json": json.dumps(described), "orders/src/app.py": "x"})
    assert "Parameters of the template: 201" in refusal_of(origin, folder).what


def test_a_submodule_in_the_source_is_refused(origin: Origin, folder: Path) -> None:
    origin.commit({"orders/template.json": template()})
    origin.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},orders/vendor")
    origin.git("commit", "--quiet", "--message=Add a submodule")
    origin.git("push", "--quiet", str(origin.bare), "HEAD:refs/heads/develop")
    assert refusal_of(origin, folder).code == "source.submodule"


def test_the_folder_of_a_build_is_gone_afterwards() -> None:
    with build_folder() as path:
        (path / "source").mkdir()
    assert not path.exists()


def test_the_folder_of_a_build_is_gone_however_deep_the_build_has_made_it() -> None:
    with build_folder() as path:
        nest_folders(path, 1100)  # Python does not call itself as often
    assert not path.exists()
