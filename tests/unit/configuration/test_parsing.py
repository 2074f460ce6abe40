from __future__ import annotations

import copy
import datetime as dt
import json
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiercel.domain.base.errors import ConfigurationError, ExitCode
from tiercel.domain.configuration.parsing import line_of, parse_services, parse_topology
from tiercel.domain.organization.topology import Topology
from tiercel.domain.stack.smoke_tests import mismatch

TEXT = """\
[organization]
name = "acme"
repositories = ["acme/shop"]

[environments.preprod]
branch = "develop"
region = "eu-central-1"
infrastructure_account = "111111111111"
runtime_account = "222222222222"
external_id = "acme-preprod"

[environments.prod]
branch = "main"
region = "eu-central-1"
infrastructure_account = "333333333333"
runtime_account = "444444444444"
external_id = "acme-prod"

[services.storage]
path = "services/storage"

[services.orders]
path = "services/orders"
depends_on = ["storage"]

[services.orders.environments.prod.parameters]
LogLevel = "warning"

[services.orders.smoke_test]
invoke = "Function"
payload = { body = "{}" }
"""
TOPOLOGY = parse_topology(TEXT)


def findings(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as refusal:
        parse_topology(text, "conf.toml")
    assert refusal.value.exit_code is ExitCode.CONFIGURATION
    assert refusal.value.where == "conf.toml"
    assert refusal.value.remedy
    return [line.strip() for line in refusal.value.why.splitlines()]


def changed(old: str, new: str) -> str:
    assert TEXT.count(old) == 1
    return TEXT.replace(old, new)


def line_with(text: str, content: str) -> int:
    (number,) = [at for at, line in enumerate(text.split("\n"), start=1) if content in line]
    return number


def test_a_whole_file_becomes_a_topology() -> None:
    assert TOPOLOGY.organization.name == "acme"
    assert TOPOLOGY.environment("prod").runtime_account == "444444444444"
    assert TOPOLOGY.environment("preprod").name == "preprod"
    assert TOPOLOGY.services["orders"].name == "orders"
    assert TOPOLOGY.services["orders"].parameters_in("prod") == {"LogLevel": "warning"}


def test_the_example_configuration_is_accepted() -> None:
    example = Path(__file__).parents[3] / "tiercel.toml"
    assert parse_topology(example.read_text()).services


def test_windows_line_ends_are_accepted() -> None:
    assert parse_topology(TEXT.replace("\n", "\r\n")) == TOPOLOGY


@pytest.mark.parametrize(
    ("old", "new", "key", "reason"),
    [
        ('name = "acme"', 'name = "acme"\nnmae = "x"', "organization.nmae", "unknown key"),
        ('name = "acme"', "name = 3", "organization.name", "must be a string in quotes"),
        ('name = "acme"', 'name = "sthree"', "organization.name", "S3 reserves"),
        (
            '"111111111111"',
            '"11111111111"',
            "environments.preprod.infrastructure_account",
            "has the wrong form",
        ),
        (
            '"111111111111"',
            "111111111111",
            "environments.preprod.infrastructure_account",
            "must be a string in quotes",
        ),
        (
            '"444444444444"',
            '"111111111111"',
            "environments.prod.runtime_account",
            "is already environments.preprod.infrastructure_account",
        ),
        (
            '"222222222222"',
            '"111111111111"',
            "environments.preprod.runtime_account",
            "is already environments.preprod.infrastructure_account",
        ),
        (
            'branch = "main"',
            'branch = "develop"',
            "environments.prod.branch",
            "is already environments.preprod.branch",
        ),
        (
            'branch = "main"',
            'branch = "two words"',
            "environments.prod.branch",
            "git allows no branch",
        ),
        (
            '"acme-prod"',
            '"acme-preprod"',
            "environments.prod.external_id",
            "is already environments.preprod.external_id",
        ),
        (
            'path = "services/storage"',
            'path = "../storage"',
            "services.storage.path",
            "must stay inside the repository",
        ),
        (
            'path = "services/storage"',
            'path = "x"\nname = "y"',
            "services.storage.name",
            "the table's own name is the name",
        ),
        (
            'depends_on = ["storage"]',
            'depends_on = ["storrage"]',
            "services.orders.depends_on",
            "there is no service `storrage`",
        ),
        (
            'depends_on = ["storage"]',
            'depends_on = "storage"',
            "services.orders.depends_on",
            "must be a list",
        ),
        (
            'depends_on = ["storage"]',
            'depends_on = ["orders"]',
            "services.orders.depends_on",
            "services wait in a circle: orders -> orders",
        ),
        (
            "[services.orders.environments.prod.parameters]",
            "[services.orders.environments.prd.parameters]",
            "services.orders.environments.prd",
            "there is no environment `prd`",
        ),
        (
            'LogLevel = "warning"',
            "LogLevel = 3",
            "services.orders.environments.prod.parameters.LogLevel",
            "must be a string in quotes",
        ),
        (
            'invoke = "Function"',
            'invoke = "Function"\nhttp = "ApiUrl"',
            "services.orders.smoke_test.http",
            "give either",
        ),
        (
            'payload = { body = "{}" }',
            "payload = 2024-01-31",
            "services.orders.smoke_test.payload",
            "must be JSON",
        ),
    ],
)
def test_an_error_names_its_key_its_reason_and_its_line(
    old: str, new: str, key: str, reason: str
) -> None:
    text = changed(old, new)
    (finding,) = findings(text)
    number = TEXT[: TEXT.index(old)].count("\n") + len(new.splitlines())
    assert finding.startswith(f"conf.toml:{number}: {key}: ")
    assert reason in finding


@pytest.mark.parametrize(
    ("key", "line", "reason"),
    [
        ("expect_status", "expect_status = 201", "use `expect = { statusCode = 201 }`"),
        ("expect_status", "expect_status = 200", "use `expect = { statusCode = 200 }`"),
        ("path", 'path = "/health"', "say it in `payload`"),
        ("method", 'method = "GET"', "say it in `payload`"),
    ],
)
def test_what_only_an_address_can_be_asked_is_refused_beside_a_function(
    key: str, line: str, reason: str
) -> None:
    text = changed('invoke = "Function"', f'invoke = "Function"\n{line}')
    number = line_with(text, line)

    refusals = [findings(text)]
    with pytest.raises(ConfigurationError) as refusal:
        parse_services(text, TOPOLOGY, "conf.toml")
    refusals.append([refusal.value.why])

    expected = f"conf.toml:{number}: services.orders.smoke_test.{key}: only for `http`; "
    assert all(found[0].startswith(expected) and reason in found[0] for found in refusals)
    parse_topology(text.replace('invoke = "Function"', 'http = "ApiUrl"'))


def test_the_status_that_a_function_behind_an_api_gives_is_expected_with_expect() -> None:
    text = changed('invoke = "Function"', 'invoke = "Function"\nexpect = { statusCode = 200 }')
    test = parse_topology(text).services["orders"].smoke_test

    assert test is not None
    assert mismatch(test.expect, {"statusCode": 200, "headers": {}, "body": "{}"}) == ""
    assert mismatch(test.expect, {"statusCode": 500, "body": "oops"})


def test_a_smoke_test_of_a_function_is_read_back_from_what_was_written_down() -> None:
    written = TOPOLOGY.model_dump_json()

    assert Topology.model_validate_json(written) == TOPOLOGY


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('[leases]\nseconds = "30"', "leases.seconds"),
        ("[leases]\nseconds = 30.0", "leases.seconds"),
        ('[builds]\ntimeout_seconds = "900"', "builds.timeout_seconds"),
        (
            '[services.api]\npath = "api"\nsmoke_test = { http = "Url", expect_status = "200" }',
            "services.api.smoke_test.expect_status",
        ),
    ],
)
def test_a_number_is_a_number_and_no_text(line: str, key: str) -> None:
    (finding,) = findings(f"{TEXT}\n{line}\n")

    assert f"{key}: must be a whole number, without quotes" in finding


def test_an_account_that_begins_with_zero_and_has_no_quotes_is_told_of_quotes() -> None:
    (finding,) = findings(changed('"111111111111"', "011111111111"))

    assert "at line 8" in finding
    assert 'an account id is a string in quotes: "011111111111"' in finding
    (other,) = findings(
        changed('"eu-central-1"\ninfrastructure_account = "1', '01\nx_account = "1')
    )
    assert "quotes" not in other


def test_a_byte_order_mark_is_no_part_of_a_file() -> None:
    marked = "\ufeff" + TEXT

    assert parse_topology(marked) == TOPOLOGY
    assert parse_services(marked, TOPOLOGY) == TOPOLOGY
    assert findings(marked.replace('"acme"', '"A"', 1))[0].startswith("conf.toml:2: organization.")


def test_a_missing_environment_is_named() -> None:
    text = TEXT.replace("environments.prod]", "environments.trial]").replace(
        "[services.orders.environments.prod.parameters]\n", "[services.orders.parameters]\n"
    )
    (finding,) = findings(text)
    assert "environments.prod: missing" in finding


def test_a_missing_key_is_reported_at_the_line_of_its_table() -> None:
    text = changed('external_id = "acme-prod"\n', "")
    number = line_with(text, "[environments.prod]")
    assert findings(text) == [f"conf.toml:{number}: environments.prod.external_id: missing"]


def test_services_that_wait_in_a_circle_are_all_named() -> None:
    text = changed('path = "services/storage"', 'path = "x"\ndepends_on = ["orders"]')
    (finding,) = findings(text)
    assert "storage" in finding
    assert "orders" in finding
    assert "circle" in finding


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("services = 3\n" + TEXT.partition("[services")[0], "conf.toml:1: services: "),
        ("environments = []\n" + TEXT.partition("[env")[0], "conf.toml:1: environments: "),
        (TEXT + "\n[services]\nbilling = 3\n", "services.billing: "),
        (TEXT + "\n[[extra]]\n", f"conf.toml:{TEXT.count(chr(10)) + 2}: extra: unknown key"),
        ("", "conf.toml:1: organization: missing"),
    ],
)
def test_a_value_of_the_wrong_type_is_an_error_like_any_other(text: str, finding: str) -> None:
    assert any(finding in line for line in findings(text))


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "a = ",
        "a = 1\na = 2",
        "\x00",
        "a = " + "[" * 5000,
        "a = " + "{a=" * 5000,
        "a = " + "9" * 5000,
        'a = "\\ud800"',
        '["(at line 9999,"]\n["(at line 9999,"]',
        ".".join(["a"] * 60_000) + " = 1",
        "[" + ".".join(["a"] * 60_000) + "]",
        "#" * 256_001,
    ],
)
def test_a_text_that_cannot_be_read_says_so(text: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read") as refusal:
        parse_topology(text)
    assert refusal.value.why


def test_every_error_of_a_file_is_reported_at_once() -> None:
    text = changed('name = "acme"', "name = 3").replace('"eu-central-1"', '"nowhere"')
    assert [line.split(": ")[1] for line in findings(text)] == [
        "organization.name",
        "environments.preprod.region",
        "environments.prod.region",
    ]


GATES = "[environments.preprod.gates]\nsoak_minutes = 5\n"
ANOTHER = """\
[environments.live]
branch = "live"
region = "eu-central-1"
infrastructure_account = "555555555555"
runtime_account = "666666666666"
external_id = "acme-live"
production = true
promotes_from = 3

"""


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (TEXT + GATES, "environments.preprod"),
        (
            f"{TEXT}[services.orders.environments.preprod]\n{GATES}",
            "environments.preprod",
        ),
        (
            TEXT.replace('[services.storage]\npath = "services/storage"\n', "").replace(
                "[services.orders]", '[services]\nstorage = "x"\n\n[services.orders]'
            ),
            "services.storage",
        ),
        (
            changed("[services.storage]", f"{ANOTHER}[services.storage]"),
            "environments.live.promotes_from",
        ),
        (
            changed('repositories = ["acme/shop"]', 'repositories = "acme/shop"')
            + '[repositories."acme/shop"]\nformerly = ["acme/market"]\n',
            "organization.repositories",
        ),
    ],
)
def test_nothing_is_told_that_only_follows_from_what_is_wrong(text: str, wrong: str) -> None:
    (finding,) = findings(text)
    assert finding.split(": ")[1] == wrong


def test_what_is_wrong_beside_a_wrong_environment_is_told_with_it() -> None:
    text = changed('["storage"]', '["storrage"]').replace("ments.prod.p", "ments.trial.p")
    assert {line.split(": ")[1] for line in findings(text + GATES)} == {
        "environments.preprod",
        "services.orders.depends_on",
        "services.orders.environments.trial",
    }


def test_a_bad_name_of_a_table_is_reported_once() -> None:
    text = changed("[services.storage]", "[services.Storage]").replace('["storage"]', "[]")
    (finding,) = findings(text)
    assert "services.Storage: has the wrong form" in finding


def test_a_flood_of_errors_is_cut_short_and_counted() -> None:
    text = "\n".join(f"k{number} = 1" for number in range(5000)) + "\n" + TEXT
    lines = findings(text)
    assert len(lines) == 21
    assert lines[-1] == "and 4980 more"


def test_a_key_cannot_smuggle_lines_or_hidden_text_into_an_error() -> None:
    (finding,) = findings('"a\\nconf.toml:1: fine\\u202e\\u001b[2J" = 1\n' + TEXT)
    assert finding == "conf.toml:1: a conf.toml:1: fine[2J: unknown key"


@pytest.mark.timeout(300)
def test_a_line_made_to_slow_down_the_search_for_a_line_number_does_not() -> None:
    text = 'a = """\n[' + " " * 100_000 + "\n" + "b" * 100_000 + '\n"""\n' + TEXT
    assert findings(text) == ["conf.toml:1: a: unknown key"]


def test_the_line_is_right_below_characters_that_only_look_like_line_ends() -> None:
    text = "# \u2028 \x85 \u2029\n" + changed('branch = "main"', "branch = 3")
    (finding,) = findings(text)
    assert finding.startswith(f"conf.toml:{line_with(text, 'branch = 3')}: ")


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (("services", "orders"), "[services.orders]"),
        (("services", "orders", "path"), 'path = "services/orders"'),
        (("services", "orders", "path", "0"), 'path = "services/orders"'),
        (("services", "orders", "missing"), "[services.orders]"),
        (("services", "orders", "environments", "prod"), "[services.orders.environments.prod."),
        (("services", "orders", "environments", "trial"), "[services.orders.environments.prod."),
        (("environments", "trial"), "[environments.preprod]"),
        (("services", "a.b", "path"), "path = 'dotted'"),
        (("services", "spaced", "path"), 'path = "spaced"'),
        (("inline", "table", "key"), "inline.table = { key = 1 }"),
        (("nowhere",), "inline.table"),
    ],
)
def test_the_line_of_a_key_is_its_own_or_that_of_its_nearest_table(
    path: tuple[str, ...], content: str
) -> None:
    text = (
        "inline.table = { key = 1 }\n"
        + TEXT
        + "[ services . 'a.b' ] # comment ]\n  path = 'dotted'\n"
        + '[services."spaced"]\n\tpath = "spaced"\n'
    )
    tomllib.loads(text)
    assert line_of(text, path) == line_with(text, content)


def test_a_commit_describes_its_own_services() -> None:
    described = parse_services('[services.billing]\npath = "billing"\n', TOPOLOGY)
    assert list(described.services) == ["billing"]
    assert described.services["billing"].name == "billing"
    assert list(TOPOLOGY.services) == ["storage", "orders"]


def test_a_commit_cannot_change_accounts_builds_or_the_organization() -> None:
    text = TEXT.replace("1111", "9999").replace('"develop"', '"evil"').replace("acme", "evil")
    described = parse_services(text + "\n[builds]\ntimeout_seconds = 7200\n", TOPOLOGY)
    assert described.environments == TOPOLOGY.environments
    assert described.organization == TOPOLOGY.organization
    assert described.builds == TOPOLOGY.builds


def test_a_commit_without_services_has_none() -> None:
    assert not parse_services("", TOPOLOGY).services


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("[servises.billing]\n", "tiercel.toml:1: servises: unknown key"),
        ('[services.billing]\npath = "/etc"\n', "tiercel.toml:2: services.billing.path: "),
        (
            '[services.billing]\nname = "x"\npath = "x"\n',
            "tiercel.toml:2: services.billing.name: unknown",
        ),
        ("services = 3\n", "tiercel.toml:1: services: "),
        (
            '[services.billing]\npath = "x"\n[services.billing.environments.trial]\n',
            "tiercel.toml:3: services.billing.environments.trial: there is no environment",
        ),
    ],
)
def test_an_error_in_a_commits_services_names_key_and_line(text: str, finding: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        parse_services(text, TOPOLOGY)
    assert refusal.value.why.startswith(finding)


def toml(value: Any) -> str:
    """Write a value as inline TOML; JSON's strings are TOML's, but for DEL and surrogates."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(key)} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dt.date):
        return value.isoformat()
    return repr(value)


def toml_file(value: dict[str, Any]) -> str:
    return "\n".join(f"{toml(key)} = {toml(item)}" for key, item in value.items())


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path into nested tables and arrays."""
    children = value.items() if isinstance(value, dict) else enumerate(value)
    found = [path]
    for key, item in children if isinstance(value, dict | list) else ():
        found += places(item, (*path, key))
    return found


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
scalars = words | st.integers() | st.floats() | st.booleans() | st.dates(dt.date(1000, 1, 1))
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
VALID = tomllib.loads(TEXT)
PLACES = [place for place in places(VALID) if place]


def read(text: str) -> Topology | None:
    try:
        return parse_topology(text)
    except ConfigurationError:
        return None


@given(words.map(lambda text: text * 3) | st.text())
def test_any_text_is_a_topology_or_a_configuration_error(text: str) -> None:
    read(text)
    read(TEXT + text)
    with suppress(ConfigurationError):
        parse_services(text, TOPOLOGY)


@given(st.dictionaries(words, values, max_size=4))
def test_any_table_is_a_topology_or_a_configuration_error(table: dict[str, Any]) -> None:
    text = toml_file(table)
    tomllib.loads(text)
    read(text)


@settings(max_examples=300)
@given(st.sampled_from(PLACES), st.sampled_from(["replace", "remove", "add"]), words, values)
def test_any_change_of_a_good_file_gives_a_topology_or_a_configuration_error(
    place: tuple[Any, ...], change: str, key: str, value: Any
) -> None:
    data = copy.deepcopy(VALID)
    parent: Any = data
    for step in place[:-1]:
        parent = parent[step]
    if change == "remove":
        del parent[place[-1]]
    elif change == "add" and isinstance(parent[place[-1]], dict):
        parent[place[-1]][key] = value
    else:
        parent[place[-1]] = value
    topology = read(toml_file(data))
    if topology is not None:
        accounts = [
            account
            for environment in topology.environments.values()
            for account in (environment.infrastructure_account, environment.runtime_account)
        ]
        assert len(set(accounts)) == len(accounts) >= 4


def test_writing_a_good_file_and_reading_it_again_gives_the_same_topology() -> None:
    assert parse_topology(toml_file(VALID)) == TOPOLOGY
