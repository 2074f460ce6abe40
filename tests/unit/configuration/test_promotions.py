from __future__ import annotations

import pytest

from tiercel.domain.base.errors import ConfigurationError
from tiercel.domain.configuration.parsing import parse_topology

CHINA = "# in another partition"
NAMES = ("preprod", "prod", "live", "stage")
TABLE = """
[environments.{name}]
branch = "{name}-branch"
region = "{region}"
infrastructure_account = "{first}"
runtime_account = "{second}"
external_id = "acme-{name}-secret"
{more}
"""


def configuration(**more: str) -> str:
    tables = [
        TABLE.format(
            name=name,
            first=f"{2 * number:012}",
            second=f"{2 * number + 1:012}",
            region="cn-north-1" if more.get(name) == CHINA else "eu-central-1",
            more=more.get(name, ""),
        )
        for number, name in enumerate(NAMES)
    ]
    return "organization = { name = 'acme' }\n" + "".join(tables)


def test_prod_is_production_and_promotes_from_preprod_without_being_said() -> None:
    topology = parse_topology(configuration())
    said = configuration(prod='production = true\npromotes_from = "preprod"')
    assert parse_topology(said) == topology
    assert [name for name in NAMES if topology.environment(name).production] == ["prod"]
    assert topology.environment("prod").promotes_from == "preprod"
    assert topology.verifying.name == "preprod"
    assert [one.name for one in topology.pullers_of("preprod")] == ["prod"]


def test_prod_may_promote_from_another_environment() -> None:
    topology = parse_topology(configuration(prod='promotes_from = "stage"'))
    assert topology.verifying.name == "stage"
    assert topology.environment("prod").production


@pytest.mark.parametrize(
    ("more", "key", "reason"),
    [
        ({"live": 'promotes_from = "live"'}, "live.promotes_from", "circle: live -> live"),
        (
            {"live": 'promotes_from = "stage"', "stage": 'promotes_from = "live"'},
            "live.promotes_from",
            "circle: live -> stage -> live",
        ),
        ({"live": 'promotes_from = "qa"'}, "live.promotes_from", "no environment `qa`"),
        ({"preprod": CHINA}, "prod.promotes_from", "cn-north-1"),
        ({"prod": CHINA}, "prod.promotes_from", "cn-north-1"),
        ({"live": 'promotes_from = "stage"', "stage": CHINA}, "live.promotes_from", "eu-central-1"),
        ({"live": 'promotes_from = "Not"'}, "live.promotes_from", "wrong form"),
        ({"live": "production = true"}, "live.promotes_from", "missing: production"),
        ({"prod": 'promotes_from = ""'}, "prod.promotes_from", "missing: production"),
        ({"live": 'production = "yes"'}, "live.production", "boolean"),
        ({"prod": "production = false"}, "prod.production", "must be true"),
        ({"preprod": 'promotes_from = "stage"'}, "preprod.promotes_from", "deploy-to-preprod"),
        (
            {"preprod": 'production = true\npromotes_from = "stage"'},
            "preprod.production",
            "deploy-to-preprod",
        ),
    ],
)
def test_what_could_not_be_promoted_to_is_found(
    more: dict[str, str], key: str, reason: str
) -> None:
    with pytest.raises(ConfigurationError) as error:
        parse_topology(configuration(**more))
    assert f"environments.{key}: " in error.value.why
    assert reason in error.value.why


def test_an_environment_may_promote_from_one_that_promotes_itself() -> None:
    chain = configuration(stage='promotes_from = "preprod"', prod='promotes_from = "stage"')
    topology = parse_topology(chain)
    assert [one.name for one in topology.pullers_of("stage")] == ["prod"]


def test_environments_that_promote_from_one_another_are_together_in_any_partition() -> None:
    topology = parse_topology(configuration(preprod=CHINA, prod=CHINA))
    assert topology.environment("prod").region == "cn-north-1"
