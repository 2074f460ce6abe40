from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.codes import because
from tiercel.domain.base.errors import ConfigurationError
from tiercel.tasks.teardown.approvals import APPROVAL_VARIABLE, read_approvals

TEXT = """\
[[approvals]]
by = "ada"
environment = "preprod"
accounts = ["222222222222"]
stacks = ["acme-preprod-*"]
expires = 2026-12-31T00:00:00Z
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "worker" / "approval.toml"
    path.parent.mkdir()
    path.write_text(TEXT)
    path.chmod(0o600)
    monkeypatch.setenv(APPROVAL_VARIABLE, str(path))
    return path


def test_the_workers_own_file_approves(file: Path) -> None:
    assert file.is_file()
    assert [one.by for one in read_approvals.fn()] == ["ada"]


def test_without_a_file_nothing_is_approved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(APPROVAL_VARIABLE, raising=False)
    assert read_approvals.fn() == ()


def refused(code: str) -> None:
    with pytest.raises(ConfigurationError, check=because(code)):
        read_approvals.fn()


def test_a_file_that_a_merge_could_widen_is_not_used(file: Path) -> None:
    (file.parents[1] / ".git").mkdir()
    refused("drill.approval_unusable")


def test_a_link_out_of_a_repository_into_one_is_followed(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file.parent / ".git").mkdir()
    link = tmp_path / "approval.toml"
    link.symlink_to(file)
    monkeypatch.setenv(APPROVAL_VARIABLE, str(link))
    refused("drill.approval_unusable")


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_is_not_used(file: Path, mode: int) -> None:
    file.chmod(mode)
    refused("drill.approval_unusable")


def test_a_file_that_is_not_there_or_named_from_here_is_an_error(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(APPROVAL_VARIABLE, str(file) + "x")
    refused("drill.approval_unusable")
    monkeypatch.chdir(file.parent)
    monkeypatch.setenv(APPROVAL_VARIABLE, file.name)
    refused("drill.approval_unusable")


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace("222222222222", "2222"),
        TEXT.replace('stacks = ["acme-preprod-*"]', "stacks = []"),
        TEXT.replace('stacks = ["acme-preprod-*"]', 'stacks = ["*"]'),
        TEXT.replace("T00:00:00Z", ""),
        TEXT.replace("expires", "until"),
        TEXT + 'everything = "yes"\n',
    ],
)
def test_an_approval_that_is_not_understood_approves_nothing(file: Path, text: str) -> None:
    file.write_text(text)
    refused("drill.approval_unreadable")
