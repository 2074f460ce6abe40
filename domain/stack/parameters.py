"""Which values a template's parameters get."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from tiercel.domain.artifact.manifest import TemplateParameter
from tiercel.domain.base.errors import ConfigurationError, RefusedInputError, TiercelError
from tiercel.domain.base.limits import require_parameter_limits
from tiercel.domain.organization.services import Service

_REFERENCE = re.compile(r"\{\{resolve:(ssm|ssm-secure|secretsmanager):[^{}]+\}\}")
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html"""


def resolve_parameters(
    service: Service,
    environment: str,
    declared: Sequence[TemplateParameter],
    dependency_outputs: Mapping[str, Mapping[str, str]],
    given: Mapping[str, str],
) -> dict[str, str]:
    """Return a value for every declared parameter that has one, by name.

    The environment's own parameters win over the service's, and these over an output
    of the same name of a service in `depends_on`. Raises ConfigurationError for a
    value that no parameter takes and for a secret, RefusedInputError for a parameter
    without a value and for what CloudFormation would not take.
    `given` are the values of parameters that packaging added.
    """
    promised = {name for outputs in dependency_outputs.values() for name in outputs}
    refusals = parameter_refusals(service, [environment], declared, promised | set(given))
    if refusals:
        raise refusals[0]
    names = {parameter.name for parameter in declared}
    configured = service.parameters_in(environment)
    values = _outputs(service, dependency_outputs, names - set(configured)) | configured
    values |= {name: value for name, value in given.items() if name in names}
    require_parameter_limits(values, f"{service.template_path} (environment {environment})")
    return dict(sorted(values.items()))


def parameter_refusals(
    service: Service,
    environments: Sequence[str],
    declared: Sequence[TemplateParameter],
    promised: Collection[str] | None,
) -> list[TiercelError]:
    """Return what is wrong with the values that tiercel.toml gives, in some environments.

    `promised` are the names that get a value otherwise: outputs of services in `depends_on`, and
    what packaging adds. None if they are not known, so that no parameter counts as without one.
    """
    found = [
        _unknown(service, environments, declared),
        _told_secrets(service, environments, declared),
        None if promised is None else _missing(service, environments, declared, promised),
    ]
    return [one for one in found if one]


def _outputs(
    service: Service, outputs: Mapping[str, Mapping[str, str]], wanted: set[str]
) -> dict[str, str]:
    values: dict[str, str] = {}
    origin: dict[str, str] = {}
    for dependency in service.depends_on:
        for name in sorted(wanted & set(outputs.get(dependency, {}))):
            if name in origin:
                raise ConfigurationError(
                    "parameters.two_origins",
                    f"parameter {name} could come from two services",
                    where=f"services.{service.name}.depends_on",
                    why=f"both {origin[name]} and {dependency} have an output of that name",
                    remedy=f"rename one output, or set services.{service.name}.parameters.{name}",
                )
            origin[name] = dependency
            values[name] = outputs[dependency][name]
    return values


def _unknown(
    service: Service, environments: Sequence[str], declared: Sequence[TemplateParameter]
) -> TiercelError | None:
    names = {parameter.name for parameter in declared}
    unknown = {one: set(service.parameters_in(one)) - names for one in environments}
    if not any(unknown.values()):
        return None
    return ConfigurationError(
        "parameters.unknown",
        f"the template of {service.name} has no parameter {', '.join(_all(unknown))}",
        where=f"services.{service.name}.parameters ({_having(unknown)})",
        state="nothing was deployed",
        remedy=f"remove it, or declare it in {service.template_path}",
    )


def _told_secrets(
    service: Service, environments: Sequence[str], declared: Sequence[TemplateParameter]
) -> TiercelError | None:
    """The ledger keeps what a release was given, and git what tiercel.toml ever said."""
    secrets = {parameter.name for parameter in declared if parameter.no_echo}
    told = {
        environment: {
            name
            for name, value in service.parameters_in(environment).items()
            if name in secrets and not _REFERENCE.fullmatch(value)
        }
        for environment in environments
    }
    if not any(told.values()):
        return None
    return ConfigurationError(
        "parameters.secret",
        f"the value of {', '.join(_all(told))} stands in tiercel.toml, and is a secret",
        where=f"services.{service.name}.parameters ({_having(told)})",
        why=f"{service.template_path} declares it with NoEcho",
        state="nothing was deployed",
        remedy="change that secret, keep it in Secrets Manager or Parameter Store, and name it "
        "here as {{resolve:secretsmanager:...}} or {{resolve:ssm-secure:...}}",
    )


def _all(names: Mapping[str, Collection[str]]) -> list[str]:
    return sorted({name for found in names.values() for name in found})


def _having(found: Mapping[str, Collection[object]]) -> str:
    return f"environment {', '.join(one for one, names in found.items() if names)}"


def _missing(
    service: Service,
    environments: Sequence[str],
    declared: Sequence[TemplateParameter],
    promised: Collection[str],
) -> TiercelError | None:
    """Return the error of parameters without a value, with all that is to be written."""
    required = [one for one in declared if one.required and one.name not in promised]
    lacking = {
        environment: [one for one in required if one.name not in service.parameters_in(environment)]
        for environment in environments
    }
    names = list(dict.fromkeys(one.name for found in lacking.values() for one in found))
    if not names:
        return None
    return RefusedInputError(
        "parameters.missing",
        f"the template of {service.name} needs a value for {', '.join(names)}",
        where=f"{service.template_path} ({_having(lacking)})",
        why="the parameter has no Default, tiercel.toml gives no value, and no service in "
        "depends_on has an output of that name",
        state="nothing was deployed",
        remedy="\n".join(
            ["write the values into tiercel.toml, or give a Default:", *_tables(service, lacking)]
        ),
    )


def _tables(service: Service, lacking: Mapping[str, Sequence[TemplateParameter]]) -> Iterator[str]:
    """Yield the tables of tiercel.toml that would give what is lacking, without the values."""
    everywhere = [
        one
        for one in next(iter(lacking.values()))
        if all(one in found for found in lacking.values())
    ]
    tables = {f"services.{service.name}.parameters": everywhere}
    for environment, found in lacking.items():
        own = [one for one in found if one not in everywhere]
        tables[f"services.{service.name}.environments.{environment}.parameters"] = own
    for title, parameters in tables.items():
        if parameters:
            yield f"[{title}]"
            for one in parameters:
                yield f"{one.name} = " + (
                    '"{{resolve:ssm-secure:...}}"' if one.no_echo else '"..."'
                )
