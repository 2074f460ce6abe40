"""Where attacks go the whole way: a repository on GitHub, and the folders of a worker."""

from __future__ import annotations

import asyncio
import io
import json
import re
import shutil
import tempfile
import uuid
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL

from tests.support.place import Place
from tests.support.templates import function, services
from tiercel.domain.organization.access import Target
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.topology import BuildPlace
from tiercel.domain.review.statuses import Status
from tiercel.flows.publish import publish_artifact
from tiercel.flows.release.results import Published
from tiercel.tasks.aws.clients import client

ROOT = Path(__file__).parents[3]
SHOWN = "TEST_SHOWN_TO_BUILDS"
"""Names the folder that a build sees when it is not held back: the worker's own."""
LOOT = "looted-by-a-build"


@dataclass(frozen=True)
class Scene:
    """A repository, the place where its builds run, and a folder with everything of the worker."""

    place: Place
    names: Names
    folder: Path
    where: BuildPlace = BuildPlace.ISOLATED

    @property
    def deed(self) -> Path:
        """The file of the worker's that an attack makes if it gets that far."""
        return self.folder / LOOT

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    def verify(self, script: str, files: Mapping[str, str] = {}, more: str = "") -> Status:
        """Open a pull request whose build is this script of Python, and verify it."""
        build = 'build = ["/usr/bin/python3", "evil.py"]\n' if script else ""
        described = {"tiercel.toml": services(inbox=build + more), "inbox/evil.py": script}
        number, commit = self.place.opened("feature/evil", described | dict(files))
        with self.worker():
            return self.place.verified(number, commit)["tiercel/preprod/inbox"]

    def merge(self, files: Mapping[str, str], branch: str = "feature/change") -> str:
        """Bring a reviewed change into develop, and return the commit."""
        return self.place.merged(branch, dict(files))

    def publish(self, commit: str) -> dict[str, Published]:
        """Publish a commit of develop."""
        with self.worker():
            return asyncio.run(
                publish_artifact(self.place.repository.name, commit, then_deploy=False)
            )

    def packaged(self, published: Published) -> str:
        """Return the text of all that an artifact's packages hold."""
        records = Target(self.names, "attacks").records
        s3, texts = client("s3", records.access), []
        for one in published.manifest.objects:
            body = s3.get_object(Bucket=records.bucket, Key=one.key)["Body"].read()
            if zipfile.is_zipfile(io.BytesIO(body)):
                with zipfile.ZipFile(io.BytesIO(body)) as package:
                    texts += [package.read(name).decode() for name in package.namelist()]
        return "\n".join(texts)

    @contextmanager
    def worker(self) -> Iterator[None]:
        """Make this process a worker with the scene's configuration and folders."""
        config, temporary = self.folder / "tiercel.toml", self.folder / "tmp"
        text = (ROOT / "tiercel.toml").read_text()
        config.write_text(re.sub(r'(?m)^where = "\w+"$', f'where = "{self.where}"', text))
        temporary.mkdir(exist_ok=True)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tempfile, "tempdir", str(temporary))
            patch.setenv("TIERCEL_CONFIG", str(config))
            patch.setenv("TIERCEL_CACHE_DIR", str(self.cache))
            patch.setenv("PREFECT_API_URL", str(PREFECT_API_URL.value()))
            patch.setenv(SHOWN, str(self.folder))
            yield


def python_function(**files: str) -> dict[str, str]:
    """Return the files of the service `inbox`: a function of Python."""
    named = {f"inbox/src/{name}": text for name, text in files.items()}
    app = f"honest = 1  # {uuid.uuid4()}: nobody has built it before\n"
    return {"inbox/template.json": function(), "inbox/src/app.py": app} | named


def node_function(**files: str) -> dict[str, str]:
    """Return the files of the service `inbox`: a function of Node."""
    template = json.loads(function())
    template["Resources"]["Function"]["Properties"]["Runtime"] = "nodejs22.x"
    named = {f"inbox/src/{name}": text for name, text in files.items()}
    return {"inbox/template.json": json.dumps(template), "inbox/src/app.js": "// honest\n"} | named


def processes_with(words: str) -> list[int]:
    """Return the ids of the machine's processes that have such an argument."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if words.encode() in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def no_npm() -> str:
    """Why attacks by npm cannot be played here."""
    return "" if shutil.which("npm", path="/usr/local/bin:/usr/bin:/bin") else "there is no npm"
