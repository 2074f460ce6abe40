"""The artifact: its manifest, its digest and where its objects lie in the bucket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field, StringConstraints

from tiercel.domain.artifact.source_tree import SourceTree
from tiercel.domain.base.digests import (
    ArtifactDigest,
    ArtifactId,
    Sha256,
    canonical_json,
    sha256_hex,
)
from tiercel.domain.base.record import FIRST_FORMAT, StoredRecord
from tiercel.domain.base.values import Frozen, TemplateDocument
from tiercel.domain.template.outside import OutsideReference

_HEXADECIMAL = StringConstraints(pattern=r"^[0-9a-f]{64}$")


class PackagedObject(Frozen):
    """One immutable object; its key contains its SHA-256. Size in bytes."""

    key: Annotated[str, StringConstraints(pattern=r"^packages/[0-9a-f]{64}\.[a-z]+$")]
    sha256: Annotated[Sha256, _HEXADECIMAL]
    size: Annotated[int, Field(ge=0)]

    @property
    def short_name(self) -> str:
        """Enough of the key for a person to tell objects apart."""
        return f"{self.sha256[:8]}.{self.key.rpartition('.')[2]}"


class AssetReference(Frozen):
    """Which resource of which template reads which object."""

    template: str
    logical_id: str
    property: str
    path: str
    sha256: Annotated[Sha256, _HEXADECIMAL]


class TemplateParameter(Frozen):
    """A parameter that the template declares; `no_echo` marks one whose value is a secret."""

    name: str
    required: bool
    no_echo: bool = False


def declared_parameters(template: TemplateDocument) -> tuple[TemplateParameter, ...]:
    """Return the parameters of a template; CloudFormation takes truth values as text too."""
    return tuple(
        TemplateParameter(
            name=str(name),
            required="Default" not in (declared or {}),
            no_echo=str((declared or {}).get("NoEcho", "")).lower() == "true",
        )
        for name, declared in (template.get("Parameters") or {}).items()
    )


def reads_parameter_store(template: TemplateDocument) -> bool:
    """Tell whether a parameter of a template names one of Parameter Store."""
    return any(
        str((declared or {}).get("Type", "")).startswith("AWS::SSM::Parameter::Value")
        for declared in (template.get("Parameters") or {}).values()
    )


class Manifest(StoredRecord):
    """Everything that was built from one source tree.

    It holds no time and no commit, so that the same source gives the same digest. What it has
    is signed and deployed, so that a key that nobody reads is an error.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    ADDED: ClassVar[Mapping[str, int]] = {"outside": 2, "reads_parameters": 3}

    format: Annotated[int, Field(strict=True, ge=FIRST_FORMAT)] = 3
    service: str
    artifact_id: Annotated[ArtifactId, _HEXADECIMAL]
    source: SourceTree
    template: PackagedObject
    parameters: tuple[TemplateParameter, ...]
    objects: tuple[PackagedObject, ...]
    assets: tuple[AssetReference, ...]
    outside: tuple[OutsideReference, ...] = ()
    reads_parameters: bool = False
    """Whether parameters of the template get their values from Parameter Store, which may have
    others by the next deploy."""

    def to_bytes(self) -> bytes:
        """Return the canonical JSON that is stored and whose SHA-256 is the digest."""
        return canonical_json(self.model_dump(mode="json"))

    @property
    def digest(self) -> ArtifactDigest:
        """The SHA-256 of the manifest: 64 hexadecimal digits."""
        return ArtifactDigest(sha256_hex(self.to_bytes()))


def object_key(sha256: str, suffix: str) -> str:
    """Return the key of a package; the same in every environment's buckets."""
    return f"packages/{sha256}.{suffix}"


def manifest_key(service: str, artifact_id: ArtifactId) -> str:
    """Return the key of a service's manifest in the artifact bucket."""
    return f"manifests/{service}/{artifact_id}.json"


def moved_words(moved: int, of_all: int, verb: str) -> str:
    """Return what became of packages: so many were `verb`, as `staged`, others were there."""
    if moved == 0:
        return f"{_packages(of_all)} there already"
    there = of_all - moved
    others = f", {there} {'was' if there == 1 else 'were'} there already" if there else ""
    return f"{_packages(moved)} {verb}{others}"


def _packages(number: int) -> str:
    return f"{number} package{'' if number == 1 else 's'}"
