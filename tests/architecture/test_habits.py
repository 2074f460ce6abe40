"""How the project is worked on: hooks, commit messages, the changelog, the one version."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from pre_commit.clientlib import load_config

from tests.architecture.documents import ROOT, code_of, links, rows, text_of
from tests.architecture.test_layers import PRODUCT, found_in
from tests.support.commit_message import machine_paths
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.gitflow.versions import Version

PROJECT: dict[str, Any] = tomllib.loads(text_of("pyproject.toml"))
VERSION = PROJECT["project"]["version"]
TYPES = set(PROJECT["tool"]["towncrier"]["fragment"])
FRAGMENTS = [path for path in sorted((ROOT / "changelog.d").iterdir()) if path.name != "README.md"]
NAME = re.compile(r"\+[a-z0-9-]+\.(?P<type>[a-z]+)\.md")
LONGEST_FRAGMENT = 600
SECTION = re.compile(r"^## \[(.+?)\](?: - (.+))?$", re.MULTILINE)


def faults_of(name: str, text: str) -> Iterator[str]:
    """What is wrong with a fragment of the changelog."""
    match = NAME.fullmatch(name)
    if not match or match["type"] not in TYPES:
        yield "its name is not +NAME.TYPE.md"
    if not text.strip() or len(text) > LONGEST_FRAGMENT:
        yield "it is empty or too long"
    if re.match(r"\s*([-*+]|#+|\d+\.)\s", text):
        yield "it begins as a list or a heading"
    yield from (
        f"{link} leads nowhere"
        for link in links(text)
        if not (ROOT / link.partition("#")[0]).exists()
    )


def faults_of_tags(version: str, tags: list[str]) -> list[str]:
    """The tags of a commit that name another version than its code does."""
    named = {}
    for tag in tags:
        try:
            named[tag] = Version.parse(tag)
        except RefusedInputError:
            continue  # a tag for something else
    return [tag for tag, found in named.items() if found != Version.parse(version)]


def tags_of_the_commit() -> list[str]:
    """The tags of what is checked out; none where this is no clone, or one without tags."""
    if not (ROOT / ".git").exists():
        return []
    command = ["git", "tag", "--points-at", "HEAD"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout.split()


def versions_written(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in {"__version__", "VERSION"}:
            yield node.id


def test_the_hooks_are_the_tools_of_make_check_and_fetch_nothing() -> None:
    config = load_config(str(ROOT / ".pre-commit-config.yaml"))
    assert {repository["repo"] for repository in config["repos"]} == {"local"}
    hooks = [hook["entry"] for hook in config["repos"][0]["hooks"]]
    recipe = text_of("Makefile").partition("\ncheck: ")[2].partition("\n\n")[0]
    tools = re.findall(r"\$\(BIN\)/([\w-]+(?: [\w.-]+)*)", recipe)
    assert len(tools) == 7
    for tool in (tool.removesuffix(" .") for tool in tools):
        assert any(f".venv/bin/{tool}" in entry for entry in hooks), tool


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ("Merge branch 'main' of /home/ann/shop", ["/home/ann/shop"]),
        ("See /home/ann/tiercel/flows.", ["/home/ann/tiercel/flows."]),
        ("Read /Users/ann/x and ~/y, file:///tmp/a/b", ["/Users/ann/x", "~/y", "file:///tmp/a/b"]),
        ("It lay in /root", ["/root"]),
        (r"It lay in C:\Users\ann", [r"C:\Users\ann"]),
        ("Put it into /etc/tiercel/tiercel.toml, /opt/tiercel or /var/lib", []),
        ("Answer GET /flows/filter and https://host/home/page", []),
        ("Move tests/tmp/one.py and docs/home/two.md to ./home/", []),
        ("Name `/repos/{owner}/{repo}`; a rootless image", []),
        ("Fine\n# On branch main: /home/ann\n", []),
        ("Fine\n# ------------------------ >8 ------------------------\n+ /home/ann/x\n", []),
    ],
)
def test_a_path_of_a_machine_is_found_in_a_message(message: str, found: list[str]) -> None:
    assert machine_paths(message) == found


@pytest.mark.process
@pytest.mark.parametrize(("message", "code"), [("Say why", 0), ("See /home/ann/x", 1)])
def test_the_hook_refuses_a_message_with_such_a_path(
    tmp_path: Path, message: str, code: int
) -> None:
    file = tmp_path / "COMMIT_EDITMSG"
    file.write_text(message)
    config = yaml.safe_load(text_of(".pre-commit-config.yaml"))
    (hook,) = [one for one in config["repos"][0]["hooks"] if one["id"] == "commit-message"]
    module = hook["entry"].partition(" -m ")[2]
    done = subprocess.run(
        [sys.executable, "-m", module, str(file)], cwd=ROOT, check=False, capture_output=True
    )
    assert done.returncode == code, done.stderr


def test_the_types_of_changes_are_described() -> None:
    table = rows(text_of("changelog.d/README.md"), "type", "for")
    assert {code_of(row[0]) for row in table} == TYPES


def test_every_fragment_is_well_formed() -> None:
    texts = {path.name: path.read_text("utf-8") for path in FRAGMENTS}
    found = {name: list(faults_of(name, text)) for name, text in texts.items()}
    assert {name: faults for name, faults in found.items() if faults} == {}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("12.added.md", "It is new."),
        ("+one.new.md", "It is new."),
        ("+One.added.txt", "It is new."),
        ("+one.added.md", "\n"),
        ("+one.added.md", "It is new. " * 60),
        ("+one.added.md", "- It is new."),
        ("+one.added.md", "## It is new."),
        ("+one.added.md", "It is new, see [it](docs/nowhere.md)."),
    ],
)
def test_a_malformed_fragment_is_found(name: str, text: str) -> None:
    assert list(faults_of("+one.added.md", "It is new, see [it](docs/README.md).")) == []
    assert list(faults_of(name, text))


@pytest.mark.process
def test_fragments_become_a_section_of_the_changelog(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "CHANGELOG.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "changelog.d").mkdir()
    (tmp_path / "changelog.d" / "+one.added.md").write_text("It is new.\n")
    command = ["-m", "towncrier", "build", "--yes", "--version", "99.0.0"]
    subprocess.run(
        [sys.executable, *command, "--date", "2030-01-02", "--dir", str(tmp_path)],
        check=True,
        capture_output=True,
    )
    before, after = text_of("CHANGELOG.md"), (tmp_path / "CHANGELOG.md").read_text()
    assert SECTION.findall(after) == [("99.0.0", "2030-01-02"), *SECTION.findall(before)]
    assert "## [99.0.0] - 2030-01-02\n\n### Added\n\n- It is new.\n" in after


def test_the_newest_section_of_the_changelog_is_the_version_and_dated() -> None:
    version, day = SECTION.findall(text_of("CHANGELOG.md"))[0]
    assert version == VERSION
    assert date.fromisoformat(day)
    page = f"docs/operate/releases/{VERSION}.md"
    assert page in links(text_of("CHANGELOG.md"))


@pytest.mark.process
def test_a_tag_of_the_commit_names_the_version() -> None:
    assert faults_of_tags(VERSION, tags_of_the_commit()) == []


@pytest.mark.parametrize(
    ("tags", "wrong"),
    [
        ([], []),
        (["v1.2.0", "1.2.0", "nightly"], []),
        (["v1.2.1", "v1.2.0"], ["v1.2.1"]),
        (["v0.1.0"], ["v0.1.0"]),
    ],
)
def test_a_tag_of_another_version_is_found(tags: list[str], wrong: list[str]) -> None:
    assert faults_of_tags("1.2.0", tags) == wrong


def test_the_version_is_written_in_no_module() -> None:
    assert found_in(PRODUCT, versions_written) == []
