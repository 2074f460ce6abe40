from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.artifact.manifest import TemplateParameter
from tiercel.domain.base.errors import ConfigurationError, ExitCode, RefusedInputError
from tiercel.domain.organization.services import EnvironmentOverrides, Service
from tiercel.domain.stack.parameters import resolve_parameters
from tiercel.domain.template.locations import ASSET_BUCKET_PARAMETER

BUCKET = "acme-preprod-staging-222222222222-eu-central-1"


def service(
    own: dict[str, str] | None = None,
    preprod: dict[str, str] | None = None,
    depends_on: tuple[str, ...] = ("storage",),
) -> Service:
    environments = {"preprod": EnvironmentOverrides(parameters=preprod or {})}
    return Service(
        name="orders",
        path="services/orders",
        depends_on=depends_on,
        parameters=own or {},
        environments=environments,
    )


def resolve(
    described: Service, names: str = "", outputs: dict[str, dict[str, str]] | None = None
) -> dict[str, str]:
    """Names of declared parameters: `?` after one means that it has a Default, `!` NoEcho."""
    declared = [
        TemplateParameter(
            name=name.rstrip("?!"), required=not name.endswith("?"), no_echo=name.endswith("!")
        )
        for name in names.split()
    ]
    return resolve_parameters(
        described, "preprod", declared, outputs or {}, {ASSET_BUCKET_PARAMETER: BUCKET}
    )


@pytest.mark.parametrize(
    ("own", "preprod", "output", "expected"),
    [
        ({}, {}, {"Level": "output"}, "output"),
        ({"Level": "service"}, {}, {}, "service"),
        ({"Level": "service"}, {}, {"Level": "output"}, "service"),
        ({}, {"Level": "environment"}, {"Level": "output"}, "environment"),
        ({"Level": "service"}, {"Level": "environment"}, {}, "environment"),
        ({"Level": "service"}, {"Level": "environment"}, {"Level": "output"}, "environment"),
        ({"Level": "service"}, {"Level": ""}, {"Level": "output"}, ""),
    ],
)
@pytest.mark.parametrize("names", ["Level", "Level?"])
def test_the_environment_wins_over_the_service_and_this_over_an_output(
    own: dict[str, str], preprod: dict[str, str], output: dict[str, str], expected: str, names: str
) -> None:
    assert resolve(service(own, preprod), names, {"storage": output}) == {"Level": expected}


def test_another_environments_value_is_not_taken() -> None:
    described = service().model_copy(
        update={"environments": {"prod": EnvironmentOverrides(parameters={"Level": "prod"})}}
    )
    assert resolve(described, "Level?") == {}


def test_a_parameter_with_a_default_and_no_value_is_left_to_the_template() -> None:
    assert resolve(service(), "Level?") == {}


def test_outputs_that_no_parameter_asks_for_are_left_out() -> None:
    outputs = {"storage": {"TableName": "orders", "TableArn": "arn:..."}}
    assert resolve(service(), "TableName", outputs) == {"TableName": "orders"}


def test_outputs_of_a_service_that_is_not_in_depends_on_are_left_out() -> None:
    assert resolve(service(), "Level?", {"catalog": {"Level": "wrong"}}) == {}


def test_the_asset_bucket_is_filled_in_and_nothing_else_can_set_it() -> None:
    described = service({ASSET_BUCKET_PARAMETER: "mine"})
    outputs = {"storage": {ASSET_BUCKET_PARAMETER: "theirs"}}
    expected = {ASSET_BUCKET_PARAMETER: BUCKET}
    assert resolve(described, ASSET_BUCKET_PARAMETER, outputs) == expected
    assert resolve(service(), ASSET_BUCKET_PARAMETER) == expected


def test_a_template_without_packages_gets_no_asset_bucket() -> None:
    assert resolve(service({"Level": "info"}), "Level") == {"Level": "info"}


def test_a_value_that_no_parameter_takes_is_refused_with_file_and_remedy() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        resolve(service({"Levle": "info", "Other": "x"}), "Level?")
    text = str(refusal.value)
    assert refusal.value.exit_code is ExitCode.CONFIGURATION
    assert "Levle, Other" in refusal.value.what
    assert all(part in text for part in ("preprod", "services.orders", "nothing was deployed"))
    assert "services/orders/template.yaml" in refusal.value.remedy


def test_a_value_of_one_environment_that_no_parameter_takes_is_refused_too() -> None:
    with pytest.raises(ConfigurationError, match="Levle"):
        resolve(service(preprod={"Levle": "info"}), "Level?")


def test_parameters_without_a_value_are_refused_all_at_once() -> None:
    with pytest.raises(RefusedInputError) as refusal:
        resolve(service({"Level": "info"}), "Level TableName QueueName Size?")
    assert refusal.value.exit_code is ExitCode.REFUSED
    assert "TableName, QueueName" in refusal.value.what
    assert "services/orders/template.yaml" in refusal.value.where
    assert "preprod" in refusal.value.where
    assert "services.orders.parameters" in refusal.value.remedy


def test_an_output_that_two_services_have_is_refused_and_both_named() -> None:
    described = service(depends_on=("storage", "catalog"))
    outputs = {"storage": {"Arn": "1"}, "catalog": {"Arn": "2"}, "other": {"Arn": "3"}}
    with pytest.raises(ConfigurationError) as refusal:
        resolve(described, "Arn", outputs)
    assert "both storage and catalog" in refusal.value.why
    assert "services.orders.parameters.Arn" in refusal.value.remedy


@pytest.mark.parametrize("names", ["Other", "Arn Other"])
def test_an_output_that_two_services_have_is_no_fault_where_it_is_not_needed(names: str) -> None:
    described = service({"Other": "x"} | ({"Arn": "mine"} if "Arn" in names else {}))
    described = described.model_copy(update={"depends_on": ("storage", "catalog")})
    outputs = {"storage": {"Arn": "1"}, "catalog": {"Arn": "2"}}
    assert resolve(described, names, outputs)["Other"] == "x"


@pytest.mark.parametrize("table", ["own", "preprod"])
def test_a_secret_in_tiercel_toml_is_refused_and_not_repeated(table: str) -> None:
    values = {"Password": "hunter2", "Level": "info"}
    described = service(values) if table == "own" else service(preprod=values)

    with pytest.raises(ConfigurationError) as refusal:
        resolve(described, "Password! Level")

    assert "Password" in refusal.value.what
    assert "Level" not in refusal.value.what
    assert "hunter2" not in str(refusal.value)
    assert "{{resolve:secretsmanager:" in refusal.value.remedy


@pytest.mark.parametrize(
    "reference",
    [
        "{{resolve:secretsmanager:orders/db:SecretString:password}}",
        "{{resolve:ssm-secure:/orders/password:3}}",
        "{{resolve:ssm:/orders/password}}",
    ],
)
def test_the_name_of_a_secret_is_taken(reference: str) -> None:
    assert resolve(service({"Password": reference}), "Password!") == {"Password": reference}


@pytest.mark.parametrize(
    "value", ["", "x{{resolve:ssm:/a}}", "{{resolve:ssm:}}", "{{resolve:other:/a}}"]
)
def test_what_only_looks_like_the_name_of_a_secret_is_refused(value: str) -> None:
    with pytest.raises(ConfigurationError):
        resolve(service({"Password": value}), "Password!")


def test_what_a_stack_puts_out_is_no_secret() -> None:
    assert resolve(service(), "Password!", {"storage": {"Password": "x"}}) == {"Password": "x"}


identifiers = st.from_regex(r"[A-Z][a-z]{0,3}", fullmatch=True)
values = st.dictionaries(identifiers, st.text(max_size=5), max_size=5)


@given(values, values, values, st.sets(identifiers), st.sets(identifiers))
def test_every_value_has_a_parameter_and_every_required_parameter_a_value(
    own: dict[str, str],
    preprod: dict[str, str],
    output: dict[str, str],
    required: set[str],
    optional: set[str],
) -> None:
    names = " ".join([*required, *(f"{name}?" for name in optional - required)])
    try:
        found = resolve(service(own, preprod), names, {"storage": output})
    except ConfigurationError:
        assert (own | preprod).keys() - required - optional
        return
    except RefusedInputError:
        assert required - (own | preprod | output).keys()
        return
    every: dict[str, Any] = output | own | preprod
    assert found == {name: every[name] for name in sorted(required | optional) if name in every}
    assert list(found) == sorted(found)
