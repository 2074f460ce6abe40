"""The files of `running.md`, held against AWS's, Prefect's and Kubernetes' own descriptions."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from string import Template
from typing import Any

import botocore.session
import pytest
import yaml
from botocore.validate import ParamValidator
from cryptography import x509
from prefect.client.orchestration import PrefectClient

from tests.support.commands import help_of
from tests.support.services import Unit
from tests.support.topology import topology_text
from tiercel.deployments.worker import build_place
from tiercel.domain.configuration.parsing import parse_topology
from tiercel.domain.organization.topology import BuildPlace
from tiercel.sandbox.machine.prefect_server import SETTINGS, client_environ
from tiercel.tasks.build.isolation.groups import OWN_GROUP

ROOT = Path(__file__).parents[2]
DEPLOYMENTS = ROOT / "deployments"
PYTHONS_OWN = {"-m", "-P"}
ECS = DEPLOYMENTS / "ecs"
KUBERNETES = DEPLOYMENTS / "kubernetes"
CONTAINER = DEPLOYMENTS / "container"
TASKS = sorted(path for path in ECS.glob("*.json") if path.stem not in {"network", "work-pool"})
MANIFESTS = sorted(KUBERNETES.glob("*.yaml"))
VALUES = {
    "environment": "prod",
    "image": "333333333333.dkr.ecr.eu-central-1.amazonaws.com/acme-prod-tiercel@sha256:0",
    "infrastructure_account": "333333333333",
    "partition": "aws",
    "prefect_api_url": "https://prefect.example.com/api",
    "prefect_ui_url": "https://prefect.example.com",
    "prefix": "acme-prod-",
    "private_subnet_a": "subnet-a",
    "private_subnet_b": "subnet-b",
    "region": "eu-central-1",
    "security_group": "sg-1",
    "vpc_cidr": "10.0.0.0/16",
}
# What Fargate sells: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
FARGATE = {"512": range(1024, 4097, 1024), "1024": range(2048, 8193, 1024)}
FARGATE["2048"] = range(4096, 16385, 1024)
SECRET = re.compile(r"AUTH_STRING|PASSWORD|TOKEN|DATABASE_CONNECTION_URL|REDIS.*URL|DOCKET_URL")


def filled(path: Path) -> str:
    return Template(path.read_text()).substitute(VALUES)


@pytest.fixture(scope="module")
def ecs_job() -> Any:
    """These three are imported by who needs them: it takes seconds, and workers collect all."""
    from prefect_aws.workers.ecs_worker import ECSJobConfiguration

    return ECSJobConfiguration


@pytest.fixture(scope="module")
def kubernetes_job() -> Any:
    from prefect_kubernetes.worker import KubernetesWorkerJobConfiguration

    return KubernetesWorkerJobConfiguration


@pytest.fixture(scope="module")
def kubernetes() -> Any:
    import kubernetes_validate

    return kubernetes_validate


def refusals(operation: str, request: dict[str, Any]) -> str:
    """What botocore would refuse before it sends such a request."""
    shape = (
        botocore.session.get_session().get_service_model("ecs").operation_model(operation)
    ).input_shape
    found = ParamValidator().validate(request, shape)
    return str(found.generate_report())


def named(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", TASKS, ids=named)
def test_a_task_definition_is_one_that_ecs_takes(path: Path) -> None:
    task = json.loads(filled(path))
    assert refusals("RegisterTaskDefinition", task) == ""
    assert int(task["memory"]) in FARGATE[task["cpu"]]
    assert task["networkMode"] == "awsvpc"


def test_a_wrong_task_definition_would_be_seen() -> None:
    assert refusals("RegisterTaskDefinition", {"family": "a", "cpus": 1})


@pytest.mark.parametrize("path", TASKS, ids=named)
def test_a_task_gets_secrets_by_reference_and_runs_without_privileges(path: Path) -> None:
    (container,) = json.loads(filled(path))["containerDefinitions"]
    plain = [one["name"] for one in container.get("environment", [])]
    assert [name for name in plain if SECRET.search(name)] == []
    assert all(":secretsmanager:" in one["valueFrom"] for one in container["secrets"])
    assert container["user"] == "10001"
    assert container["linuxParameters"]["capabilities"] == {"drop": ["ALL"]}
    assert container["logConfiguration"]["logDriver"] == "awslogs"


def test_no_task_has_a_public_address() -> None:
    network = json.loads(filled(ECS / "network.json"))
    pool = json.loads(filled(ECS / "work-pool.json"))["job_configuration"]["task_run_request"]
    assert network["awsvpcConfiguration"]["assignPublicIp"] == "DISABLED"
    assert pool["networkConfiguration"] == network


def pool_template(folder: Path) -> dict[str, Any]:
    template: dict[str, Any] = json.loads(filled(folder / "work-pool.json"))
    return template


def job(configuration: Any, folder: Path, values: dict[str, Any]) -> Any:
    """What the worker makes of the pool's template for a run with these job variables."""

    nowhere = PrefectClient("http://127.0.0.1:1/api")  # the templates refer to no block
    return asyncio.run(
        configuration.from_template_and_values(pool_template(folder), values, client=nowhere)
    )


WANTED = {
    "env": {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"},
    "task_role_arn": "arn:aws:iam::333333333333:role/acme-prod-orchestrator",
    "image": "evil",
    "service_account_name": "default",
}


def test_the_ecs_pool_makes_requests_that_ecs_takes_and_fixes_role_and_image(ecs_job: Any) -> None:
    request = job(ecs_job, ECS, WANTED).task_run_request
    (container,) = request["overrides"]["containerOverrides"]
    assert container["environment"] == WANTED["env"]
    container["command"] = container["command"].split()
    container["environment"] = [
        {"name": name, "value": value} for name, value in container["environment"].items()
    ]
    request["overrides"]["cpu"] = str(request["overrides"]["cpu"])
    request["overrides"]["memory"] = str(request["overrides"]["memory"])
    request["tags"] = []
    assert refusals("RunTask", request) == ""
    assert request["taskDefinition"] == json.loads(filled(ECS / "run.json"))["family"]
    assert "orchestrator" not in json.dumps(request)
    assert "evil" not in json.dumps(request)


def test_the_kubernetes_pool_makes_jobs_that_kubernetes_takes_and_fixes_account_and_image(
    kubernetes_job: Any, kubernetes: Any
) -> None:
    configuration = job(kubernetes_job, KUBERNETES, WANTED)
    manifest = configuration.job_manifest
    spec = manifest["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert container["env"] == WANTED["env"]
    container["env"] = [{"name": name, "value": value} for name, value in container["env"].items()]
    assert container["args"] == configuration.command.split()
    manifest["metadata"]["labels"] = {}
    # Prefect refuses a manifest without them at this place, and Kubernetes ignores them there.
    del spec["parallelism"], spec["completions"]
    kubernetes.validate(manifest, "1.30", strict=True)
    assert spec["serviceAccountName"] == "tiercel-run"
    assert container["image"] == VALUES["image"]


def objects(path: Path) -> list[dict[str, Any]]:
    found = [one for one in yaml.safe_load_all(filled(path)) if one]
    return [item for one in found for item in (one["items"] if one["kind"] == "List" else [one])]


OF_THE_CLUSTER = {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
EVERYTHING = [one for path in MANIFESTS for one in objects(path)]


@pytest.mark.parametrize(
    "one", EVERYTHING, ids=lambda one: f"{one['kind']} {one['metadata']['name']}"
)
def test_a_manifest_is_one_that_kubernetes_takes(one: dict[str, Any], kubernetes: Any) -> None:
    kubernetes.validate(one, "1.30", strict=True)
    if one["kind"] not in OF_THE_CLUSTER:
        assert one["metadata"]["namespace"] == "tiercel"


def test_only_jobs_of_the_image_with_its_entry_command_are_admitted() -> None:
    """No cluster evaluates it here, so it is held against what the work pool makes."""
    pool = pool_template(KUBERNETES)["job_configuration"]["job_manifest"]["spec"]["template"]
    (container,) = pool["spec"]["containers"]
    (policy,) = [one for one in EVERYTHING if one["kind"] == "ValidatingAdmissionPolicy"]
    rules = " ".join(one["expression"] for one in policy["spec"]["validations"])
    assert f"one.image == '{container['image']}'" in rules
    assert f"one.command == {container['command']}" in rules
    assert f"serviceAccountName == '{pool['spec']['serviceAccountName']}'" in rules
    assert policy["spec"]["failurePolicy"] == "Fail"
    assert all("emptyDir" in volume for volume in pool["spec"]["volumes"])
    run = json.loads(filled(ECS / "run.json"))["containerDefinitions"][0]
    entry = re.findall(r"^ENTRYPOINT (.+)$", containerfile(), re.MULTILINE)
    assert run["entryPoint"] == container["command"] == json.loads(entry[0])


def test_a_wrong_manifest_would_be_seen(kubernetes: Any) -> None:
    with pytest.raises(kubernetes.ValidationError):
        kubernetes.validate(
            {"apiVersion": "v1", "kind": "Service", "spec": {"portz": []}}, "1.30", strict=True
        )


def pods() -> list[dict[str, Any]]:
    kinds = {"Deployment", "Job"}
    return [one["spec"]["template"]["spec"] for one in EVERYTHING if one["kind"] in kinds]


def test_every_pod_runs_without_privileges_and_within_limits() -> None:
    for pod in [
        *pods(),
        pool_template(KUBERNETES)["job_configuration"]["job_manifest"]["spec"]["template"]["spec"],
    ]:
        assert pod["securityContext"]["runAsNonRoot"] is True
        for container in pod["containers"]:
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert "memory" in container["resources"]["limits"]


def test_ecs_and_kubernetes_run_the_same_server() -> None:
    api = json.loads(filled(ECS / "server-api.json"))["containerDefinitions"][0]
    (settings,) = [one["data"] for one in EVERYTHING if one["kind"] == "ConfigMap"]
    assert {one["name"]: one["value"] for one in api["environment"]} == settings
    (server,) = [
        one["spec"]["template"]["spec"]["containers"][0]
        for one in EVERYTHING
        if one["kind"] == "Deployment" and one["metadata"]["name"] == "prefect-api"
    ]
    assert server["command"] == api["command"]
    # Prefect cannot write into its package there, and would serve no UI.
    written = Path(settings["PREFECT_SERVER_UI_STATIC_DIRECTORY"])
    assert written.parent in [Path(one["mountPath"]) for one in server["volumeMounts"]]
    assert settings["PREFECT_SERVER_UI_API_URL"] == f"{settings['PREFECT_UI_URL']}/api"


def prefect_commands() -> Iterator[tuple[str, ...]]:
    for path in TASKS:
        (container,) = json.loads(filled(path))["containerDefinitions"]
        yield tuple(container["command"])
    for pod in pods():
        yield from (tuple(container["command"]) for container in pod["containers"])
    for unit in (DEPLOYMENTS / "one_machine").glob("*.service"):
        (line,) = re.findall(r"^ExecStart=/opt/tiercel/bin/(.+)$", unit.read_text(), re.MULTILINE)
        yield tuple(line.split())


def test_no_python_of_a_unit_or_of_the_image_looks_for_code_in_its_folder() -> None:
    for unit in (DEPLOYMENTS / "one_machine").glob("*.service"):
        assert "/bin/python -P -m " in unit.read_text()
    worker = (DEPLOYMENTS / "one_machine" / "tiercel-worker@.service").read_text()
    assert "\nEnvironment=PYTHONSAFEPATH=1\n" in worker
    image = (DEPLOYMENTS / "container" / "Containerfile").read_text()
    assert " PYTHONSAFEPATH=1 " in image.rpartition("FROM ")[2]


@pytest.mark.parametrize("words", sorted(set(prefect_commands())), ids=" ".join)
def test_a_command_and_its_options_exist(words: tuple[str, ...]) -> None:
    names = [word for word in words if word.startswith("-") and word not in PYTHONS_OWN]
    before = [*itertools.takewhile(lambda word: word not in names, words)]
    shown = help_of(before)
    assert [name for name in names if not re.search(rf"{name}\b", shown)] == []


def containerfile() -> str:
    return (CONTAINER / "Containerfile").read_text().replace("\\\n", " ")


def test_what_the_image_copies_is_there_and_is_all_of_the_package() -> None:
    lines = re.findall(r"^COPY (?!--from)(?:--\S+ )*(.+)$", containerfile(), re.MULTILINE)
    sources = {word for line in lines for word in line.split()[:-1]}
    given = dict(re.findall(r"^ARG (CONFIG|FRAGMENTS)=(.+)$", containerfile(), re.MULTILINE))
    sources = {given.get(source.strip("${}"), source) for source in sources}
    assert len(given) == len(set(given.values()) & sources) == 2
    assert [source for source in sources if not (ROOT / source).exists()] == []
    linked = {path.resolve() for path in (ROOT / "src" / "tiercel").iterdir() if path.is_symlink()}
    assert linked
    assert linked <= {(ROOT / source).resolve() for source in sources}


def test_the_file_of_an_image_is_changed_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tiercel.toml"
    path.write_text(topology_text("acme/shop"))
    monkeypatch.setattr(sys, "argv", ["build_place", str(path), "here"])
    build_place.main()
    build_place.main()
    assert parse_topology(path.read_text()).builds.where is BuildPlace.HERE
    assert capsys.readouterr().out.count("builds.where is now here") == 1


def test_the_image_installs_locked_versions_as_a_user_without_rights() -> None:
    sync = "uv pip sync --no-cache --compile-bytecode --require-hashes requirements.lock"
    assert sync in containerfile()
    assert re.findall(r"^USER (.+)$", containerfile(), re.MULTILINE) == ["10001"]
    locked, every = (
        pins(path) for path in (CONTAINER / "requirements.lock", ROOT / "requirements.lock")
    )
    assert locked - every == set()
    names = {name for name, _ in locked}
    assert {"prefect", "prefect-redis", "prefect-aws", "prefect-kubernetes", "uv"} <= names
    assert not {"pytest", "ministack", "moto"} & names
    assert "hatchling" in {name for name, _ in every}


def test_the_base_of_the_image_is_a_digest_and_its_tools_have_hashes() -> None:
    text = containerfile()
    bases = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert bases == ["${BASE}", "${BASE}"]
    assert re.findall(r"^ARG BASE.*$", text, re.MULTILINE) == ["ARG BASE", "ARG BASE"]
    assert "grep -qE '@sha256:[0-9a-f]{64}$'" in text
    installed = re.findall(r"pip (?:install|sync) [^&\n]+", text)
    assert [one for one in installed if "--require-hashes" not in one] == [
        "pip install --offline --no-cache --compile-bytecode --no-deps /wheel/tiercel-*.whl"
    ]
    tools = pins(CONTAINER / "tools.lock")
    assert tools <= pins(ROOT / "requirements.lock")
    assert {"hatchling", "uv"} <= {name for name, _ in tools}
    blocks = re.split(r"(?m)^(?=\w)", (CONTAINER / "tools.lock").read_text())[1:]
    assert all("--hash=sha256:" in block for block in blocks)


def test_the_workflow_that_publishes_the_image_names_its_base_by_digest() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "distribution.yml").read_text())
    (script,) = [one["run"] for one in workflow["jobs"]["image"]["steps"] if "run" in one]
    (build,) = re.findall(r"^docker build .+$", script.replace("\\\n", " "), re.MULTILINE)
    assert '--build-arg "BASE=$python@$digest"' in build


def test_what_git_ignores_is_not_in_the_context_of_the_image() -> None:
    """A wheel has every file that is there: hatchling would ask git's list, which is not copied."""
    left_out, ignored = (
        {line.removeprefix("**/").strip("/") for line in (ROOT / name).read_text().splitlines()}
        for name in (".dockerignore", ".gitignore")
    )
    assert ignored <= left_out


def test_a_pod_hears_sigterm_where_its_command_does_not_handle_it_as_process_one() -> None:
    for file, deployment in (("server", "prefect-services"), ("worker", "tiercel-worker")):
        found = objects(KUBERNETES / f"{file}.yaml")
        (one,) = [
            item
            for item in found
            if item["metadata"]["name"] == deployment and item["kind"] == "Deployment"
        ]
        assert one["spec"]["template"]["spec"]["shareProcessNamespace"] is True


def test_what_is_written_is_a_volume_where_the_root_is_read_only() -> None:
    (written,) = re.findall(r"^VOLUME (.+)$", containerfile(), re.MULTILINE)
    assert json.loads(written) == ["/tmp", "/home/tiercel"]
    for path in TASKS:
        task = json.loads(filled(path))
        (container,) = task["containerDefinitions"]
        assert container["readonlyRootFilesystem"]
        mounted = {one["sourceVolume"]: one["containerPath"] for one in container["mountPoints"]}
        assert mounted == {"tmp": "/tmp", "home": "/home/tiercel"}
        assert {one["name"] for one in task["volumes"]} == set(mounted)


def test_a_pod_has_a_read_only_root_and_limits_of_cpu_memory_and_files() -> None:
    pool = json.loads(filled(KUBERNETES / "work-pool.json"))["job_configuration"]["job_manifest"]
    for pod in (*pods(), pool["spec"]["template"]["spec"]):
        assert all("sizeLimit" in one["emptyDir"] for one in pod["volumes"])
        for container in pod["containers"]:
            limits = container["resources"]["limits"]
            assert set(limits) == {"cpu", "memory", "ephemeral-storage"}
            assert container["securityContext"]["readOnlyRootFilesystem"]


def test_no_pod_reaches_the_addresses_of_its_node() -> None:
    policies = yaml.safe_load_all(filled(KUBERNETES / "network-policy.yaml"))
    blocks = [
        to["ipBlock"]
        for policy in policies
        for rule in policy["spec"].get("egress", [])
        for to in rule["to"]
        if "ipBlock" in to
    ]
    everywhere = [one for one in blocks if one["cidr"] == "0.0.0.0/0"]
    assert everywhere
    assert all(one["except"] == ["169.254.0.0/16"] for one in everywhere)


LIMITS = {"MemoryMax", "TasksMax"}
KEPT_FOR_BUBBLEWRAP = {
    "IPAddressDeny",
    "PrivateUsers",
    "ProtectKernelLogs",
    "ProtectKernelTunables",
    "ProtectProc",
    "RestrictNamespaces",
}


@pytest.mark.parametrize("name", ["tiercel-server@.service", "tiercel-worker@.service"])
def test_a_unit_has_limits_and_no_privileges(name: str) -> None:
    unit = Unit.read(name, "prod")
    assert set(unit.settings) >= LIMITS
    for setting in ("NoNewPrivileges", "PrivateTmp", "ProtectHome", "RestrictSUIDSGID"):
        assert unit.one(setting) == "yes"
    assert unit.one("ProtectSystem") == "strict"
    assert unit.one("CapabilityBoundingSet") == ""


def test_the_workers_unit_leaves_what_isolated_builds_and_instance_profiles_need() -> None:
    assert not KEPT_FOR_BUBBLEWRAP & set(Unit.read("tiercel-worker@.service").settings)
    assert set(Unit.read("tiercel-server@.service").settings) >= KEPT_FOR_BUBBLEWRAP - {
        "PrivateUsers"
    }


def test_the_workers_unit_delegates_the_group_below_which_builds_have_theirs() -> None:
    unit = Unit.read("tiercel-worker@.service", "prod")
    assert unit.one("DelegateSubgroup") == OWN_GROUP
    assert unit.one("Delegate") == "memory pids"
    assert "ProtectControlGroups" not in unit.settings


def pins(path: Path) -> set[tuple[str, str]]:
    return set(re.findall(r"^([\w.-]+)==([^ ;\\]+)", path.read_text(), re.MULTILINE))


def test_the_server_for_one_machine_and_that_of_the_sandbox_have_the_same_settings() -> None:
    unit = Unit.read("tiercel-server@.service", "prod").environment
    places = {
        "PREFECT_HOME": "/var/lib/tiercel-server-prod",
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": "/var/lib/tiercel-server-prod/ui",
    }
    assert unit == SETTINGS | places


def test_two_servers_of_one_machine_share_nothing() -> None:
    preprod, prod = (
        Unit.read("tiercel-server@.service", name).settings for name in ("preprod", "prod")
    )
    for key in ("User", "StateDirectory", "EnvironmentFile"):
        assert preprod[key] != prod[key]
    assert "--port ${TIERCEL_SERVER_PORT}" in preprod["ExecStart"][0]


def test_a_worker_of_one_machine_reaches_its_server_as_the_sandboxes_workers_do() -> None:
    lines = (DEPLOYMENTS / "one_machine" / "worker.env.example").read_text().splitlines()
    example = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    ours = client_environ(example["PREFECT_API_URL"])
    shipped = {
        "PREFECT_API_SSL_CERT_FILE": f"/etc/tiercel/{Path(ours['PREFECT_API_SSL_CERT_FILE']).name}"
    }
    assert {name: example[name] for name in ours} == ours | shipped


def test_the_certificate_for_plain_http_vouches_for_nobody() -> None:
    path = Path(client_environ("http://127.0.0.1:1/api")["PREFECT_API_SSL_CERT_FILE"])
    (certificate,) = x509.load_pem_x509_certificates(path.read_bytes())
    assert certificate.not_valid_after_utc < datetime.now(UTC)
