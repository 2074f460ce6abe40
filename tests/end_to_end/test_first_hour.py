"""What somebody does with a repository of his own, before anything is called."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.support.commands import ROOT, data_in, error_in, invoke, invoke_json
from tests.support.repositories import git
from tiercel.domain.base.errors import ExitCode

ACCOUNTS = (
    *("--preprod-infrastructure", "111111111111", "--preprod-runtime", "222222222222"),
    *("--prod-infrastructure", "333333333333", "--prod-runtime", "444444444444"),
    *("--region", "eu-central-1", "--repository", "acme/store"),
    *("--tiercel", "acme/our-tiercel@" + "a" * 40),
)


def clone_of_the_example(folder: Path) -> Path:
    shutil.copytree(ROOT / "examples/shop", folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "tiercel.toml").unlink()
    git(folder, "init", "--quiet", "--initial-branch=main")
    return folder


def test_a_repository_is_described_as_its_team_would_have_and_nothing_stops_it(
    tmp_path: Path,
) -> None:
    clone = clone_of_the_example(tmp_path / "store")
    said = invoke_json("init", str(clone), *ACCOUNTS)
    assert "tiercel.toml" in said["written"]
    by_name = {one["name"]: one for one in said["services"]}
    assert by_name["orders"]["depends_on"] == ["storage"]
    assert by_name["fulfilment"]["template"] == "template.json"
    before = {path: path.read_bytes() for path in clone.rglob("*") if path.is_file()}
    code, output, _ = invoke("init", str(clone), "--check", "--json")
    assert code == ExitCode.CHECK_FAILED
    assert [one["code"] for one in data_in(output)["errors"]] == ["onboarding.no_branch"]
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--message=Begin")
    git(clone, "branch", "develop")
    assert invoke_json("init", str(clone), "--check")["errors"] == []
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (("--region", "europe", "--preprod-runtime", "22"), "--region, --preprod-runtime"),
        ((*ACCOUNTS, "--preprod-infrastructure", "11111"), "--preprod-infrastructure"),
        (("--preprod-branch", "main"), "--prod-branch"),
    ],
)
def test_a_wrong_option_is_named_before_anything_is_written(
    words: tuple[str, ...], wrong: str, tmp_path: Path
) -> None:
    clone = clone_of_the_example(tmp_path / "store")
    code, output, _ = invoke("init", str(clone), "--no-ask", *words, "--json")
    assert code == ExitCode.REFUSED
    error = error_in(output)
    assert (error["code"], error["where"]) == ("onboarding.wrong_answer", wrong)
    assert not (clone / "tiercel.toml").exists()


def test_what_is_there_is_never_overwritten(tmp_path: Path) -> None:
    clone = clone_of_the_example(tmp_path / "store")
    (clone / "tiercel.toml").write_text("# mine\n")
    said = invoke_json("init", str(clone), *ACCOUNTS)
    assert said["kept"] == ["tiercel.toml"]
    assert (clone / "tiercel.toml").read_text() == "# mine\n"


def test_what_a_repository_calls_its_things_moves_nothing_on_the_terminal(tmp_path: Path) -> None:
    clone = clone_of_the_example(tmp_path / "store")
    named = {"Parameters": {"A\x1b]0;mine\x07": {"Type": "String"}}}
    queue = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}
    (clone / "odd").mkdir()
    (clone / "odd" / "template.json").write_text(json.dumps(named | queue))
    code, output, errors = invoke("init", str(clone), *ACCOUNTS)
    assert (code, "A]0;mine" in output) == (ExitCode.OK, True), errors
    assert not {"\x1b", "\x07"} & set(output + errors)


def test_everything_that_would_stop_a_first_release_is_told_at_once(tmp_path: Path) -> None:
    clone = clone_of_the_example(tmp_path / "store")
    template = clone / "services/catalog/template.yaml"
    template.write_text(
        template.read_text().replace("Parameters:", "Parameters:\n  Email: {Type: String}", 1)
    )
    for twin in ("one", "two"):
        wrong = "Resources: {Queue: {Type: AWS::SQS::Queue, Properties: {Colour: red}}}"
        (clone / twin).mkdir()
        (clone / twin / "template.yaml").write_text(wrong)
    invoke_json("init", str(clone), *ACCOUNTS)
    database = "Resources: {Data: {Type: AWS::RDS::DBInstance}}"
    (clone / "services/storage/template.yaml").write_text(database)
    code, output, _ = invoke("init", str(clone), "--check", "--json")
    assert code == ExitCode.CHECK_FAILED
    for words in (
        "needs a value for Email",
        "a service that the environment",
        "no branch develop",
        "one/template.yaml:1: E3002",
        "two/template.yaml:1: E3002",
    ):
        assert words in output, output


def test_a_link_out_of_the_repository_is_not_followed(tmp_path: Path) -> None:
    clone = clone_of_the_example(tmp_path / "store")
    (tmp_path / "elsewhere").mkdir()
    (clone / ".github").symlink_to(tmp_path / "elsewhere")
    code, output, _ = invoke("init", str(clone), *ACCOUNTS, "--json")
    assert (code, error_in(output)["code"]) == (
        ExitCode.REFUSED,
        "onboarding.leads_outside",
    )
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert not (clone / "tiercel.toml").exists()
    assert invoke_json("init", str(clone), *ACCOUNTS, "--no-workflows")["written"] == [
        "tiercel.toml"
    ]


def test_a_repository_inside_that_has_no_commit_is_passed_over(tmp_path: Path) -> None:
    clone = clone_of_the_example(tmp_path / "store")
    (clone / "begun").mkdir()
    (clone / "begun" / "template.yaml").write_text("Resources: {Q: {Type: AWS::SQS::Queue}}")
    git(clone / "begun", "init", "--quiet")
    said = invoke_json("init", str(clone), *ACCOUNTS)
    assert "begun" not in {one["name"] for one in said["services"]}


def test_a_folder_that_is_no_clone_is_told_as_such(tmp_path: Path) -> None:
    code, _, errors = invoke("init", str(tmp_path / "away"))
    assert code == ExitCode.REFUSED
    assert "there is no such folder" in errors
    assert "in no git repository" in invoke("init", str(tmp_path))[2]


def test_a_file_that_has_services_alone_is_checked(tmp_path: Path) -> None:
    file = tmp_path / "tiercel.toml"
    file.write_text('[services.api]\npath = "api"\n[services.api.environments.staging]\n')
    code, output, _ = invoke("config", "check", str(file), "--json")
    assert code == ExitCode.CONFIGURATION
    assert "there is no environment `staging`" in error_in(output)["why"]
    file.write_text('[services.api]\npath = "api"\n')
    assert list(invoke_json("config", "check", str(file))["services"]) == ["api"]


@pytest.mark.parametrize(
    ("shell", "own"),
    [
        ("bash", "complete -o default"),
        ("zsh", "#compdef tiercel"),
        ("fish", "complete --command tiercel"),
    ],
)
def test_a_shell_can_complete_commands(shell: str, own: str) -> None:
    code, script, _ = invoke("completion", shell)
    assert code == ExitCode.OK
    assert "_TIERCEL_COMPLETE" in script
    assert own in script
    words = {"COMP_WORDS": "tiercel dep", "COMP_CWORD": "1", "_TYPER_COMPLETE_ARGS": "tiercel dep"}
    words["_TYPER_COMPLETE_FISH_ACTION"] = "get-args"
    _, said, _ = invoke(_TIERCEL_COMPLETE=f"complete_{shell}", **words)
    assert "deploy" in said


def test_an_address_is_printed_for_who_has_no_browser() -> None:
    assert invoke("open", "pr", "acme/shop", "3")[1] == "https://github.com/acme/shop/pull/3\n"
    code, _, errors = invoke("open", "board", PREFECT_API_URL="")
    assert (code, "there is no page to open" in errors) == (ExitCode.REFUSED, True)
