from __future__ import annotations

import re
import tomllib
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.architecture.documents import (
    PAGES,
    ROOT,
    anchors,
    code_of,
    fences,
    links,
    rows,
    section,
    spans,
    text_of,
    uses_of,
)
from tests.architecture.facts import (
    PRODUCT,
    commands_of,
    default_of,
    failures_in,
    flows_in,
    keys_of,
    misuse,
    modules_behind,
    names_imported_by,
    options_of,
    task_runs_in,
    toml,
    variables_in,
)
from tests.screenshots.__main__ import DRILL, IMAGES, SHOTS
from tests.support.topology import topology_text
from tiercel.cli.main import app
from tiercel.cli.terminal.command_list import COMMANDS as COMMAND_LIST
from tiercel.cli.terminal.command_list import overview
from tiercel.domain.base.errors import ConfigurationError, ExitCode
from tiercel.domain.configuration.parsing import parse_services, parse_topology
from tiercel.domain.organization.topology import Topology
from tiercel.domain.stack.states import StackGoal, StackStatus, decide, is_success, is_terminal
from tiercel.sandbox.github.http import api
from tiercel.sandbox.github.http.seed import APP_PERMISSIONS

TIERCEL = typer.main.get_command(app)
COMMANDS = dict(commands_of(TIERCEL, "tiercel"))
KEYS = dict(keys_of(Topology))
CONFIGURATION = "docs/use/configuration.md"
DEPENDENCIES = "docs/understand/decisions/0002-dependencies.md"
RUNBOOKS = [page for page in PAGES if page.startswith("docs/operate/runbooks/")]
FLOW_MODULES = sorted((ROOT / "flows").glob("*.py"))
FLOWS = {name: parameters for path in FLOW_MODULES for name, parameters in flows_in(path)}

SMALL = topology_text(
    "acme/*",
    more="""
[builds]
indexes = ["packages.example.com"]
[environments.preprod.build_network]
vpc = "vpc-0123456789abcdef0"
subnets = ["subnet-0123456789abcdef0"]
security_groups = ["sg-0123456789abcdef0"]
[environments.prod.gates]
approvals = 1
approvers = [{name = "ada", github = 583231}]
[services.storage]
path = "services/storage"
[services.orders]
path = "services/orders"
smoke_test = { http = "ApiUrl" }
seed = { invoke = "FillFunction" }
""",
)


@cache
def behind_flows() -> list[Path]:
    """The modules that flows are made of."""
    return modules_behind(*FLOW_MODULES)


def documented(cells: list[list[str]]) -> set[str]:
    return {code_of(row[0]) for row in cells}


def set_key(key: str, value: str) -> str:
    """A configuration in which one key has this value, given as TOML."""
    data: dict[str, Any] = tomllib.loads(SMALL)
    *path, last = place_of(key)
    table = data
    for name in path:
        table = table.setdefault(name, {})
        if isinstance(table, list):  # of tables: the first one
            table = table[0]
    table.pop(last, None)
    if value != "left out":
        table[last] = tomllib.loads(f"value = {value}")["value"]
    if last == "invoke":
        table.pop("http", None)
    return "\n".join(f"{name} = {toml(item)}" for name, item in data.items())


def place_of(key: str) -> list[str]:
    words = key.split(".")
    of_prod = words[-1] in {"production", "promotes_from"} or "gates" in words
    first = "prod" if of_prod else "preprod"
    names = {"environments": iter((first,)), "services": iter(("orders",))}
    names["repositories"] = iter(("acme/store",))
    return [
        next(names[words[index - 1]], "prod") if word == "NAME" else word
        for index, word in enumerate(words)
    ]


@pytest.mark.parametrize("page", PAGES)
def test_every_command_that_is_shown_exists(page: str) -> None:
    shown = uses_of("tiercel", text_of(page))
    assert [found for words in shown if (found := misuse(TIERCEL, words))] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_option_that_is_named_exists(page: str) -> None:
    known = {"--help"}.union(*(options_of(command) for command in COMMANDS.values()))
    named = {span.split()[0] for span in spans(text_of(page)) if re.match(r"--?[a-z]", span)}
    assert named - known - {"--platform", "--only-binary", "--end-of-options"} == set()


@pytest.mark.parametrize(
    "words", [["deploi"], ["deploy", "--sandboxx"], ["sandbox", "sideways"], ["config", "--json"]]
)
def test_a_command_that_does_not_exist_is_found(words: list[str]) -> None:
    assert misuse(TIERCEL, words)


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_is_described_with_all_its_options(path: str) -> None:
    body = section(text_of("docs/use/cli.md"), path)
    assert body
    assert options_of(COMMANDS[path]) - {span.split()[0] for span in spans(body)} == set()


def test_the_exit_codes_are_those_of_the_errors() -> None:
    table = rows(text_of("docs/use/cli.md"), "code", "name")
    assert {int(row[0]): code_of(row[1]) for row in table} == {
        code.value: code.name for code in ExitCode
    }


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    broken = []
    for link in links(text_of(page)):
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
            broken.append(link)
    assert broken == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    waiting, found = ["README.md"], set[str]()
    while waiting:
        page = waiting.pop()
        if page in found:
            continue
        found.add(page)
        for link in links(text_of(page)):
            target = ((ROOT / page).parent / link.partition("#")[0]).resolve()
            if target.suffix == ".md":
                waiting.append(str(target.relative_to(ROOT)))
    assert set(PAGES) - found == set()


def test_every_key_of_the_configuration_is_described_and_no_other() -> None:
    assert documented(rows(text_of(CONFIGURATION), "key", "type")) == set(KEYS)


@pytest.mark.parametrize("row", rows(text_of(CONFIGURATION), "key", "type"), ids=" ".join)
def test_a_key_has_the_default_that_is_written_and_its_example_is_right(row: list[str]) -> None:
    key, _, default, _, example = row
    assert code_of(default) == default_of(KEYS[code_of(key)])
    parse_topology(set_key(code_of(key), code_of(example)))


@pytest.mark.parametrize("row", rows(text_of(CONFIGURATION), "key", "wrong value"), ids=" ".join)
def test_a_wrong_value_is_refused_for_the_reason_that_is_written(row: list[str]) -> None:
    key, value, reason = (code_of(cell) for cell in row)
    with pytest.raises(ConfigurationError) as refused:
        parse_topology(set_key(key, value))
    assert reason in refused.value.why


@pytest.mark.parametrize("page", PAGES)
def test_every_configuration_that_is_shown_is_right(page: str) -> None:
    for text in fences(text_of(page), "toml"):
        parse_services(text, parse_topology(SMALL))


def test_every_variable_of_our_own_is_described() -> None:
    named = {
        name
        for folder in PRODUCT
        for path in (ROOT / folder).rglob("*.py")
        for name in variables_in(path)
    }
    assert named - documented(rows(text_of(CONFIGURATION), "variable")) == set()


def test_every_policy_is_explained() -> None:
    linked = {link.rpartition("/")[2] for link in links(text_of("docs/operate/security.md"))}
    assert {path.name for path in (ROOT / "policies").glob("*.json")} - linked == set()


def test_every_dependency_is_justified_and_no_other() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = sum(project["optional-dependencies"].values(), project["dependencies"])
    written = [span for row in rows(text_of(DEPENDENCIES), "package") for span in spans(row[0])]
    assert sorted(written) == sorted(re.split(r"[^\w.-]", name)[0] for name in wanted)


def test_every_flow_has_a_runbook() -> None:
    assert sorted(RUNBOOKS) == [f"docs/operate/runbooks/{name}.md" for name in sorted(FLOWS)]


@pytest.mark.parametrize("name", FLOWS)
def test_a_runbook_has_the_parameters_of_its_flow(name: str) -> None:
    table = rows(text_of(f"docs/operate/runbooks/{name}.md"), "parameter")
    assert documented(table) == set(FLOWS[name])


def test_every_failure_of_the_flows_and_commands_is_explained() -> None:
    modules = [*behind_flows(), *sorted((ROOT / "cli").rglob("*.py"))]
    known = {text for path in modules for text in failures_in(path)}
    written = {span for page in PAGES for span in spans(text_of(page))}
    assert known - written == set()


@pytest.mark.parametrize("page", RUNBOOKS)
def test_every_message_of_a_runbook_is_one_that_the_code_gives(page: str) -> None:
    assert documented(rows(text_of(page), "message")) - failures_of_the_product() == set()


@cache
def failures_of_the_product() -> set[str]:
    modules = [path for folder in PRODUCT for path in (ROOT / folder).rglob("*.py")]
    return {text for path in modules for text in failures_in(path)}


def test_every_picture_of_the_docs_is_taken_by_the_command_that_takes_them_again() -> None:
    taken = {*DRILL, *(shot.name for shot in SHOTS)}
    assert {path.stem for path in IMAGES.iterdir()} == taken


def test_every_task_of_the_flows_is_named_in_a_runbook() -> None:
    named = [span for page in RUNBOOKS for span in spans(text_of(page))]
    flows = [path for path in behind_flows() if "flows" in path.parts]
    used = {name for path in flows for name in names_imported_by(path)}
    tasks = [run for path in behind_flows() for task, run in task_runs_in(path) if task in used]
    assert [run for run in tasks if not any(span.startswith(run) for span in named)] == []
    assert "build" in tasks


def test_the_table_of_stacks_has_every_status_once_beside_those_treated_alike() -> None:
    page = text_of("docs/operate/runbooks/deploy-to-preprod.md")
    table = rows(page, "the stack is", "what the flow does")
    groups = [[StackStatus(span) for span in spans(row[0])] for row in table]
    assert sorted(chain.from_iterable(groups)) == sorted(StackStatus)
    steps = [
        {decide(status, StackGoal.DEPLOY, production=False).step for status in group}
        for group in groups
    ]
    assert [len(found) for found in steps] == [1] * len(table)
    assert len(set.union(*steps)) == len(table)


def test_the_worst_hour_says_of_each_stack_what_the_flow_does() -> None:
    said = {"updates": "update", "continues": "continue_rollback", "rolls": "roll_back_stack",
            "deletes": "delete_first", "creates": "create", "is": "refuse"}  # fmt: skip
    heads = ("the stack is", "release again and the flow", "in Prod")
    table = rows(text_of("docs/operate/worst-hour.md"), *heads)
    found = [StackStatus(span) for row in table for span in spans(row[0])]
    at_rest = {one for one in StackStatus if is_terminal(one) and not is_success(one)}
    assert sorted(found) == sorted(at_rest)
    for row in table:
        for status in map(StackStatus, spans(row[0])):
            anywhere = decide(status, StackGoal.DEPLOY, production=False)
            in_prod = decide(status, StackGoal.DEPLOY, production=True)
            assert said[row[1].split()[0]] == anywhere.step, status
            assert row[2].startswith("refused") is (in_prod.step is not anywhere.step), status


def test_every_operation_of_the_github_stand_in_is_told_and_who_calls_it() -> None:
    page = text_of("docs/understand/github-stand-in.md")
    table = rows(page, "about", "the product calls", "the stand-in has too")
    cells = " ".join(cell for row in table for cell in row)
    told = [span.replace("…", "/repos/{owner}/{repo}") for span in spans(cells)]
    routes = [route for module in api._MODULES for route in module.ROUTES]
    modelled = [f"{route.method} {route.template}" for route in routes]
    assert sorted(told) == sorted([*modelled, "GET /rate_limit"])
    called = sum(len(spans(row[1])) for row in table)
    assert f"has {len(told)} operations, and the product calls {called}" in page


def test_the_app_of_the_github_stand_in_has_the_permissions_that_are_documented() -> None:
    named = {"commit statuses": "statuses", "pull requests": "pull_requests"}
    table = rows(text_of(CONFIGURATION), "permission", "level", "what for")
    told = {
        named.get(name.lower(), name.lower()): "write" if "write" in level else "read"
        for name, level, _ in table
    }
    assert told == APP_PERMISSIONS


def test_the_overview_says_of_each_command_what_the_command_says_of_itself() -> None:
    said = {
        name: " ".join((command.help or "").strip().split("\n\n")[0].split())
        for name, command in TIERCEL.commands.items()  # type: ignore[attr-defined]
    }
    assert said == {name: one.summary for name, one in COMMAND_LIST.items()}
    text = overview()
    assert [name for name in COMMAND_LIST if f"\n  {name} " not in text] == []
