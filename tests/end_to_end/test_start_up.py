"""Commands that only read import no Prefect, and without a token no PyGithub: both take long.

Nor pyOpenSSL, which botocore would import for nothing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from tests.support.commands import ROOT, error_in, run
from tiercel.sandbox.lifecycle import Sandbox

LOOKS = dedent("""
    import json, sys
    from tiercel.cli.main import main

    found, slow = {}, {"prefect", "github", "tiercel.flows", "OpenSSL"}
    for words in json.loads(sys.argv[1]):
        sys.argv = ["tiercel", *words]
        try:
            main()
        except SystemExit:
            pass
        found[" ".join(words[:2])] = sorted(slow & set(sys.modules))
    print(json.dumps(found))
""")


def test_commands_that_only_read_import_no_prefect_and_no_flow(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    file = tmp_path / "tiercel.toml"
    named = '"acme/*", "acme/shop"'  # only what is named is looked up on GitHub
    file.write_text((ROOT / "tiercel.toml").read_text().replace('"acme/*"', named))
    config = ["--config", str(file)]
    place = ["--sandbox", "--state", str(sandbox.state), *config]
    own = sandbox.environ("preprod") | {"TIERCEL_CACHE_DIR": str(sandbox.state / "cache")}
    commands = [
        ["--version"],
        ["--help"],
        ["config", "check"],
        ["status", *config],  # in the sandbox one has a token
        ["releases", *place],
        ["sandbox", "status", "--state", str(sandbox.state)],
    ]
    done = subprocess.run(
        [sys.executable, "-c", LOOKS, json.dumps(commands)],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={name: value for name, value in (os.environ | own).items() if name != "GITHUB_TOKEN"},
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found == {" ".join(words[:2]): [] for words in commands}


def test_the_version_is_that_of_the_project() -> None:
    code, output, errors = run("--version")
    assert (code, errors) == (0, "")
    assert (
        f'version = "{output.removeprefix("tiercel ").strip()}"'
        in (ROOT / "pyproject.toml").read_text()
    )


@pytest.mark.parametrize(
    "words",
    [
        ("deploy", "acme", "main"),
        ("deploy", "--", "acme/shop", "-x"),
        ("publish", "acme/shop", "a..b"),
        ("promote", "acme/shop/x"),
        ("verify", "acme/shop", "1", "main"),
        ("rollback", "acme-preprod-orders", "--to", "100000000"),
        ("rollback", "somebody-elses"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("local", [True, False])
def test_what_no_flow_takes_is_refused_before_prefect_is_started(
    words: tuple[str, ...], local: bool, tmp_path: Path
) -> None:
    # Prefect would make this folder, and there is no server that could refuse anything.
    home = tmp_path / "prefect"
    arguments = [words[0], *(["--local"] if local else []), "--json", *words[1:]]
    code, output, errors = run(
        *arguments, PREFECT_HOME=str(home), PREFECT_API_URL="http://127.0.0.1:1/api"
    )
    assert (code, error_in(output)["state"]) == (4, "nothing was called"), errors
    assert not home.exists()
