"""What botocore has to know of AWS is read once, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[3]
OPENED = """
import sys
from tiercel.tasks.aws.clients import caller_client, read_descriptions

opened = []
sys.addaudithook(lambda event, what: event == "open" and opened.append(str(what[0])))

def make_clients():
    opened.clear()
    for service in ("cloudformation", "iam", "kms", "lambda", "s3", "sts"):
        caller_client(service, "eu-central-1")
    return sum("botocore/data" in path for path in opened)

if sys.argv[1] == "beforehand":
    read_descriptions()
print(make_clients())
"""


def files_read(when: str, home: Path) -> int:
    """How many of botocore's files a process reads to make the clients of a run."""
    environment = {
        "HOME": str(home),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
    }
    command = [sys.executable, "-c", OPENED, when]
    return int(subprocess.check_output(command, cwd=ROOT, env=environment, text=True))


def test_after_the_descriptions_are_read_making_a_client_reads_none(tmp_path: Path) -> None:
    assert files_read("never", tmp_path) > 10
    assert files_read("beforehand", tmp_path) == 0
