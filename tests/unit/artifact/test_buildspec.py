from __future__ import annotations

import json
import subprocess
from pathlib import PurePosixPath

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.artifact.buildspec import (
    ARM,
    X86,
    BuildCommand,
    build_minutes,
    buildspec,
    machine_for,
    runtime_versions,
)
from tiercel.domain.organization.topology import LONGEST_REMOTE_SECONDS

MAKE = BuildCommand(["make", "it; rm -rf $HOME"], PurePosixPath("source/orders and 'more'"))
TEST = BuildCommand(["pytest"], PurePosixPath("source/orders"))


@pytest.mark.parametrize(
    ("runtimes", "versions"),
    [
        (["python3.12", "python3.9"], {"python": "3.12"}),
        (["nodejs22.x", "nodejs18.x"], {"nodejs": "22"}),
        (["java21", "python3.13"], {"java": "corretto21", "python": "3.13"}),
        (["dotnet8"], {"dotnet": "8.0"}),
        (["ruby3.3"], {"ruby": "3.3"}),
        (["provided.al2023", "java8.al2", "", "go1.x", "python"], {}),
        (["python3.10", "python3.9"], {"python": "3.10"}),
    ],
)
def test_the_image_brings_the_newest_of_each_language_that_the_template_names(
    runtimes: list[str], versions: dict[str, str]
) -> None:
    assert runtime_versions(runtimes) == versions


@pytest.mark.parametrize(
    ("architectures", "machine"),
    [([], X86), (["x86_64"], X86), (["arm64"], ARM), (["arm64", "x86_64"], X86)],
)
def test_a_machine_is_arm_only_for_what_runs_on_arm_alone(
    architectures: list[str], machine: object
) -> None:
    assert machine_for(architectures) == machine


def test_the_result_is_put_away_after_the_build_and_before_the_test() -> None:
    spec = json.loads(
        buildspec([MAKE], [TEST], {"python": "3.12"}, 60, ["UV_DEFAULT_INDEX"], ["uv==1.2", "x==1"])
    )
    assert yaml.safe_load(json.dumps(spec)) == spec
    assert spec["phases"]["install"]["runtime-versions"] == {"python": "3.12"}
    build = spec["phases"]["build"]["commands"]
    places = [
        next(place for place, one in enumerate(build) if word in one)
        for word in ("make", "tar ", "BUILD_RESULT", "pytest")
    ]
    assert places == [0, 1, 2, 3]
    assert '${UV_DEFAULT_INDEX+"UV_DEFAULT_INDEX=$UV_DEFAULT_INDEX"}' in build[0]


def test_no_language_is_asked_for_where_none_is_known() -> None:
    assert (
        "runtime-versions"
        not in json.loads(buildspec([], [], {}, 60, [], ["uv==1"]))["phases"]["install"]
    )


@pytest.mark.process
@pytest.mark.parametrize(
    "words", [["echo", "a b"], ["echo", "$(touch x)", "`id`", "'\"\\"], ["echo", "\n", "*", ""]]
)
def test_a_command_is_an_argument_list_whatever_it_has_in_it(
    words: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("src")
    (folder / "root" / "source").mkdir(parents=True)
    shown = ["printf", "%s\\0", *words[1:]]
    command = BuildCommand(shown, PurePosixPath("source"))
    line = json.loads(buildspec([command], [], {}, 60, [], ["uv==1"]))["phases"]["build"][
        "commands"
    ][0]
    done = subprocess.run(
        ["/bin/sh", "-c", line],
        env={"CODEBUILD_SRC_DIR": str(folder), "PATH": "/usr/bin:/bin", "SECRET": "s"},
        check=True,
        capture_output=True,
    )
    assert done.stdout.decode().split("\0")[:-1] == words[1:]
    assert sorted(one.name for one in folder.iterdir()) == ["root"]


@given(st.integers(0, 100), st.integers(10, 7200))
def test_a_build_ends_before_its_addresses_do(commands: int, seconds: int) -> None:
    assert 5 <= build_minutes(commands, seconds) * 60 <= LONGEST_REMOTE_SECONDS + 360
