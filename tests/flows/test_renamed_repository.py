from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.flow_runs import release
from tests.support.repositories import RepositoryMaker
from tests.support.templates import queue, services


@pytest.mark.usefixtures("operator")
def test_a_repository_that_was_renamed_has_its_stacks_artifacts_and_provenance(
    repositories: RepositoryMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = (repositories.make(name) for name in ("renamed-shop", "renamed-store"))
    files = {"tiercel.toml": services(renamed=""), "renamed/template.json": queue()}
    first = release(before, before.commit(files))["renamed"]
    config = tmp_path / "tiercel.toml"
    told = f'[repositories."{after.name}"]\nformerly = ["{before.name}"]\n'
    config.write_text((ROOT / "tiercel.toml").read_text() + told)
    monkeypatch.setenv("TIERCEL_CONFIG", str(config))

    same = release(after, after.commit(files))["renamed"]
    assert not same.changed
    assert same.release.intent.number == first.release.intent.number
    changed = release(after, after.commit({"renamed/template.json": queue(DelaySeconds=1)}))

    assert changed["renamed"].release.intent.repository == after.name
