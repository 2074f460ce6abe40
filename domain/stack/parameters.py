"""Which values a template's parameters get."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from tiercel.domain.artifact.manifest import TemplateParameter
from tiercel.domain.base.errors import ConfigurationError, RefusedInputError
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
    names = {parameter.name for parameter in declared}
    configured = service.parameters_in(environment)
    _refuse_unknown(service, environment, set(configured) - names)
    _refuse_secrets(service, environment, declared, configured)
    values = _outputs(service, dependency_outputs, names - set(configured)) | configured
    values |= {name: value for name, value in given.items() if name in names}
    missing = [p.name for p in declared if p.required and p.name not in values]
    if missing:
        raise _missing(service, environment, missing)
    require_parameter_limits(values, f"{service.template_path} (environment {environment})")
    return dict(sorted(values.items()))


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


def _refuse_unknown(service: Service, environment: str, unknown: set[str]) -> None:
    if unknown:
        raise ConfigurationError(
            "parameters.unknown",
            f"the template of {service.name} has no parameter {', '.join(sorted(unknown))}",
            where=f"services.{service.name}.parameters (environment {environment})",
            state="nothing was deployed",
            remedy=f"remove it, or declare it in {service.template_path}",
        )


def _refuse_secrets(
    service: Service,
    environment: str,
    declared: Sequence[TemplateParameter],
    configured: Mapping[str, str],
) -> None:
    """The ledger keeps what a release was given, and git what tiercel.toml ever said."""
    told = [
        parameter.name
        for parameter in declared
        if parameter.no_echo
        and parameter.name in configured
        and not _REFERENCE.fullmatch(configured[parameter.name])
    ]
    if told:
        raise ConfigurationError(
            "parameters.secret",
            f"the value of {', '.join(told)} stands in tiercel.toml, and is a secret",
            where=f"services.{service.name}.parameters (environment {environment})",
            why=f"{service.template_path} declares it with NoEcho",
            state="nothing was deployed",
            remedy="change that secret, keep it in Secrets Manager or Parameter Store, and name it "
            "here as {{resolve:secretsmanager:...}} or {{resolve:ssm-secure:...}}",
        )


def _missing(service: Service, environment: str, missing: list[str]) -> RefusedInputError:
    return RefusedInputError(
        "parameters.missing",
        f"the template of {service.name} needs a value for {', '.join(missing)}",
        where=f"{service.template_path} (environment {environment})",
        why="the parameter has no Default, tiercel.toml gives no value, and no service in "
        "depends_on has an output of that name",
        state="nothing was deployed",
        remedy=f"set it under [services.{service.name}.parameters], or give it a Default",
    )
