"""A run in a task or pod: what it may be told, and that it is what is installed in the image."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate

from tiercel.deployments.installation import pool_template
from tiercel.deployments.prefect_file import PrefectFile
from tiercel.deployments.runs import artifacts_of
from tiercel.deployments.worker.entry import TAKEN, run_environment
from tiercel.deployments.worker.task_run import execute_task, named_run
from tiercel.domain.base.errors import ConfigurationError, ExitCode, RefusedInputError
from tiercel.domain.base.failure_document import KEY, failure_in


def template_filled(pool_type: str) -> dict[str, Any]:
    """The shipped template with something in place of each placeholder."""
    text = json.dumps(pool_template(pool_type))
    filled: dict[str, Any] = json.loads(re.sub(r"\$\{(\w+)\}", r"my-\1", text))
    return filled


def test_a_run_takes_what_it_needs_and_the_image_says_the_rest() -> None:
    told = dict.fromkeys(sorted(TAKEN), "told") | {
        "LD_PRELOAD": "/tmp/evil.so",
        "PYTHONPATH": "/tmp",
        "PATH": "/tmp",
        "TIERCEL_CONFIG": "/tmp/evil.toml",
        "GITHUB_API_URL": "http://evil",
        "AWS_ENDPOINT_URL": "http://evil",
        "AWS_CA_BUNDLE": "/tmp/evil.pem",
        "HTTPS_PROXY": "http://evil",
        "PREFECT__FLOW_ENTRYPOINT": "evil.py:flow",
    }
    image = "PATH=/opt/tiercel/bin:/usr/bin\nTIERCEL_CONFIG=/etc/tiercel/tiercel.toml\n\n"
    assert run_environment(told, image) == dict.fromkeys(TAKEN, "told") | {
        "PATH": "/opt/tiercel/bin:/usr/bin",
        "TIERCEL_CONFIG": "/etc/tiercel/tiercel.toml",
    }


def test_nothing_that_is_taken_names_code_or_another_server_of_aws_or_github() -> None:
    suspects = ("ENDPOINT", "PROXY", "PATH", "PRELOAD", "BUNDLE", "CERT", "PYTHON", "GITHUB_API")
    assert [name for name in TAKEN if any(word in name for word in suspects)] == []


@pytest.mark.parametrize("told", [{}, {"PREFECT__FLOW_RUN_ID": ""}, {"PREFECT__FLOW_RUN_ID": "x"}])
def test_a_container_without_a_run_to_execute_says_so(told: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError) as refused:
        named_run(told)
    assert refused.value.code == "worker.no_run"


@pytest.mark.process
def test_the_entry_command_ignores_what_it_is_told_to_do(tmp_path: Path) -> None:
    """It ends because no run is named, and has neither run the command nor kept the variables."""
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            "-m",
            "tiercel.deployments.worker.entry",
            "touch",
            str(tmp_path / "done"),
        ],
        env={"PREFECT_API_URL": "http://127.0.0.1:1/api", "PREFECT_LOGGING_LEVEL": "DEBUG"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == ExitCode.CONFIGURATION
    assert "the variable PREFECT__FLOW_RUN_ID" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_type_of_work_pool_for_which_nothing_is_installed_is_refused() -> None:
    with pytest.raises(RefusedInputError) as refused:
        pool_template("docker")
    assert refused.value.code == "worker.foreign_pool_type"


@pytest.mark.usefixtures("prefect_server")
@pytest.mark.parametrize("attacked", [False, True])
def test_a_task_executes_what_is_installed_and_refuses_anything_else(
    attacked: bool, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(
        dedent(f"""
        from pathlib import Path
        from prefect import flow

        @flow
        def in_a_task():
            Path({str(tmp_path / "mine")!r}).touch()
        """)
    )
    entrypoint = f"{tmp_path}/mine.py:in_a_task"
    deployment = {"name": "tasks", "entrypoint": entrypoint, "work_pool": {"name": "tasks"}}
    file = PrefectFile(tmp_path, {"deployments": [deployment]})
    (tmp_path / "evil.py").write_text((tmp_path / "mine.py").read_text().replace("/mine", "/evil"))
    theirs = f"{tmp_path}/evil.py:in_a_task"

    async def scenario() -> tuple[str, str]:
        async with get_client() as client:
            await client.create_work_pool(
                WorkPoolCreate(name="tasks", type="ecs", base_job_template=template_filled("ecs")),
                overwrite=True,
            )
            flow = await client.create_flow_from_name("in-a-task")
            made = await client.create_deployment(
                flow,
                "tasks",
                work_pool_name="tasks",
                entrypoint=theirs if attacked else entrypoint,
            )
            run: UUID = (await client.create_flow_run_from_deployment(made)).id
            assert await execute_task(run, file) == 0
            ended = await client.read_flow_run(run)
            assert ended.state
            failures = [
                failure_in(one["data"], ended.run_count)
                for one in await artifacts_of(client, run)
                if one["key"] == KEY
            ]
            return str(ended.state.name), failures[0].code if failures and failures[0] else ""

    wanted = ("Failed", "worker.changed_deployment") if attacked else ("Completed", "")
    assert asyncio.run(scenario()) == wanted
    assert not (tmp_path / "evil").exists()
    assert (tmp_path / "mine").exists() is not attacked
    assert os.environ.get("PREFECT__FLOW_ENTRYPOINT") is None
