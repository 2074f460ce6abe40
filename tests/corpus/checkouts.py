"""The repositories of the corpus, where their git directories lie, and the templates in them."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

LIST = Path(__file__).with_name("repositories.toml")
_SUFFIXES = (".yaml", ".yml", ".json", ".template")
_MOST_BYTES = 2_000_000
# Test data of tools, output of builds, and templates of templates: nobody deploys them.
_LEFT_OUT = re.compile(
    r"(^|/)(node_modules|\.aws-sam|cdk\.out|__snapshots__|testdata|test_data|tests?/translator|"
    r"translator/(input|output)|schema(_validation)?|integration/(testdata|resources))(/|$)|\{\{|\}\}"
)
_IS_TEMPLATE = re.compile(rb"AWSTemplateFormatVersion|AWS::Serverless-2016-10-31", re.MULTILINE)
_IS_SERVERLESS = re.compile(rb"AWS::Serverless::|AWS::Lambda::Function")
_HAS_RESOURCES = re.compile(rb"^(Resources\s*:|\s*\"Resources\"\s*:)", re.MULTILINE)


@dataclass(frozen=True)
class Checkout:
    """A public repository at one commit, in a git directory of this machine."""

    name: str
    commit: str
    git: Path

    def run(self, *arguments: str) -> bytes:
        """Return what git prints."""
        command = ("git", f"--git-dir={self.git}", *arguments)
        return subprocess.run(command, capture_output=True, check=True).stdout


@dataclass(frozen=True)
class Subject:
    """One template of the corpus."""

    checkout: Checkout
    path: str
    serverless: bool = True
    """Whether it has functions, or types of SAM's."""

    @property
    def folder(self) -> str:
        """The folder in which it stands, from the root of the repository."""
        return str(PurePosixPath(self.path).parent)

    @property
    def name(self) -> str:
        """Its file's name."""
        return PurePosixPath(self.path).name

    @property
    def shown(self) -> str:
        """The template as reports name it."""
        return f"{self.checkout.name}:{self.path}"


def listed() -> dict[str, str]:
    """Return the repositories of the corpus and the commit of each."""
    document = tomllib.loads(LIST.read_text(encoding="utf-8"))
    return {one["name"]: one["commit"] for one in document["repository"]}


def checkouts(folder: Path) -> Iterator[Checkout]:
    """Yield the listed repositories that the folder has, each at its listed commit."""
    for name, commit in listed().items():
        git = git_directory(folder, name)
        if git is None:
            continue
        found = Checkout(name, commit, git)
        if has_commit(found):
            yield found


def has_commit(checkout: Checkout) -> bool:
    """Tell whether a git directory has the commit."""
    command = ("git", f"--git-dir={checkout.git}", "cat-file", "-e", f"{checkout.commit}^{{tree}}")
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def git_directory(folder: Path, name: str) -> Path | None:
    """Return the git directory of `owner/name` below a folder, bare or inside of a clone."""
    owner, _, short = name.partition("/")
    for place in (folder / owner / short, folder / f"{owner}+{short}"):
        for inner in ("", ".git", "repo", "repo/.git"):
            if (place / inner / "HEAD").is_file():
                return place / inner
    return None


def clone(folder: Path, server: str) -> None:
    """Fetch the listed commits that are missing in the folder, without their history."""
    for name, commit in listed().items():
        git = git_directory(folder, name) or folder / f"{name.replace('/', '+')}"
        if not (git / "HEAD").is_file():
            subprocess.run(("git", "init", "--quiet", "--bare", str(git)), check=True)
        if not has_commit(Checkout(name, commit, git)):
            fetch = ("fetch", "--quiet", "--depth=1", f"{server}/{name}", commit)
            subprocess.run(("git", f"--git-dir={git}", *fetch), check=True)


def subjects(checkout: Checkout) -> Iterator[Subject]:
    """Yield the templates of a repository, told by what they say and not by their names."""
    candidates = {}
    for line in checkout.run("ls-tree", "-r", "-l", "-z", checkout.commit).split(b"\x00"):
        head, _, name = line.partition(b"\t")
        fields, path = head.split(), name.decode(errors="replace")
        if (
            len(fields) == 4
            and fields[1] == b"blob"
            and fields[0] != b"120000"
            and path.endswith(_SUFFIXES)
            and not _LEFT_OUT.search(path)
            and fields[3].isdigit()
            and int(fields[3]) < _MOST_BYTES
        ):
            candidates[path] = fields[2].decode()
    bodies = _bodies(checkout, list(candidates.values()))
    for path, blob in sorted(candidates.items()):
        body = bodies.get(blob, b"")
        if _IS_TEMPLATE.search(body) and _HAS_RESOURCES.search(body):
            yield Subject(checkout, path, _IS_SERVERLESS.search(body) is not None)


def _bodies(checkout: Checkout, blobs: list[str]) -> dict[str, bytes]:
    """Read many files by one process of git."""
    command = ("git", f"--git-dir={checkout.git}", "cat-file", "--batch")
    asked = "".join(f"{one}\n" for one in blobs).encode()
    output = subprocess.run(command, input=asked, capture_output=True, check=True).stdout
    found, at = {}, 0
    while at < len(output):
        end = output.index(b"\n", at)
        fields = output[at:end].split()
        at = end + 1
        if len(fields) == 3:
            size = int(fields[2])
            found[fields[0].decode()] = output[at : at + size]
            at += size + 1
    return found
