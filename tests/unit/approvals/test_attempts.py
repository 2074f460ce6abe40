"""Every attempt to get past a gate fails, and reaches its deed when its protection is taken out."""

from __future__ import annotations

import pytest

from tests.adversary.frame import Attack
from tests.unit.approvals import attempts_of_people, attempts_on_github, attempts_with_aws
from tests.unit.approvals.scene import ADA, Scene, review, settings, sign, signed

ATTEMPTS = (
    *attempts_of_people.attempts(),
    *attempts_on_github.attempts(),
    *attempts_with_aws.attempts(),
)
LEAST_ATTEMPTS, LEAST_PROTECTIONS = 60, 25


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=[one.name for one in ATTEMPTS])
def test_an_attempt_to_get_past_a_gate_fails_for_its_own_protection_alone(
    attempt: Attack[None],
) -> None:
    assert not attempt.deed(None)
    with attempt.unprotected():
        assert attempt.deed(None)
    assert not attempt.deed(None)


def test_attempts_and_protections_are_as_many_as_they_have_to_be() -> None:
    assert len({one.name for one in ATTEMPTS}) == len(ATTEMPTS) >= LEAST_ATTEMPTS
    assert len({one.removals for one in ATTEMPTS}) >= LEAST_PROTECTIONS


def test_it_goes_on_by_either_word() -> None:
    assert Scene(reviews=(review(),)).goes_on()
    assert Scene().offer(sign(signed(), ADA.aws)).goes_on()
    assert not Scene().goes_on()


def test_an_approver_opens_a_gate_where_the_configuration_lets_him() -> None:
    closed = {"windows": ("tue 20:00-21:00",), "overridable": ("windows",)}
    scene = Scene(settings=settings(**closed))
    assert scene.offer(sign(signed(overrides=("windows",)), ADA.aws)).goes_on()
    assert not Scene(settings=settings(**closed), reviews=(review(),)).goes_on()
