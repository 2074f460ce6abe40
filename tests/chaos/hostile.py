"""Row: hostile inputs, refused before the first call of AWS."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from prefect.exceptions import ParameterTypeError

from tests.chaos.frame import Case, Row, Size
from tests.chaos.world import Subject, World
from tests.support.commands import ROOT
from tests.support.templates import services, template
from tiercel.domain.artifact.source_tree import paths_of_all, source_tree
from tiercel.domain.base.errors import TiercelError
from tiercel.domain.configuration.parsing import parse_services, parse_topology
from tiercel.flows.deploy import deploy_to_preprod
from tiercel.flows.provision import provision_accounts
from tiercel.flows.publish import publish_artifact
from tiercel.flows.rollback import roll_back
from tiercel.tasks.packaging.builder import build_folder, build_service
from tiercel.tasks.source.fetch import fetch_commit
from tiercel.tasks.source.repository import find_objects
from tiercel.tasks.source.services import load_services

# What no name of anything may contain.
_ATOMS = (
    "../", "..\\", "/etc/passwd", "\0", "\n", "\r\n", "\t", "\x7f", "\x1b[2J", " ", ";id", "$(id)",
    "`id`", "|id", "&&id", "'", '"', "%2e%2e%2f", "\u202e", "\u2028", "\ud800", "<script>", "{{x}}",
    "${x}", "*", "?", "[x", "~", "^", ":", "\\", "@{", "é", "x" * 300,
)  # fmt: skip
# Of these, what git takes for no branch. A branch may be called `$(id)`: there is no shell.
_NO_BRANCH = (
    "\0", "\n", "\r\n", "\t", "\x7f", "\x1b[2J", " ", "..", "*", "?", "[x", "~", "^", ":", "\\",
    "@{", "//", "/.x", ".lock/x", "\ud800",
)  # fmt: skip
# What no path inside of a repository is.
_NO_PATH = (
    "../", "a/../../b", "/etc/passwd", "\0", "\n", "\x7f", "\x1b[2J", "..\\", "C:\\x", "\ud800",
    "x" * 5000,
)  # fmt: skip
_NO_TEXT: tuple[object, ...] = (None, 5, True, ["acme/shop"], {"a": 1}, "")
_COMMIT = "0123456789abcdef0123456789abcdef01234567"

Attack = Callable[[World], None]


@dataclass(frozen=True)
class Refusal:
    """An attack that has to end in an error that explains itself, without a call of AWS."""

    world: World
    attack: Attack

    def __call__(self) -> None:
        since = self.world.mark()
        assert self._refusal(), "it was accepted, or refused without a word"
        made = self._made_since(since)
        assert not made, f"AWS was called: {made}"

    def _made_since(self, since: int) -> list[str]:
        """What was called, but by sessions of runs before this one, of which one may be ending."""
        calls = self.world.calls(since)
        if not calls:
            return []
        earlier = self.world.calls(0)[: -len(calls)]
        sessions = {one.principal for one in earlier if ":assumed-role/" in one.principal}
        return [
            f"{one.operation} by {one.principal}" for one in calls if one.principal not in sessions
        ]

    def _refusal(self) -> str:
        try:
            self.attack(self.world)
        except (TiercelError, ParameterTypeError) as error:
            return str(error)
        return ""


def _around(atoms: tuple[str, ...], word: str) -> list[str]:
    half = len(word) // 2
    return [
        hostile
        for atom in atoms
        for hostile in (atom + word, word[:half] + atom + word[half:], word + atom)
    ]


def _parameters() -> Iterator[tuple[str, Attack]]:
    """Parameters of runs, checked by the flow before its first task."""

    def given(flow: Any, **parameters: object) -> tuple[str, Attack]:
        def attack(_: World) -> None:
            flow.validate_parameters(parameters)

        return f"{flow.name} with {parameters!r}"[:120], attack

    for value in [*_around(_ATOMS, "acme/shop"), *_NO_TEXT]:
        yield given(deploy_to_preprod, repository=value, commit=_COMMIT)
    for value in [*_around(_NO_BRANCH, "develop/x"), "-f", "--upload-pack=x", *_NO_TEXT]:
        yield given(publish_artifact, repository="acme/shop", commit=value)
    for value in [*_around(_ATOMS, "acme-preprod-orders"), *_NO_TEXT]:
        yield given(roll_back, environment="preprod", stack=value)
    for value in [*_around(_ATOMS, "preprod"), *_NO_TEXT]:
        yield given(provision_accounts, environment=value)
    for number in (-1, 10**9, "one", 1.5, None, [1]):
        yield given(roll_back, environment="preprod", stack="acme-preprod-orders", release=number)


def _configurations() -> Iterator[tuple[str, Attack]]:
    """tiercel.toml of a commit, which says what is to be deployed."""
    topology = parse_topology((ROOT / "tiercel.toml").read_text())

    def given(name: str, table: dict[str, object]) -> tuple[str, Attack]:
        text = f"[services.{json.dumps(name)}]\n" + "".join(
            f"{key} = {json.dumps(value)}\n" for key, value in table.items()
        )

        def attack(_: World) -> None:
            parse_services(text, topology, "a commit")

        return f"service {name!r} with {table!r}"[:120], attack

    for name in _around(_ATOMS, "orders"):
        yield given(name, {"path": "orders"})
    for key in ("path", "template"):
        for atom in _NO_PATH:
            yield given("orders", {"path": "orders", key: atom})
    for atom in _NO_PATH:
        yield given("orders", {"path": "orders", "include": [atom]})
    tables: tuple[tuple[str, object], ...] = (
        ("depends_on", ["orders"]),
        ("depends_on", ["nobody"]),
        ("build", "make"),
        ("build", ["make\0"]),
        ("account", "999999999999"),
        ("role", "arn:aws:iam::999999999999:role/x"),
    )
    for key, value in tables:
        yield given("orders", {"path": "orders", key: value})


def _references() -> Iterator[tuple[str, dict[str, str]]]:
    """Templates that would have files of the worker packaged, or files that somebody linked."""
    places = {
        "AWS::Serverless::Function": "CodeUri",
        "AWS::Serverless::LayerVersion": "ContentUri",
        "AWS::Serverless::StateMachine": "DefinitionUri",
        "AWS::Lambda::Function": "Code",
        "AWS::CloudFormation::Stack": "TemplateURL",
    }
    paths = (
        "../../etc", "../../../../../etc/passwd", "/etc/passwd", "src/../../x", "file:///etc/passwd",
        "..\\x", "no-such-folder/", "\u202esrc",
    )  # fmt: skip
    for kind, name in places.items():
        for path in paths:
            resource = {"Type": kind, "Properties": {name: path}}
            yield f"{kind} from {path!r}", {"h/template.json": template({"R": resource})}
    yield "no template", {"h/readme": ""}
    yield "no JSON", {"h/template.json": "{"}
    yield "a list", {"h/template.json": "[]"}
    yield "aliases that multiply", {"h/template.json": _multiplied()}
    yield "deep nesting", {"h/template.json": "[" * 5000}
    yield "more than a megabyte", {"h/template.json": " " * 1_000_001}


def _multiplied() -> str:
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}]" for n in range(1, 20)]
    return "\n".join(lines)


def _built(subject: Subject, files: dict[str, str], world: World) -> None:
    """Build it as verifying a pull request does, and as publishing does before it uploads."""
    folder = subject.repository.folder
    (folder / "h").mkdir(exist_ok=True)
    for old in (folder / "h").iterdir():
        old.unlink()
    sha = subject.repository.commit({"tiercel.toml": services(h="")} | files)
    commit = fetch_commit.fn(subject.name, sha, "develop")
    topology = load_services.fn(commit, parse_topology(Path(world.config).read_text()))
    objects = find_objects.fn(commit, paths_of_all(topology.services.values()))
    ids = {path: found.id for path, found in objects.items()}
    tree = source_tree(topology.services["h"], ids)
    with build_folder() as scratch:
        build_service.fn(commit, topology.services["h"], tree, topology.builds, scratch)


def _cases(world: World, size: Size) -> Iterator[Case]:
    cases = [
        Case(name, Refusal(world, attack)) for name, attack in (*_parameters(), *_configurations())
    ]
    yield from size.few(cases, 300)
    subject = world.subject("hostile")
    builds = [
        Case(name, Refusal(world, partial(_built, subject, files))) for name, files in _references()
    ]
    yield from size.few(builds, 5)


ROW = Row(
    key="hostile",
    title="hostile inputs (at least 500, generated)",
    target="100 % refused before the first AWS call",
    measured="Parameters of runs, services in a commit's tiercel.toml and templates with what they "
    "refer to are generated: paths that leave the repository, control characters, shell syntax, "
    "wrong types, sizes beyond the limits. Parameters go through the flow's own validation, "
    "commits through git and the build. Each has to end in an error with an explanation, and by "
    "the sandbox's journal AWS was not called.",
    not_shown="Publishing asks the bucket whether the artifact exists before it builds: templates "
    "are refused after this one read and before anything is written. Hostile answers of GitHub "
    "and hostile webhooks have tests of their own.",
    cases=_cases,
)
