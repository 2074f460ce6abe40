"""A worker refuses to start where its runs would import another code than its own."""

from __future__ import annotations

from pathlib import Path

import pytest

import tiercel
from tiercel.deployments.own_code import require_own_flows, require_own_package
from tiercel.domain.base.errors import ConfigurationError

PACKAGE = Path(tiercel.__file__).parent
PUBLISH = "tiercel.flows.publish.publish_artifact"


def test_the_installed_package_and_its_flows_are_its_own(tmp_path: Path) -> None:
    require_own_package(PACKAGE, ["/usr/lib/python3"], tmp_path)
    require_own_flows({"publish": PUBLISH}, PACKAGE)


def test_a_package_that_nobody_installed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tiercel").mkdir()
    with pytest.raises(ConfigurationError, match="another Tiercel") as refused:
        require_own_package(tmp_path / "tiercel", [], tmp_path)
    assert refused.value.where == str(tmp_path / "tiercel")


@pytest.mark.parametrize("named", ["", ".", "FOLDER"])
def test_a_path_that_has_the_current_folder_is_refused(
    named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="the current folder"):
        require_own_package(PACKAGE, [named.replace("FOLDER", str(tmp_path))], tmp_path)


@pytest.mark.parametrize(
    "entrypoint",
    [
        "",
        "flows.publish.publish_artifact",
        "flows/publish.py:publish_artifact",
        "tiercel/flows/publish.py:publish_artifact",
        "tiercel.flows.nosuch.flow",
        "tiercel.flowsevil.flow",
    ],
)
def test_a_deployment_of_other_code_is_refused_and_named(entrypoint: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        require_own_flows({"mine": PUBLISH, "theirs": entrypoint}, PACKAGE)
    assert refused.value.why.startswith(f"theirs: {entrypoint}")


def test_flows_that_are_found_in_another_package_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        require_own_flows({"mine": PUBLISH}, tmp_path)
    assert str(PACKAGE) in refused.value.why
