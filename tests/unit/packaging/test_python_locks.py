from __future__ import annotations

import json

import pytest

from tests.support.codes import because
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.packaging.python_locks import constraints_beside, requirements_of

DIGEST = "sha256:" + "a" * 64
POETRY = f"""
[[package]]
name = "six"
version = "1.16.0"
groups = ["main", "dev"]
markers = "python_version < \\"4\\""
files = [{{file = "six.whl", hash = "{DIGEST}"}}]
[[package]]
name = "pytest"
version = "8.0"
groups = ["dev"]
files = []
"""
PDM = """
[[package]]
name = "six"
version = "1.16.0"
groups = ["default"]
files = []
[[package]]
name = "six"
version = "1.16.0"
extras = ["more"]
groups = ["default"]
files = []
[[package]]
name = "pytest"
version = "8.0"
groups = ["test"]
files = []
"""
PIPENV = {
    "default": {
        "six": {"version": "==1.16.0", "hashes": [DIGEST], "markers": "python_version >= '3'"},
        "requests": {"version": "==2.0", "extras": ["socks"]},
    },
    "develop": {"pytest": {"version": "==8.0"}},
}


@pytest.mark.parametrize(
    ("lock", "text", "lines"),
    [
        ("poetry.lock", POETRY, [f'six==1.16.0 ; python_version < "4" --hash={DIGEST}']),
        ("pdm.lock", PDM, ["six==1.16.0"]),
        (
            "Pipfile.lock",
            json.dumps(PIPENV),
            [f"six==1.16.0 ; python_version >= '3' --hash={DIGEST}", "requests[socks]==2.0"],
        ),
    ],
)
def test_a_lock_becomes_requirements_of_the_application_alone(
    lock: str, text: str, lines: list[str]
) -> None:
    assert requirements_of(lock, text, "src").splitlines() == lines


@pytest.mark.parametrize(
    ("lock", "text"),
    [
        ("poetry.lock", '[[package]]\nname = "six"\nversion = "1"\nfiles = []\n'),
        ("poetry.lock", POETRY.replace("dev", "main") + '[package.source]\ntype = "git"\n'),
        ("poetry.lock", POETRY.replace("1.16.0", "1 --index-url=http://evil")),
        ("poetry.lock", POETRY.replace('\\"4\\"', "\\n-r /etc/passwd")),
        ("poetry.lock", POETRY.replace(DIGEST, "md5:0")),
        ("pdm.lock", PDM.replace('version = "1.16.0"', 'version = "1"\npath = "./x"', 1)),
        ("Pipfile.lock", '{"default": {"x": {"git": "https://host/x"}}}'),
        ("Pipfile.lock", '{"default": {"-r /etc/passwd": {"version": "==1"}}}'),
        ("Pipfile.lock", "{"),
        ("Pipfile.lock", "[]"),
        ("Pipfile.lock", "[" * 200_000),
        ("poetry.lock", "not toml ["),
        ("poetry.lock", f"x = {'[' * 10_000}"),
    ],
)
def test_a_lock_that_cannot_be_read_as_such_is_refused(lock: str, text: str) -> None:
    with pytest.raises(RefusedInputError, check=because("build.lock_not_read")):
        requirements_of(lock, text, "src")


def test_a_lock_constrains_what_requirements_leave_open_and_nothing_else() -> None:
    lock = f"six==1.16.0 \\\n    --hash={DIGEST}\nUrllib3==2.0 ; python_version > '3'\nx @ file:y\n"
    requirements = "urllib3[more] == 1.26\nsix>=1.10\n"
    assert constraints_beside(lock, requirements) == "six==1.16.0\n"
