"""The rows of the scoreboard, in the order in which they are shown."""

from __future__ import annotations

from tests.chaos import (
    approval,
    attacks,
    drills,
    events,
    expired,
    hostile,
    kills,
    lost_answers,
    network,
    on_demand,
    operation,
    races,
    secrets,
    statuses,
    tampered,
    traffic,
)

ROWS = (
    kills.ROW,
    lost_answers.ROW,
    network.ROW,
    expired.ROW,
    statuses.ROW,
    races.ROW,
    events.ROW,
    tampered.ROW,
    hostile.ROW,
    secrets.ROW,
    operation.ROW,
    attacks.ROW,
    drills.ROW,
    on_demand.ROW,
    approval.ROW,
    traffic.ROW,
)
