from __future__ import annotations

import pytest

from tests.support.topology import topology_text
from tiercel.domain.base.errors import ConfigurationError
from tiercel.domain.configuration.near_keys import hint_for
from tiercel.domain.configuration.parsing import parse_services, parse_topology
from tiercel.domain.onboarding.stand_in import stand_in_topology
from tiercel.domain.organization.topology import Topology


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("organization.repositorys", "; did you mean `repositories`?"),
        ("environments.preprod.infrastructur_account", "; did you mean `infrastructure_account`?"),
        ("environments.prod.gates.soak_minute", "; did you mean `soak_minutes`?"),
        ("environments.prod.gates.approvers.0.githab", "; did you mean `github`?"),
        ("services.api.dependson", "; did you mean `depends_on`?"),
        ("services.api.smoke_test.expected_status", "; did you mean `expect_status`?"),
        ("services.api.environments.prod.paramters", "; did you mean `parameters`?"),
        ("servises", "; did you mean `services`?"),
        ("organization.runtime_account", "; it belongs to `environments.NAME`"),
        ("builds.soak_minutes", "; it belongs to `environments.NAME.gates`"),
        ("organization.path", ""),  # of more than one table
        ("environments.preprod.zzz", ""),
        ("services.api.name.x", ""),
    ],
)
def test_an_unknown_key_has_a_hint_where_one_is_alike(key: str, hint: str) -> None:
    assert hint_for(Topology, key.split(".")) == hint


def test_all_errors_of_a_file_are_told_at_once() -> None:
    text = topology_text(
        "acme/*",
        more="""
[builds]
timeout = 3
processes = "many"
[services.api]
path = "api"
dependson = ["storage"]
depends_on = ["nobody"]
name = "other"
[services.web]
path = "web"
smoke_test = { invoke = "Function", path = "/" }
""",
    )
    with pytest.raises(ConfigurationError) as refused:
        parse_topology(text)
    found = [line.partition(": ")[2] for line in refused.value.why.split("\n")]
    assert found == [
        "builds.timeout: unknown key; did you mean `timeout_seconds`?",
        "builds.processes: must be a whole number, without quotes",
        "services.api.dependson: unknown key; did you mean `depends_on`?",
        "services.api.depends_on: there is no service `nobody`",
        "services.api.name: unknown key: the table's own name is the name",
        "services.web.smoke_test.path: only for `http`; with `invoke` say it in `payload`",
    ]


def test_a_commits_file_has_the_same_hints() -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_services("[enviroments.prod]\n", stand_in_topology())
    assert "enviroments: unknown key; did you mean `environments`?" in refused.value.why
