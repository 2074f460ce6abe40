"""Who asks for something, as GitHub tells it at that moment."""

from __future__ import annotations

import pytest
from github import Auth

from tests.sandbox.github.support import Place, client
from tests.support.codes import because
from tests.tasks import github_fixtures
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.ephemeral.asking import NOBODY, Asker
from tiercel.tasks.github.transport.asking import (
    asker_by_deployment,
    asker_by_label,
    request_deployment,
)
from tiercel.tasks.github.transport.client import forget_github

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


LABEL = "tiercel:preview"


def test_who_set_the_label_last_is_the_one_who_asks(place: Place) -> None:
    number = place.pull("feature", {"a.txt": "a\n"}).number
    with pytest.raises(RefusedInputError, check=because("ephemeral.no_label")):
        asker_by_label.fn(place.name, number, LABEL)
    for login in ("author", "releaser"):
        labeled = place.repo(login).get_issue(number)
        labeled.add_to_labels("bug", "Tiercel:Preview")
        permission = place.repo(login).get_collaborator_permission(login)
        assert asker_by_label.fn(place.name, number, LABEL) == Asker(login, permission)
        labeled.remove_from_labels("Tiercel:Preview")
    with pytest.raises(RefusedInputError, check=because("ephemeral.no_label")):
        asker_by_label.fn(place.name, number, LABEL)


def test_a_label_that_no_person_set_is_nobody_s(place: Place) -> None:
    number = place.pull("feature", {"a.txt": "a\n"}).number
    app = place.stand_in.running.app
    auth = Auth.AppAuth(app.app_id, app.private_key).get_installation_auth(app.installation_id)
    with client(place.stand_in.api, auth) as github:
        github.get_repo(place.name).get_issue(number).add_to_labels(LABEL)
    assert asker_by_label.fn(place.name, number, LABEL) == NOBODY
