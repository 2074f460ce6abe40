from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from tests.sandbox.support import (
    PREPROD,
    TOPOLOGY,
    call_url,
    caller,
    deploy,
    deployer,
    eventually,
    orchestrator,
    outputs,
    staged,
    zipped,
)
from tiercel.domain.base.errors import TiercelError
from tiercel.sandbox.aws.journal import journal_size, read_journal
from tiercel.sandbox.lifecycle import Sandbox, down, status, up
from tiercel.sandbox.machine.processes import bind, start, stop
from tiercel.sandbox.machine.record import Ports

pytestmark = pytest.mark.process

QUEUE = {"Type": "AWS::SQS::Queue"}


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "state"
    down(tmp_path / "state")


def server(box: Sandbox, name: str = "aws") -> psutil.Process:
    record = json.loads((box.state / "sandbox.json").read_text())
    return psutil.Process(record[name]["process"]["pid"])


def is_running(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_up_twice_is_one_sandbox(box: Sandbox) -> None:
    before = server(box)
    assert up(box.state, TOPOLOGY, prefect=False, github=False) == box
    assert server(box) == before
    assert status(box.state) == box


def test_two_ups_at_once_start_one_sandbox(state: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        boxes = list(pool.map(lambda _: up(state, TOPOLOGY, prefect=False, github=False), range(2)))
    assert boxes[0] == boxes[1]
    ours = [
        process
        for process in psutil.process_iter(["cmdline"])
        if str(state) in " ".join(process.info["cmdline"] or [])
    ]
    assert len(ours) == 1


def snapshot(state: Path) -> str:
    """Return what was last written about stacks."""
    path = state / "aws" / "cloudformation.json"
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


def test_a_killed_sandbox_starts_again_with_what_it_held_seconds_before(state: Path) -> None:
    first = up(state, TOPOLOGY, prefect=False, github=False)
    who, process = deployer(first, PREPROD), server(first)
    queue = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}
    stack = deploy(who, PREPROD.prefix + "killed", queue)
    eventually(lambda: "CREATE_COMPLETE" in snapshot(state))
    credentials = first.credentials_file.read_text()
    process.send_signal(signal.SIGKILL)
    eventually(lambda: not is_running(process))
    assert status(state) is None
    second = up(state, TOPOLOGY, prefect=False, github=False)
    assert second == first
    assert server(second) != process
    assert second.credentials_file.read_text() == credentials
    cloudformation = deployer(second, PREPROD).client("cloudformation")
    found = cloudformation.describe_stacks(StackName=stack["StackName"])["Stacks"][0]
    assert found["StackId"] == stack["StackId"]


def test_a_pid_that_now_belongs_to_another_process_is_left_alone(state: Path) -> None:
    box = up(state, TOPOLOGY, prefect=False, github=False)
    process, path = server(box), state / "sandbox.json"
    record = json.loads(path.read_text())
    try:
        record["aws"]["process"]["pid"] = os.getpid()
        path.write_text(json.dumps(record))
        assert status(state) is None
        assert down(state) is False
    finally:
        process.terminate()
        process.wait(10)


def test_down_ends_the_processes_of_functions_too(state: Path) -> None:
    box = up(state, TOPOLOGY, prefect=False, github=False)
    who = deployer(box, PREPROD)
    body = "import os\ndef handler(event, context):\n    return os.getpid()\n"
    function = {
        "Type": "AWS::Serverless::Function",
        "Properties": {
            "Handler": "app.handler",
            "Runtime": "python3.11",
            "CodeUri": staged(who, zipped(app=body)),
            "PermissionsBoundary": PREPROD.boundary_arn,
        },
    }
    template = {
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {"F": function},
        "Outputs": {"Name": {"Value": {"Ref": "F"}}},
    }
    name = outputs(deploy(who, PREPROD.prefix + "f", template))["Name"]
    worker = psutil.Process(int(who.client("lambda").invoke(FunctionName=name)["Payload"].read()))
    aws = server(box)
    assert down(state) is True
    assert not is_running(worker)
    assert not is_running(aws)
    assert down(state) is False


def test_a_process_that_ignores_sigterm_is_killed_with_its_children(tmp_path: Path) -> None:
    child = "import time; time.sleep(60)"
    program = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    log = tmp_path / "log"
    parent = start([sys.executable, "-c", program], {"PATH": os.environ["PATH"]}, log)
    child_pid = int(eventually(lambda: log.read_text().strip()))
    started = time.monotonic()
    assert stop([parent], patience=0.3) == 1
    assert 0.3 <= time.monotonic() - started < 5
    assert parent.find() is None
    assert not psutil.pid_exists(child_pid) or not is_running(psutil.Process(child_pid))
    assert stop([parent]) == 0


def test_functions_of_a_killed_emulator_are_ended_by_the_next_up(state: Path) -> None:
    box = up(state, TOPOLOGY, prefect=False, github=False)
    program = box.state / "tmp" / "left-over.py"
    program.write_text("import time\ntime.sleep(60)\n")
    orphan = subprocess.Popen([sys.executable, program])
    server(box).send_signal(signal.SIGKILL)
    eventually(lambda: status(state) is None)
    up(state, TOPOLOGY, prefect=False, github=False)
    orphan.wait(5)


def test_what_the_accounts_hold_survives_down_and_up(state: Path) -> None:
    before = up(state, TOPOLOGY, prefect=False, github=False)
    who = deployer(before, PREPROD)
    body = "def handler(event, context):\n    return {'statusCode': 200, 'body': 'still here'}\n"
    function = {
        "Type": "AWS::Serverless::Function",
        "Properties": {
            "Handler": "app.handler",
            "Runtime": "python3.11",
            "CodeUri": staged(who, zipped(app=body)),
            "PermissionsBoundary": PREPROD.boundary_arn,
            "Events": {"A": {"Type": "HttpApi", "Properties": {"Path": "/x", "Method": "get"}}},
        },
    }
    template = {
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {
            "F": function,
            "Table": {"Type": "AWS::Serverless::SimpleTable"},
            "Queue": {"Type": "AWS::SQS::Queue"},
        },
        "Outputs": {
            "Name": {"Value": {"Ref": "F"}},
            "Url": {
                "Value": {
                    "Fn::Sub": "https://${ServerlessHttpApi}.execute-api.${AWS::Region}.amazonaws.com/x"
                }
            },
        },
    }
    stack = deploy(who, PREPROD.prefix + "kept", template)
    ledger = orchestrator(before, PREPROD).client("s3")
    for content in (b"one", b"two"):
        ledger.put_object(Bucket=PREPROD.artifact_bucket, Key="kept/1", Body=content)
    signing = orchestrator(before, PREPROD).client("kms")
    request = {"Message": b"m", "SigningAlgorithm": "ECDSA_SHA_256"}
    signed = signing.sign(KeyId=PREPROD.signing_key_alias, **request)
    assert down(state)

    after = up(state, TOPOLOGY, prefect=False, github=False)
    assert after == before
    who = deployer(after, PREPROD)
    cloudformation = who.client("cloudformation")
    again = cloudformation.describe_stacks(StackName=stack["StackId"])["Stacks"][0]
    assert (again["StackStatus"], again["Outputs"]) == (stack["StackStatus"], stack["Outputs"])
    resources = cloudformation.list_stack_resources(StackName=stack["StackName"])
    assert len(resources["StackResourceSummaries"]) >= 5
    assert cloudformation.describe_stack_events(StackName=stack["StackId"])["StackEvents"]
    answer = who.client("lambda").invoke(FunctionName=outputs(stack)["Name"])
    assert b"still here" in answer["Payload"].read()
    assert call_url(after, outputs(stack)["Url"])[:2] == (200, "still here")
    ledger = orchestrator(after, PREPROD).client("s3")
    versions = ledger.list_object_versions(Bucket=PREPROD.artifact_bucket, Prefix="kept/1")
    assert len(versions["Versions"]) == 2
    old = min(versions["Versions"], key=lambda version: version["IsLatest"])["VersionId"]
    for wanted, more in ((b"two", {}), (b"one", {"VersionId": old})):
        found = ledger.get_object(Bucket=PREPROD.artifact_bucket, Key="kept/1", **more)
        assert found["Body"].read() == wanted
    with pytest.raises(Exception, match="PreconditionFailed"):
        ledger.put_object(Bucket=PREPROD.artifact_bucket, Key="kept/1", Body=b"", IfNoneMatch="*")
    verified = (
        orchestrator(after, PREPROD)
        .client("kms")
        .verify(KeyId=PREPROD.signing_key_alias, Signature=signed["Signature"], **request)
    )
    assert verified["SignatureValid"]
    template["Resources"].pop("Queue")  # type: ignore[attr-defined]
    assert deploy(who, stack["StackName"], template, "UPDATE")["StackStatus"] == "UPDATE_COMPLETE"


def test_latency_is_added_to_every_call_but_those_that_fill_the_accounts(state: Path) -> None:
    box = up(state, TOPOLOGY, prefect=False, latency_ms=300)
    assert min(entry.duration_ms for entry in read_journal(box.journal)) < 300
    person = caller(box, "prod").client("sts")
    since = journal_size(box.journal)
    started = time.perf_counter()
    person.get_caller_identity()
    assert time.perf_counter() - started >= 0.3
    (entry,) = eventually(
        lambda: [
            one for one in read_journal(box.journal, since) if one.operation == "GetCallerIdentity"
        ]
    )
    assert entry.duration_ms >= 300
    messages: list[str] = []
    assert up(state, TOPOLOGY, prefect=False, report=messages.append).latency_ms == 300
    assert messages == ["AWS already runs, with a latency of 300 ms"]


def test_a_stack_takes_as_long_as_is_asked_for(state: Path) -> None:
    box = up(state, TOPOLOGY, prefect=False, github=False, stack_seconds=0.6)
    stacks = caller(box, "prod-runtime-root").client("cloudformation")
    started = time.perf_counter()
    stacks.create_stack(StackName="slow", TemplateBody=json.dumps({"Resources": {"Queue": QUEUE}}))
    (stack,) = stacks.describe_stacks(StackName="slow")["Stacks"]
    assert stack["StackStatus"] == "CREATE_IN_PROGRESS"
    stacks.get_waiter("stack_create_complete").wait(StackName="slow", WaiterConfig={"Delay": 0.1})
    assert time.perf_counter() - started >= 0.6


def test_it_listens_on_loopback_only(box: Sandbox) -> None:
    process = server(box)
    deployer(box, PREPROD)
    listeners = [
        (connection.laddr.ip, connection.laddr.port)
        for one in (process, *process.children(recursive=True))
        for connection in one.net_connections("all")
        if connection.status == psutil.CONN_LISTEN or connection.type == 2
    ]
    assert {address for address, _ in listeners} == {"127.0.0.1"}
    # The gateway, and where custom resources answer.
    assert int(box.aws_endpoint.rpartition(":")[2]) in {port for _, port in listeners}
    assert len(listeners) == 2


def test_the_emulator_sees_nothing_of_the_callers_environment(box: Sandbox) -> None:
    environment = server(box).environ()
    assert environment["HOME"] == str(box.state / "home")
    assert not {name for name in environment if name.startswith(("PYTEST", "GITHUB", "PREFECT"))}
    folders = {name for name, value in environment.items() if str(box.state) in value}
    assert {"HOME", "TMPDIR", "STATE_DIR", "S3_DATA_DIR"} <= folders


def test_a_port_that_is_taken_is_an_error_that_names_it(state: Path) -> None:
    with bind(0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(TiercelError, match="cannot listen") as raised:
            up(state, TOPOLOGY, prefect=False, ports=Ports(aws=port))
    assert raised.value.where == f"127.0.0.1:{port}"
    assert status(state) is None


def test_a_remembered_port_that_is_taken_is_replaced_by_another(state: Path) -> None:
    first = up(state, TOPOLOGY, prefect=False, github=False)
    down(state)
    with bind(int(first.aws_endpoint.rpartition(":")[2])):
        second = up(state, TOPOLOGY, prefect=False, github=False)
    assert second.aws_endpoint != first.aws_endpoint


def test_an_emulator_that_dies_is_an_error_with_the_end_of_its_log(state: Path) -> None:
    (state / "journal.jsonl").mkdir(parents=True)
    with pytest.raises(TiercelError, match="ended before it was ready") as raised:
        up(state, TOPOLOGY, prefect=False, github=False)
    assert "IsADirectoryError" in raised.value.why
    assert raised.value.where == str(state / "aws.log")
    assert status(state) is None


@pytest.mark.parametrize("module", ["psutil", "ministack"])
def test_a_sandbox_that_is_not_installed_says_how_to_install_it(
    tmp_path: Path, module: str
) -> None:
    program = (
        "import sys, pathlib\n"
        f"sys.modules[{module!r}] = None\n"
        "from tiercel.domain.base.errors import TiercelError\n"
        "try:\n"
        "    from tiercel.sandbox.lifecycle import up\n"
        "    from tests.sandbox.support import TOPOLOGY\n"
        "    up(pathlib.Path(sys.argv[1]), TOPOLOGY, prefect=False, github=False)\n"
        "except TiercelError as error:\n"
        "    print(error.why, error.remedy)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "state"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert module in result.stdout
    assert "pip install 'tiercel[sandbox]'" in result.stdout


def test_down_without_a_sandbox_does_nothing(tmp_path: Path) -> None:
    assert down(tmp_path / "never") is False
    assert not (tmp_path / "never").exists()


def test_the_environment_names_the_profile_and_its_region(box: Sandbox) -> None:
    variables = box.environ("prod-runtime-root")
    assert variables["AWS_PROFILE"] == "prod-runtime-root"
    assert variables["AWS_REGION"] == variables["AWS_DEFAULT_REGION"] == "eu-central-1"
    assert "PREFECT_API_URL" not in variables
    with pytest.raises(KeyError):
        box.environ("staging")


def test_prefect_starts_beside_aws_and_stops_with_it(state: Path) -> None:
    messages: list[str] = []
    box = up(state, TOPOLOGY, report=messages.append)
    assert box.environ("preprod")["PREFECT_API_URL"] == box.prefect_api_url
    ui = httpx.get(f"{box.prefect_ui_url}/ui-settings").json()
    assert ui["api_url"] == box.prefect_api_url
    settings = httpx.get(f"{box.prefect_api_url}/admin/settings").json()
    assert settings["server"]["analytics_enabled"] is False
    assert settings["server"]["concurrency"]["lease_storage"].endswith("filesystem")
    processes = [server(box, "prefect"), *server(box, "prefect").children(recursive=True)]
    addresses = {
        connection.laddr.ip
        for process in processes
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert addresses == {"127.0.0.1"}
    assert "filling 4 accounts" in messages
    assert down(state)
    assert not any(is_running(process) for process in processes)
