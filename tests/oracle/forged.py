"""Runs that somebody else than Prod makes Prod's calls with."""

from __future__ import annotations

from collections.abc import Iterable

from tests.oracle.cast import principal
from tests.oracle.journal import Call, requests_of
from tests.oracle.world import VALUES, Request
from tiercel.domain.organization.names import Role


def forged_runs(calls: Iterable[Call]) -> list[Request]:
    """Return every call that Prod's runs make on Prod, made with what Preprod's runs have.

    Whoever holds the credential of Preprod's Prefect API chooses flow and parameters, such as
    the environment, and the run then acts as Preprod's operator and what that may become.
    """
    prod = VALUES["prod"]
    own = (prod["infrastructure_account"], prod["runtime_account"])
    made = [call for call in calls if ":root" not in call[0] and any(one in call[3] for one in own)]
    means = [principal(who, "preprod") for who in ("operator", *Role)]
    return [
        request
        for who in means
        for call in made
        for request in requests_of((who, *call[1:]))
        if any(one in request.resource for one in own)
    ]
