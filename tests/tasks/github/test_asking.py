"""Who asks for something, as GitHub tells it at that moment."""

from __future__ import annotations

import pytest

from tests.sandbox.github.support import Place
from tests.support.codes import because
from tests.tasks import github_fixtures
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.ephemeral.asking import Asker
from tiercel.tasks.github.asking import asker_by_deployment, request_deployment
from tiercel.tasks.github.client import forget_github

seen = github_fixtures.seen
stand_in = github_fixtures.stand_in
place = github_fixtures.place


def test_who_made_a_deployment_is_asked_for_with_what_he_may_do_now(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", place.stand_in.running.token("author"))
    forget_github()
    number = request_deployment.fn(place.name, "main", "ephemeral/login")
    assert asker_by_deployment.fn(place.name, number, "ephemeral/login") == Asker("author", "write")
    with pytest.raises(RefusedInputError, check=because("ephemeral.other_request")):
        asker_by_deployment.fn(place.name, number, "ephemeral/another")
