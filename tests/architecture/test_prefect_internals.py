"""What is used of Prefect's private parts, part by part: which name broke is the test's name."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from pydantic import BaseModel

from tests.architecture.test_layers import PRODUCT, found_by, found_in

DEPLOYMENTS = Path(__file__).parents[2] / "deployments"
INTERNALS = DEPLOYMENTS / "prefect_internals.py"


def private_imports(tree: ast.Module) -> Iterator[str]:
    """What a module imports of Prefect that has an underscore before any part of its name."""
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        yield from (name for name in names if re.match(r"prefect(_\w+)?\.", name) and "._" in name)


USED = sorted(private_imports(ast.parse(INTERNALS.read_text("utf-8"))))
# What is called how: the parameters that we pass, by name.
CALLED = {
    "prefect.runner._control_channel.ControlChannel.register": {"flow_run_id"},
    "prefect.runner._control_channel.ControlChannel.signal": {"flow_run_id", "intent"},
    "prefect.runner._control_channel.ControlChannel.unregister": {"flow_run_id"},
    "prefect.runner._flow_run_executor.FlowRunExecutor.submit": {"task_status"},
    "prefect.runner._flow_run_executor.FlowRunExecutorContext.create_executor": {
        "flow_run", "starter", "resolve_flow", "propose_submitting",
    },
    "prefect.runner._process_manager.ProcessManager.kill": {"flow_run_id", "force"},
    "prefect.runner._process_manager.ProcessHandle": {"_process", "termination_scope"},
    "prefect.runner._process_manager.create_isolated_termination_scope": {"pid"},
    "prefect.runner._starter_engine.EngineCommandStarter": {
        "command", "cwd", "env", "stream_output", "control_channel", "isolate_process_group",
        "env_overrides_settings", "entrypoint",
    },
    "prefect.workers.base.BaseWorker._submit_run": {"flow_run"},
    "prefect.workers.base.BaseWorker._cancel_run": {"flow_run_id"},
    "prefect.workers.base.BaseWorker._release_limit_slot": {"flow_run_id"},
    "prefect.workers.base.FlowRunCancellingObserver.remove_in_flight_flow_run_id": {"flow_run_id"},
    "prefect.server.database.configurations.AioSqliteConfiguration.begin_transaction": {
        "session", "with_for_update",
    },
    "prefect.server.database.dependencies.set_database_config": {"database_config"},
    "prefect.server.api.server.create_app": {"final"},
}  # fmt: skip
# What is read of an object, by the class that has it.
READ = {
    "prefect.runner._control_channel.ControlSignalStatus": {"ACKNOWLEDGED", "ALREADY_CONCLUDED"},
    "prefect.runner._flow_run_executor.FlowRunExecutionResult": {"status_code"},
    "prefect.runner._flow_run_executor.FlowRunExecutorContext": {
        "client", "control_channel", "process_manager",
    },
    "prefect.workers.base.BaseWorker": {"_submitting_flow_run_ids", "_cancelling_observer"},
    "prefect.workers.process.ProcessJobConfiguration": {"_command_configured", "working_dir"},
}  # fmt: skip
FIELDS = {
    "ConcurrencyLimitSpec": {"limit", "collision_strategy"},
    "DeploymentConfig": {
        "name", "entrypoint", "description", "work_pool", "concurrency_limit", "schedules",
    },
    "PrefectYamlModel": {"name", "build", "push", "pull", "deployments", "prefect_version"},
    "RawScheduleConfig": {"cron", "interval", "slug", "active"},
    "WorkPoolConfig": {"name", "job_variables"},
}  # fmt: skip
# Where Prefect reads what the engine's process is told in its environment.
VARIABLES = {
    "PREFECT__FLOW_RUN_ID": "prefect.engine",
    "PREFECT__ENABLE_CANCELLATION_AND_CRASHED_HOOKS": "prefect.flow_engine",
    "PREFECT__FLOW_ENTRYPOINT": "prefect.flow_engine",
    "PREFECT__CONTROL_PORT": "prefect._internal.control_listener",
    "PREFECT__CONTROL_TOKEN": "prefect._internal.control_listener",
}
_OF_KUBERNETES = "PREFECT_INTEGRATIONS_KUBERNETES"
SETTINGS = {
    f"{_OF_KUBERNETES}_OBSERVER_ENABLED": "observer.enabled",
    f"{_OF_KUBERNETES}_WORKER_API_AUTH_STRING_SECRET_KEY": "api_auth_string_secret_key",
    f"{_OF_KUBERNETES}_WORKER_API_AUTH_STRING_SECRET_NAME": "api_auth_string_secret_name",
}
"""What the definitions set of Prefect's integrations, and where its worker reads that."""
NOT_FOR_US = {"STORAGE_BASE_PATH", "DEPLOYMENT_NAME"}


def named(name: str) -> Any:
    """The object that has this dotted name."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found = import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for part in parts[count:]:
            found = getattr(found, part)
        return found
    raise ModuleNotFoundError(name)


def attributes_of(kind: type) -> set[str]:
    """What objects of a class have: by its definition, or because its methods set it."""
    own = [one for one in kind.__mro__ if one.__module__.startswith("prefect.")]
    set_in_methods = {
        name
        for one in own
        for name in re.findall(r"\bself\.(\w+)\b[^=\n]*=", inspect.getsource(one))
    }
    declared = {name for one in own for name in inspect.get_annotations(one)}
    return set(dir(kind)) | set_in_methods | declared


def test_only_one_module_imports_private_parts_of_prefect() -> None:
    found = found_in(PRODUCT, private_imports)
    assert {entry.partition(":")[0] for entry in found} == {"deployments/prefect_internals.py"}


@pytest.mark.parametrize(
    "code", ["from prefect.runner._a import B", "from prefect.a import _b", "import prefect._c.d"]
)
def test_a_private_part_is_found(code: str) -> None:
    assert found_by(private_imports, code)


@pytest.mark.parametrize("name", USED)
def test_a_private_part_exists(name: str) -> None:
    assert named(name)


@pytest.mark.process
@pytest.mark.parametrize("name", CALLED)
def test_a_private_part_takes_what_we_give_it(name: str) -> None:
    parameters = inspect.signature(named(name)).parameters
    assert CALLED[name] - set(parameters) == set()
    required = {key for key, one in parameters.items() if one.default is one.empty}
    assert required - CALLED[name] - {"self"} == set()


@pytest.mark.parametrize("name", READ)
def test_a_private_part_has_what_we_read(name: str) -> None:
    assert READ[name] - attributes_of(named(name)) == set()


@pytest.mark.parametrize("name", FIELDS)
def test_a_model_of_prefect_yaml_has_the_keys_that_we_use(name: str) -> None:
    model: type[BaseModel] = named(f"prefect.cli.deploy._models.{name}")
    assert FIELDS[name] - set(model.model_fields) == set()


@pytest.mark.parametrize("name", VARIABLES)
def test_the_engine_reads_what_it_is_told(name: str) -> None:
    assert name in inspect.getsource(import_module(VARIABLES[name]))


def test_what_is_set_of_prefects_integrations_is_read() -> None:
    definitions = (*DEPLOYMENTS.rglob("*.json"), *DEPLOYMENTS.rglob("*.yaml"))
    told = {
        name
        for path in definitions
        for name in re.findall(r"PREFECT_INTEGRATIONS_\w+", path.read_text())
    }
    package = find_spec("prefect_kubernetes")
    assert package is not None
    assert package.origin is not None
    worker = Path(package.origin).with_name("worker.py").read_text()
    assert told == {name for name, read in SETTINGS.items() if read in worker}


def test_the_engine_is_told_all_that_prefect_itself_would_tell() -> None:
    start = inspect.getsource(named("prefect.runner._starter_engine.EngineCommandStarter.start"))
    told = named("tiercel.deployments.prefect_internals.engine_environment")(
        uuid4(), 1, "token", "flows.mine"
    )
    theirs = set(re.findall(r'"PREFECT__(\w+)"', start)) - NOT_FOR_US
    assert theirs == {name.removeprefix("PREFECT__") for name in told}


def test_prefects_worker_takes_and_cancels_runs_through_what_we_override() -> None:
    base = inspect.getsource(named("prefect.workers.base.BaseWorker"))
    assert "self._submit_run," in base or "self._submit_run(" in base
    assert "self._cancel_run," in base or "self._cancel_run(" in base


def test_a_warm_start_is_called_as_prefects_own_starters_are() -> None:
    theirs = named("prefect.runner._flow_run_executor.ProcessStarter.start")
    ours = named("tiercel.deployments.worker.warm_runs.WarmStarter.start")
    assert list(inspect.signature(ours).parameters) == list(inspect.signature(theirs).parameters)


def test_a_channel_gives_a_port_and_a_token_and_says_when_nobody_acknowledged() -> None:
    async def scenario() -> None:
        run = uuid4()
        async with named("prefect.runner._control_channel.ControlChannel")() as channel:
            port, token = channel.register(run)
            assert (type(port), type(token)) == (int, str)
            answer = await channel.signal(run, "reschedule")
            assert answer.name not in READ["prefect.runner._control_channel.ControlSignalStatus"]
            channel.unregister(run)

    asyncio.run(scenario())


def test_a_handle_tells_of_a_forked_process_what_the_executor_asks() -> None:
    fork = SimpleNamespace(pid=7, exitcode=3)
    handle = named("prefect.runner._process_manager.ProcessHandle")(fork, None)
    assert (handle.pid, handle.returncode) == (7, 3)


@pytest.mark.process
def test_what_ends_a_run_reaches_the_whole_group_of_its_process() -> None:
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(command, start_new_session=True) as process:
        scope = named("prefect.runner._process_manager.create_isolated_termination_scope")(
            process.pid
        )
        scope.graceful_kill(process.pid)
        assert process.wait(30) == -signal.SIGTERM


@pytest.mark.parametrize("command", [None, "python -m prefect.engine"])
def test_a_configuration_tells_whether_a_command_was_named(command: str | None) -> None:
    configuration = named("prefect.workers.process.ProcessJobConfiguration")(command=command)
    configuration.prepare_for_flow_run(
        named("prefect.client.schemas.objects.FlowRun")(flow_id=uuid4())
    )
    tells = named("tiercel.deployments.prefect_internals.names_a_command")
    assert tells(configuration) is (command is not None)
