"""Whether an environment allows what a service's templates let in from outside."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.organization.services import Service
from tiercel.domain.organization.topology import Environment
from tiercel.domain.template.intrinsics import OWN, UNKNOWN_TEXT
from tiercel.domain.template.layer_publishers import AWS_LAYER_ACCOUNTS
from tiercel.domain.template.outside import (
    PLACEHOLDER,
    OutsideKind,
    OutsideReference,
    account_of,
    is_of_own,
)
from tiercel.domain.template.trusts import CANNED_ACLS

_MOST_TOLD = 20
_BY_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
_TAG = re.compile(r":[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$")
_LAYER = re.compile(r"arn:[a-z-]+:lambda:[a-z0-9-]+:([0-9]{12}):layer:[A-Za-z0-9_-]+:[0-9]+")
_NAMES_SOMEBODY = re.compile(r"[0-9]{12}|[0-9a-f]{64}|o-[a-z0-9]{10,32}|\*")
"""An account, the canonical id of one, an organization, or everybody."""
_EVERYBODY = "*"
_OF_AWS = ("aws", "cloudfront")
"""In place of an account, in the ARNs of what AWS itself owns."""


@dataclass(frozen=True)
class _Seen:
    """A reference with the values of this environment, as far as they are known."""

    reference: OutsideReference
    texts: tuple[str, ...]

    def told(self, text: str) -> str:
        return f"{self.reference.place}: {text.replace(UNKNOWN_TEXT, '(unknown)')}"


def require_allowed(
    found: Iterable[OutsideReference], environment: Environment, values: Mapping[str, str] | None
) -> None:
    """Raise RefusedInputError for what the environment's worker does not allow, all of a kind.

    `values` are those of the template's parameters, None while they are not known: what depends
    on them is judged later.
    """
    seen = list(_seen(found, environment, values))
    own = {environment.runtime_account, environment.infrastructure_account}
    _require_trusts(seen, own | set(environment.trusts), environment.name)
    _require_layers(seen, own | AWS_LAYER_ACCOUNTS | set(environment.layers_from))
    places = environment.reads_from
    elsewhere = _told(seen, OutsideKind.PLACE, lambda text: not _is_in(text, places))
    if elsewhere:
        raise RefusedInputError(
            "template.remote_reference",
            "CloudFormation would read a file from a place that is not allowed",
            why=elsewhere,
            state="nothing was deployed",
            remedy="put its content into the template; or name the place, ending in /, in "
            "`reads_from` of the environment in the worker's tiercel.toml",
        )
    images = environment.images_from
    tagged = _told(
        seen,
        OutsideKind.IMAGE,
        lambda text: not _BY_DIGEST.search(text) and not _is_image_of(text, images),
    )
    if tagged:
        raise RefusedInputError(
            "template.image_by_tag",
            "an image is not named by its digest",
            why=tagged,
            state="nothing was deployed",
            remedy="name it as REPOSITORY@sha256:DIGEST: another image may get the same tag; if "
            f"that is meant, name the place in `images_from` of environments.{environment.name} "
            "in the worker's tiercel.toml",
        )


def require_allowed_as_configured(
    found: Iterable[OutsideReference], service: Service, environments: Iterable[Environment]
) -> None:
    """Judge what a service lets in with the values that its tiercel.toml gives, everywhere.

    What an output of another service may fill, and what has no value, is judged at the deploy.
    Raises RefusedInputError as `require_allowed` does.
    """
    found = list(found)
    for environment in environments:
        values = service.parameters_in(environment.name)
        known = [one for one in found if _is_certain(one, service, values)]
        require_allowed(known, environment, values)


def _is_certain(one: OutsideReference, service: Service, values: Mapping[str, str]) -> bool:
    defaults = set() if service.depends_on else set(one.defaults)
    names = {name for name in PLACEHOLDER.findall(one.text) if not _is_pseudo(name)}
    return names <= {*values, *defaults, "own"}


def _seen(
    found: Iterable[OutsideReference], environment: Environment, values: Mapping[str, str] | None
) -> Iterator[_Seen]:
    of_environment = {
        "AWS::AccountId": environment.runtime_account,
        "AWS::Partition": "aws",
        "AWS::Region": environment.region,
        "own": OWN,
    }
    for one in found:
        known = of_environment | (one.defaults | dict(values) if values is not None else {})
        names = set(PLACEHOLDER.findall(one.text))
        if values is None and any(not _is_pseudo(name) and name not in known for name in names):
            continue
        text = _filled(one.text, known)
        is_list = PLACEHOLDER.fullmatch(one.text) is not None
        texts = tuple(part.strip() for part in text.split(",")) if is_list else (text,)
        yield _Seen(one, texts)


def _filled(text: str, known: Mapping[str, str]) -> str:
    return PLACEHOLDER.sub(lambda match: known.get(match[1], UNKNOWN_TEXT), text)


def _is_pseudo(name: str) -> bool:
    return name.startswith("AWS::")


def _require_trusts(seen: Sequence[_Seen], allowed: set[str], environment: str) -> None:
    if _EVERYBODY in allowed:
        return  # whoever is known at the deploy alone is one of them
    unknown = _told(seen, OutsideKind.TRUST, lambda text: not _is_known(text))
    if unknown:
        raise RefusedInputError(
            "template.unknown_trust",
            "a template trusts somebody who is not known before the deploy",
            why=unknown,
            state="nothing was deployed",
            remedy="write the account's id into the template, or into a parameter",
        )
    foreign = _told(
        seen, OutsideKind.TRUST, lambda text: not _is_own(text) and account_of(text) not in allowed
    )
    if foreign:
        raise RefusedInputError(
            "template.foreign_trust",
            f"a template trusts an account that is none of {environment}'s",
            why=foreign,
            state="nothing was deployed",
            remedy=f"if it is meant, name the account in `trusts` of environments.{environment} in "
            "the worker's tiercel.toml; `*` stands for everybody",
        )


def _require_layers(seen: Sequence[_Seen], allowed: set[str]) -> None:
    def refused(text: str) -> bool:
        found = _LAYER.fullmatch(text.replace(OWN, "own"))
        return text != OWN and (found is None or found[1] not in allowed)

    layers = _told(seen, OutsideKind.LAYER, refused)
    if layers:
        raise RefusedInputError(
            "template.foreign_layer",
            "a function has a layer of an account that is not allowed",
            why=layers,
            state="nothing was deployed",
            remedy="if it is meant, name the account in `layers_from` of the environment in the "
            "worker's tiercel.toml, and write the layer's ARN with its version",
        )


def _told(seen: Iterable[_Seen], kind: OutsideKind, refused: Callable[[str], bool]) -> str:
    """Return the lines of what is refused, empty if nothing is."""
    lines = [
        one.told(text)
        for one in seen
        if one.reference.kind is kind
        for text in one.texts
        if refused(text)
    ]
    more = len(lines) - _MOST_TOLD
    return "\n".join(lines[:_MOST_TOLD] + ([f"and {more} more"] if more > 0 else []))


def _is_known(text: str) -> bool:
    return (
        _is_own(text)
        or text in CANNED_ACLS
        or _NAMES_SOMEBODY.fullmatch(account_of(text)) is not None
    )


def _is_in(text: str, places: tuple[str, ...]) -> bool:
    return text.startswith(places) and "/../" not in text


def _is_image_of(text: str, places: tuple[str, ...]) -> bool:
    """Tell whether an image lies in a place, or is one that is named there without its tag."""
    repository = _TAG.sub("", text)
    return any(
        repository.startswith(place) if place.endswith("/") else repository == place
        for place in places
    )


def _is_own(text: str) -> bool:
    named = CANNED_ACLS.get(text, text)
    return is_of_own(named) or account_of(named) in _OF_AWS
