"""What the SAM CLI makes of the same templates: it is the measure of what is to go through."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from benchmarks.peers import environment_of, sam_cli
from tests.corpus.checkouts import Checkout, Subject
from tests.support.aws import root_client
from tiercel.sandbox.lifecycle import Sandbox

TAKES = "takes"
_DRIVER = Path(__file__).with_name("sam_driver.py")
_PROFILE = "preprod-runtime-root"
_BUCKET = "corpus-of-sam"
_REGION = "eu-central-1"


@dataclass
class Peer:
    """A process that runs `sam`, one command after the other."""

    requests: IO[str]
    answers: IO[str]

    def run(self, folder: Path, *arguments: str) -> tuple[int, str]:
        """Return the exit code of a command and its last words."""
        asked = {"folder": str(folder), "arguments": list(arguments)}
        self.requests.write(json.dumps(asked) + "\n")
        self.requests.flush()
        answer = json.loads(self.answers.readline())
        return answer["code"], answer["words"]

    def takes(self, subject: Subject, clone: Path, output: Path) -> str:
        """Return `takes` if `sam package` packages a template, else why it does not."""
        code, words = self.run(
            (clone / subject.path).parent,
            *("package", "--template-file", subject.name, "--s3-bucket", _BUCKET),
            *("--output-template-file", str(output / "packaged.yaml"), "--region", _REGION),
            "--no-progressbar",
        )
        return TAKES if code == 0 else words[-300:]

    def builds(self, subject: Subject, clone: Path, output: Path) -> str:
        """Return `takes` if `sam build` builds a template, else why it does not."""
        code, words = self.run(
            (clone / subject.path).parent,
            *("build", "--template-file", subject.name, "--build-dir", str(output / "built")),
            *("--region", _REGION),
        )
        return TAKES if code == 0 else f"sam build: {words[-300:]}"


@contextmanager
def peer(sandbox: Sandbox) -> Iterator[Peer]:
    """Start `sam`; PeerMissingError where it cannot be installed."""
    sam = sam_cli()
    storage = root_client(sandbox, _PROFILE, "s3")
    storage.create_bucket(Bucket=_BUCKET, CreateBucketConfiguration={"LocationConstraint": _REGION})
    process = subprocess.Popen(
        [str(sam.with_name("python")), str(_DRIVER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment_of(sandbox, _PROFILE),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Peer(process.stdin, process.stdout)
    finally:
        process.stdin.close()
        process.wait()


def check_out(checkout: Checkout, folder: Path) -> Path:
    """Write all files of a repository, for `sam` reads what lies beside a template."""
    folder.mkdir(parents=True)
    subprocess.run(
        ("git", f"--git-dir={checkout.git}", f"--work-tree={folder}",
         "checkout", "--quiet", "--force", checkout.commit, "--", "."),
        env=os.environ | {"GIT_INDEX_FILE": f"{folder}.index"},
        check=False,  # a snapshot may lack its largest files
        capture_output=True,
    )  # fmt: skip
    return folder
