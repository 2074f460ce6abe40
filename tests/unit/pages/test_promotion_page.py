"""What people read of a promotion that waits."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.promotion_plans import plan, planned, waiting
from tests.support.releases import outcome, release
from tests.support.topology import topology_of
from tiercel.domain.approvals.found_waits import UnreadableWait
from tiercel.domain.approvals.plans import AskedBy
from tiercel.domain.base.failure import Failure
from tiercel.domain.organization.names import Names
from tiercel.domain.pages.links import Links
from tiercel.domain.pages.promotion_page import promotion_page
from tiercel.domain.pages.release_pages import Unfinished, release_board
from tiercel.domain.release.live import live_of

LINKS = Links(server="https://github.com")
NAMES = Names.of(topology_of(), "prod")
HOUR = timedelta(hours=1)


def test_the_board_tells_what_waits_for_a_word_and_no_name_does_harm_there() -> None:
    one = waiting(plan(), asked_by=AskedBy(name="<b>eve"))
    page = release_board([], {}, LINKS, NAMES, unfinished=Unfinished(waiting=[one]))
    assert "**Waiting for a word:**" in page
    assert plan().digest in page
    assert "<b>" not in page


def test_the_board_tells_what_may_wait_and_cannot_be_read_and_no_name_does_harm_there() -> None:
    one = UnreadableWait("acme/<b>shop", Failure("promotion.wait_damaged", "it <b>cannot"))
    page = release_board([], {}, LINKS, NAMES, unfinished=Unfinished(unreadable=[one]))
    assert "cannot be read" in page
    assert "`promotion.wait_damaged`" in page
    assert "<b>" not in page


@pytest.mark.parametrize(("begun", "waits"), [(HOUR, False), (-HOUR, True)])
def test_a_promotion_that_has_released_since_it_waited_waits_for_no_word(
    begun: timedelta, waits: bool
) -> None:
    one = waiting(plan())
    given = {"repository": one.repository, "commit": one.commit, "at": one.at + begun}
    live = live_of("acme-prod-orders", [release(outcome(), stack="acme-prod-orders", **given)])
    page = release_board([live], {}, LINKS, NAMES, unfinished=Unfinished(waiting=[one]))
    assert ("Waiting for a word" in page) is waits


def test_the_plan_of_a_promotion_tells_what_is_known_by_its_template_and_how_to_approve() -> None:
    follows = planned("api", follows=True)
    page = promotion_page(plan(planned(unchanged=True, changes=()), follows), waiting(plan()))
    assert "nothing to do" in page
    assert "its template" in page
    assert f"tiercel approve prod {plan().digest}" in page
    assert "tiercel approve" not in promotion_page(plan(), None)
