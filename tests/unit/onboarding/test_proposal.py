from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tests.support.codes import because
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.configuration.parsing import parse_services, parse_topology
from tiercel.domain.configuration.toml_text import toml_string
from tiercel.domain.onboarding.answers import (
    ACCOUNTS,
    Answers,
    proposed_branch,
    proposed_organization,
    require_usable,
)
from tiercel.domain.onboarding.callers import caller_texts, calls_no_copy
from tiercel.domain.onboarding.config_text import config_text
from tiercel.domain.onboarding.proposal import propose
from tiercel.domain.onboarding.readiness import repository_refusals
from tiercel.domain.onboarding.seen import RepositorySeen
from tiercel.domain.onboarding.stacks import is_template, stacks_of
from tiercel.domain.onboarding.stand_in import stand_in_topology
from tiercel.domain.onboarding.testing import tests_of as how_tested

QUEUE: dict[str, Any] = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}
OPEN = Answers(organization="acme", repository="")
WHOLE = Answers(
    organization="acme",
    repository="acme/store",
    region="eu-central-1",
    accounts={place: str(number) * 12 for number, place in enumerate(ACCOUNTS, start=1)},
    external_ids={"preprod": "acme-preprod-1", "prod": "acme-prod-1"},
)
UNIT = "import unittest\n"


def seen(*paths: str, texts: dict[str, str] | None = None, **templates: Any) -> RepositorySeen:
    """A repository with templates by their paths, in which `__` stands for a slash."""
    documents = {f"{name.replace('__', '/')}/template.yaml": one for name, one in templates.items()}
    return RepositorySeen(
        folder="store",
        paths=(*paths, *(texts or {}), *documents),
        templates=documents,
        texts=texts or {},
        branches=("develop", "main"),
    )


def in_folder(*paths: str) -> RepositorySeen:
    return RepositorySeen(folder="Tea Store", templates=dict.fromkeys(paths, QUEUE))


@pytest.mark.parametrize(
    ("paths", "stacks"),
    [
        (["template.yaml"], {"tea-store": "template.yaml"}),
        (["api/template.yaml"], {"api": "api/template.yaml"}),
        (["cfn/db.yaml", "cfn/web.yaml"], {"db": "cfn/db.yaml", "web": "cfn/web.yaml"}),
        (
            ["a/api/template.yaml", "b/api/template.yaml"],
            {"a-api": "a/api/template.yaml", "b-api": "b/api/template.yaml"},
        ),
        (
            ["a/api/db.yaml", "a/api/template.yaml", "web/db.yaml", "web/template.yaml"],
            {
                "api": "a/api/template.yaml",
                "api-db": "a/api/db.yaml",
                "web": "web/template.yaml",
                "web-db": "web/db.yaml",
            },
        ),
        (
            ["A.B/template.yaml", "a-b/template.yaml"],
            {"a-b": "A.B/template.yaml", "a-b-2": "a-b/template.yaml"},
        ),
        (
            ["the/" + "long-" * 9 + "api/template.yaml"],
            {"long-" * 5 + "long": "the/" + "long-" * 9 + "api/template.yaml"},
        ),
        (["node_modules/x/template.yaml", ".aws-sam/build/template.yaml"], {}),
        (["1/template.yaml"], {"service-1": "1/template.yaml"}),
    ],
)
def test_a_service_is_called_after_its_folder(paths: list[str], stacks: dict[str, str]) -> None:
    assert stacks_of(in_folder(*paths)) == stacks


def test_what_another_template_nests_is_no_stack_of_its_own() -> None:
    nesting = {
        "Resources": {
            "Inner": {
                "Type": "AWS::CloudFormation::Stack",
                "Properties": {"TemplateURL": "../inner/template.yaml"},
            }
        }
    }
    assert list(stacks_of(seen(outer=nesting, inner=QUEUE))) == ["outer"]


@pytest.mark.parametrize(
    ("document", "is_one"),
    [
        (QUEUE, True),
        ({"Resources": {"X": {"Type": "Custom::Thing"}}}, True),
        ({"Resources": {"X": {"Type": "object"}}}, False),
        ({"Resources": []}, False),
        ({"openapi": "3.0"}, False),
        ([], False),
    ],
)
def test_a_template_has_resources_of_types(document: object, is_one: bool) -> None:
    assert is_template(document) is is_one


@pytest.mark.parametrize(
    ("texts", "command", "requirements"),
    [
        ({"api/tests/__init__.py": "", "api/tests/test_a.py": UNIT}, "python3 -m unittest", None),
        ({"api/test_a.py": UNIT}, "python3 -m unittest", None),
        ({"api/tests/test_a.py": UNIT}, "python3 -m unittest discover -s tests", None),
        (
            {"api/tests/test_a.py": "import pytest\n", "api/tests/requirements.txt": "pytest>8\n"},
            "python3 -m pytest tests",
            "tests/requirements.txt",
        ),
        (
            {"api/tests/unit/test_a.py": "", "api/tests/integration/test_b.py": ""},
            "python3 -m pytest tests/unit",
            None,
        ),
        ({"api/package.json": '{"scripts": {"test": "jest"}}'}, "npm test", None),
        ({"api/src/package.json": '{"scripts": {"test": "jest"}}'}, "npm test --prefix src", None),
        ({"api/package.json": '{"scripts": {"test": "echo no test specified"}}'}, "", None),
        ({"api/package.json": "["}, "", None),
    ],
)
def test_tests_are_run_as_the_files_say(
    texts: dict[str, str], command: str, requirements: str | None
) -> None:
    found = how_tested(seen(texts=texts, api=QUEUE), "api", "api")
    assert (" ".join(found.command), found.requirements) == (command, requirements)


def test_what_nobody_can_tell_is_said() -> None:
    template = {"Parameters": {"Email": {"Type": "String"}}, **QUEUE}
    texts = {".github/workflows/x.yml": "run: sam deploy", "cdk.json": "{}"}
    proposal = propose(seen(texts=texts, api=template), OPEN)
    told = "\n".join(f"{one.what}: {one.do}" for one in proposal.unclear)
    for words in ("the parameter Email of api", "deploys, too", "the CDK", "no tests were found"):
        assert words in told


def test_the_file_is_taken_as_it_was_written() -> None:
    storage = {**QUEUE, "Outputs": {"TableName": {"Value": "x"}}}
    api = {
        "Parameters": {"TableName": {"Type": "String"}, "Email": {"Type": "String"}},
        "Outputs": {"Url": {"Value": {"Fn::Sub": "https://${A}.execute-api.x"}}},
        **QUEUE,
    }
    repository = seen("api/requirements.txt", api=api, storage=storage)
    text = config_text(propose(repository, WHOLE), WHOLE)
    topology = parse_topology(text)
    assert topology.services["api"].depends_on == ("storage",)
    assert topology.builds.indexes == ()
    assert topology.environments["prod"].branch == "main"
    assert '# Email = "..."' in text
    assert '# http = "Url"' in text


@pytest.mark.parametrize("imports", [False, True])
def test_a_parameter_of_any_name_stays_a_name(imports: bool) -> None:
    name = 'A\n[builds]\nwhere = "here"\n[x]'
    parameters = {"Parameters": {name: {"Type": "String"}}}
    export = {"Name": {"Fn::Sub": "${AWS::StackName}-V"}}
    network = {"Outputs": {"V": {"Value": "x", "Export": export}}}
    taken = {"V": {"Fn::ImportValue": {"Fn::Sub": f"${{{name}}}-V"}}} if imports else {}
    api = {"Resources": {"A": {"Type": "AWS::X::Y", "Properties": taken}}} | parameters
    text = config_text(propose(seen(api=api, network=network | QUEUE), WHOLE), WHOLE)
    assert sorted(tomllib.loads(text)) == ["environments", "organization", "services"]


def test_without_accounts_the_services_are_complete_and_the_rest_is_laid_out() -> None:
    text = config_text(propose(seen(api=QUEUE), OPEN), OPEN)
    assert list(tomllib.loads(text)) == ["services"]
    assert "# [environments.prod]" in text
    assert parse_services(text, stand_in_topology()).services["api"].path == "api"


@given(some.text(some.characters(exclude_categories=["Cs"])))
def test_any_text_is_the_same_in_toml(text: str) -> None:
    assert tomllib.loads(f"key = {toml_string(text)}") == {"key": text}


def test_stacks_that_are_named_by_parameters_get_those_of_each_environment() -> None:
    export = {"Name": {"Fn::Sub": "${AWS::StackName}-V"}}
    network = {"Outputs": {"V": {"Value": "x", "Export": export}}}
    taken = {"V": {"Fn::ImportValue": {"Fn::Sub": "${Net}-V"}}}
    api = {
        "Parameters": {"Net": {"Type": "String"}},
        "Resources": {"A": {"Type": "AWS::X::Y", "Properties": taken}},
    }
    text = config_text(propose(seen(api=api, network=network | QUEUE), WHOLE), WHOLE)
    service = parse_topology(text).services["api"]
    assert service.parameters_in("prod") == {"Net": "acme-prod-network"}
    assert service.parameters_in("preprod") == {"Net": "acme-preprod-network"}


def test_names_are_proposed_from_what_is_there() -> None:
    found = RepositorySeen(repository="Big-Corp.X/store", folder="x", branches=("dev", "master"))
    assert proposed_organization(found) == "big-corp-x"
    assert [proposed_branch(found.branches, one) for one in ("preprod", "prod")] == [
        "dev",
        "master",
    ]
    assert proposed_organization(RepositorySeen(folder="42")) == "acme"


def test_workflows_get_the_branches_and_the_copy_of_the_team() -> None:
    uses = f"uses: acme/tiercel/.github/workflows/release.yml@{'0' * 40} # 1"
    text = f"branches: [develop]\n{uses}"
    answers = WHOLE.model_copy(
        update={"branches": {"preprod": "dev"}, "tiercel": "corp/tiercel@" + "a" * 40}
    )
    (adapted,) = caller_texts({"x.yml": text}, answers).values()
    assert 'branches: ["dev"]' in adapted
    assert f"uses: corp/tiercel/.github/workflows/release.yml@{'a' * 40}" in adapted
    assert calls_no_copy(text)
    assert not calls_no_copy(adapted)


def test_all_that_keeps_a_repository_from_being_released_is_told_at_once() -> None:
    codes = [
        one.code for one in repository_refusals(stand_in_topology(), "acme/store", ["main"], {})
    ]
    assert codes == ["onboarding.not_listed", "onboarding.no_branch", "onboarding.no_workflow"]


def test_a_repository_that_has_everything_is_told_nothing() -> None:
    text = config_text(propose(seen(api=QUEUE), WHOLE), WHOLE)
    workflows = {".github/workflows/a.yml": "uses: corp/tiercel/.github/workflows/release.yml@1"}
    branches = ["develop", "main"]
    assert not list(repository_refusals(parse_topology(text), "acme/store", branches, workflows))


RUNTIME = ("preprod", "runtime_account")


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        ({"organization": "Acme_1"}, "--organization"),
        ({"organization": "sthree-x"}, "--organization"),
        ({"repository": "acme"}, "--repository"),
        ({"repository": "acme/*"}, "--repository"),
        ({"region": "europe"}, "--region"),
        ({"accounts": {RUNTIME: "22"}}, "--preprod-runtime"),
        ({"accounts": {**WHOLE.accounts, RUNTIME: "1" * 12}}, "--preprod-runtime"),
        ({"branches": {"prod": "a..b"}}, "--prod-branch"),
        ({"branches": {"preprod": "main", "prod": "main"}}, "--prod-branch"),
        ({"region": "europe", "accounts": {RUNTIME: "22"}}, "--region, --preprod-runtime"),
    ],
)
def test_an_answer_that_no_file_can_have_is_told_by_its_option(
    answer: dict[str, Any], wrong: str
) -> None:
    with pytest.raises(RefusedInputError, check=because("onboarding.wrong_answer")) as refusal:
        require_usable(OPEN.model_copy(update=answer))
    assert refusal.value.where == wrong
    assert refusal.value.state == "nothing was written"


@pytest.mark.parametrize("answers", [OPEN, WHOLE])
def test_what_nobody_knows_yet_is_no_wrong_answer(answers: Answers) -> None:
    require_usable(answers)
