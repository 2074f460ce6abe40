from __future__ import annotations

import httpx
import pytest

from tests.sandbox.github.support import Place, refusal
from tests.sandbox.github.webhook_receiver import WebhookReceiver
from tests.sandbox.github.webhook_support import address, deliveries, hook, path, told


def test_a_redelivery_keeps_its_guid_and_payload(place: Place, receiver: WebhookReceiver) -> None:
    made = hook(place, receiver, ["push"])
    receiver.answers[path(place)] = 500
    place.branch("side", {"s.txt": "s\n"})
    told(place, receiver, "push")
    failed, _ = deliveries(place, made, 2)
    assert (failed.event, failed.status_code, failed.redelivery) == ("push", 500, False)
    receiver.answers[path(place)] = 200

    token = place.stand_in.running.token("releaser")
    with place.stand_in.http(token) as http:
        url = f"/repos/{place.name}/hooks/{made.id}/deliveries/{failed.id}/attempts"
        assert http.post(url).status_code == 202

    first, second = told(place, receiver, "push", 2)
    assert (first.guid, first.raw) == (second.guid, second.raw)
    again = deliveries(place, made, 3)[0]
    assert (again.redelivery, again.status_code, again.guid) == (True, 200, failed.guid)
    whole = place.repo("releaser").get_hook_delivery(made.id, again.id).raw_data
    assert whole["request"]["headers"]["X-GitHub-Delivery"] == first.guid
    assert whole["request"]["payload"]["ref"] == "refs/heads/side"
    assert whole["response"]["payload"] == "ok"


def test_nothing_is_delivered_again_by_itself(place: Place, receiver: WebhookReceiver) -> None:
    made = hook(place, receiver, ["push"])
    receiver.answers[path(place)] = 503
    place.branch("side", {"s.txt": "s\n"})
    place.branch("other", {"s.txt": "s\n"})
    assert len(deliveries(place, made, 3)) == 3
    assert len(told(place, receiver, "push", 2)) == 2


def test_an_address_of_another_machine_is_never_called(place: Place) -> None:
    made = place.repo("releaser").create_hook(
        "web", {"url": "http://192.0.2.1/hook", "content_type": "json"}, ["push"], active=True
    )
    (ping,) = deliveries(place, made, 1)
    assert (ping.status_code, "this machine only" in ping.status) == (0, True)


def test_a_hook_is_changed_switched_off_and_removed(
    place: Place, receiver: WebhookReceiver
) -> None:
    made = hook(place, receiver, ["push"])
    assert made.config["secret"] == "********"
    same = {"url": address(place, receiver), "content_type": "json"}
    error = refusal(lambda: place.repo("releaser").create_hook("web", same, ["push"]))
    assert "already exists" in error.data["errors"][0]["message"]
    made.edit("web", same, add_events=["release"], active=False)
    assert (made.events, made.active) == (["push", "release"], False)
    assert place.repo("releaser").get_hook(made.id).events == made.events
    made.ping()
    told(place, receiver, "ping", 2)
    assert [item.id for item in place.repo("releaser").get_hooks()] == [made.id]
    made.delete()
    assert not list(place.repo("releaser").get_hooks())


@pytest.mark.parametrize(
    "config", [{}, {"url": "gopher://localhost"}, {"url": "http://[bad"}, {"url": "nonsense"}]
)
def test_a_hook_without_a_usable_address_is_refused(place: Place, config: dict[str, str]) -> None:
    error = refusal(lambda: place.repo("releaser").create_hook("web", config, ["push"]))
    assert (error.status, error.data["errors"][0]["field"]) == (422, "url")


def test_only_an_administrator_sees_hooks(place: Place) -> None:
    assert refusal(lambda: list(place.repo("author").get_hooks())).status == 403


def test_deliveries_come_in_pages_with_a_cursor(place: Place, receiver: WebhookReceiver) -> None:
    made = hook(place, receiver, ["push"])
    for number in range(3):
        place.branch(f"b{number}", {f"f{number}": "x"})
    deliveries(place, made, 4)
    token = place.stand_in.running.token("releaser")
    seen, url = [], f"{place.stand_in.api}/repos/{place.name}/hooks/{made.id}/deliveries?per_page=3"
    while url:
        answer = httpx.get(url, headers={"Authorization": f"Bearer {token}"}, trust_env=False)
        seen += [item["event"] for item in answer.json()]
        url = answer.links.get("next", {}).get("url", "")
    assert seen == ["push", "push", "push", "ping"]
