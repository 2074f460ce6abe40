"""Where an artifact comes from: an in-toto statement with SLSA provenance, and what it must say.

Sources: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md and
https://slsa.dev/spec/v1.0/provenance
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tiercel.domain.artifact.manifest import Manifest, manifest_key
from tiercel.domain.base.digests import ArtifactDigest, ArtifactId, canonical_json, short
from tiercel.domain.base.errors import ArtifactConflictError, UntrustedArtifactError

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:tiercel:build:v1"
"""The parameters of a build: see docs/operate/security.md."""
_ANY_BUILD_TYPE = re.compile(r"urn:tiercel:build:v([0-9]{1,9})")


@dataclass(frozen=True)
class Build:
    """What a statement tells of a build beside its manifest.

    `server` is the address of GitHub. `object_types` has git's word, tree or blob, for each
    object of the source tree. `others` are the digests of manifests that other builds of the
    same source gave. `place` is where its commands ran and `image` in which machine's image, if
    one was chosen.
    """

    server: str
    repository: str
    commit: str
    object_types: Mapping[str, str]
    builder: str
    run: str
    started: datetime
    finished: datetime
    others: Collection[str] = ()
    place: str = ""
    image: str = ""


class _Read(BaseModel):
    """A part of a statement that is read; there may be more beside it."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)


class Digests(_Read):
    """The digests of a thing; ours always have SHA-256."""

    sha256: str


class Subject(_Read):
    """One thing that the statement is about."""

    name: str
    digest: Digests


class ExternalParameters(_Read):
    """What was asked to be built."""

    repository: str
    commit: str
    service: str


class BuildDefinition(_Read):
    """How the artifact came to be."""

    build_type: Annotated[Literal["urn:tiercel:build:v1"], Field(alias="buildType")]
    external: Annotated[ExternalParameters, Field(alias="externalParameters")]


class Builder(_Read):
    """Who built it: the ARN of the environment's orchestrator."""

    id: str


class Metadata(_Read):
    """Which flow run it was, and when."""

    invocation_id: Annotated[str, Field(alias="invocationId")]
    started: Annotated[datetime, Field(alias="startedOn")]
    finished: Annotated[datetime, Field(alias="finishedOn")]


class RunDetails(_Read):
    """One execution of a build."""

    builder: Builder
    metadata: Metadata


class Predicate(_Read):
    """SLSA provenance."""

    definition: Annotated[BuildDefinition, Field(alias="buildDefinition")]
    run: Annotated[RunDetails, Field(alias="runDetails")]


class Statement(_Read):
    """The parts of a statement that are checked or shown."""

    kind: Annotated[Literal["https://in-toto.io/Statement/v1"], Field(alias="_type")]
    subject: tuple[Subject, ...]
    predicate_type: Annotated[
        Literal["https://slsa.dev/provenance/v1"], Field(alias="predicateType")
    ]
    predicate: Predicate


def statement_of(manifest: Manifest, build: Build) -> bytes:
    """Return the statement about an artifact as canonical JSON: what is signed."""
    return canonical_json(
        {
            "_type": STATEMENT_TYPE,
            "subject": [_descriptor(name, sha256) for name, sha256 in subjects_of(manifest)],
            "predicateType": PREDICATE_TYPE,
            "predicate": {
                "buildDefinition": _definition(manifest, build),
                "runDetails": _run_details(build),
            },
        }
    )


def subjects_of(manifest: Manifest) -> list[tuple[str, str]]:
    """Return key and SHA-256 of all that an artifact consists of, in order, the manifest too."""
    own = manifest_key(manifest.service, manifest.artifact_id)
    objects = {one.key: one.sha256 for one in (manifest.template, *manifest.objects)}
    return sorted((objects | {own: manifest.digest}).items())


def _definition(manifest: Manifest, build: Build) -> dict[str, Any]:
    source = manifest.source
    repository = f"git+{build.server}/{build.repository}@{build.commit}"
    return {
        "buildType": BUILD_TYPE,
        "externalParameters": {
            "repository": build.repository,
            "commit": build.commit,
            "service": manifest.service,
        },
        "internalParameters": {
            "recipe": list(source.build),
            "template": source.template,
            "packageFormat": source.package_format,
            **({"settings": source.settings} if source.settings else {}),
            **({"place": build.place} if build.place else {}),
            **({"image": build.image} if build.image else {}),
        },
        "resolvedDependencies": [
            {"uri": repository, "digest": {"gitCommit": build.commit}},
            *(
                {"name": path, "digest": {f"git{build.object_types[path].capitalize()}": found}}
                for path, found in sorted(source.objects.items())
            ),
        ],
    }


def _run_details(build: Build) -> dict[str, Any]:
    details: dict[str, Any] = {
        "builder": {"id": build.builder},
        "metadata": {
            "invocationId": build.run,
            "startedOn": _timestamp(build.started),
            "finishedOn": _timestamp(build.finished),
        },
    }
    if build.others:
        name = "manifest of another build of the same source"
        details["byproducts"] = [_descriptor(name, digest) for digest in sorted(build.others)]
    return details


def _descriptor(name: str, sha256: str) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": sha256}}


def _timestamp(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def provenance_prefix(service: str, artifact_id: ArtifactId) -> str:
    """Return the prefix of all provenance of one source tree's artifacts."""
    return f"provenance/{service}/{artifact_id}/"


def provenance_key(manifest: Manifest, key_arn: str) -> str:
    """Return where the provenance of an artifact lies that was signed with a key.

    The manifest's digest is part of it, so that builds of one source that differ have
    one each; the key's id is, so that an artifact can be signed again with a new key.
    """
    key = key_arn.rpartition("/")[2]
    prefix = provenance_prefix(manifest.service, manifest.artifact_id)
    return f"{prefix}{manifest.digest}/{key}.json"


def provenance_of_key(name: str, former: str, key: str) -> str | None:
    """Return where the provenance lies that another key signs after a former one.

    `former` and `key` are the ids of the keys. None for the name of anything that the
    former key did not sign.
    """
    folder, _, file = name.rpartition("/")
    is_signed = name.startswith("provenance/") and file == f"{former}.json"
    return f"{folder}/{key}.json" if is_signed else None


def attested_digests(keys: Iterable[str]) -> set[str]:
    """Return the digests of the manifests to which keys of `provenance_key` belong."""
    return {key.split("/")[3] for key in keys if key.count("/") == 4}


def read_statement(payload: bytes) -> Statement | None:
    """Return what a statement says, None if it is none of ours."""
    try:
        return Statement.model_validate_json(payload)
    except ValidationError:
        return None


def newer_build_type(payload: bytes) -> str:
    """Return the build type of a statement that a newer Tiercel made, empty for any other."""
    try:
        found = str(json.loads(payload)["predicate"]["buildDefinition"]["buildType"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""
    ours = _ANY_BUILD_TYPE.fullmatch(found)
    return found if ours and int(ours[1]) > 1 else ""


def is_about(statement: Statement | None, manifest: Manifest) -> bool:
    """Tell whether a statement is about exactly this artifact."""
    return (
        statement is not None
        and statement.predicate.definition.external.service == manifest.service
        and sorted((one.name, one.digest.sha256) for one in statement.subject)
        == subjects_of(manifest)
    )


def require_rebuilt(found: Manifest | None, rebuilt: Manifest) -> None:
    """Raise ArtifactConflictError if an unsigned artifact cannot be what was built again.

    Only what a run built itself may be signed: who could write the bucket would otherwise
    have anything signed.
    """
    if found is None or found.digest == rebuilt.digest:
        return
    raise ArtifactConflictError(
        "provenance.not_reproducible",
        f"the artifact of {found.service} cannot be signed",
        where=manifest_key(found.service, found.artifact_id),
        why="it has no provenance with the environment's key, and another build of the same "
        f"source gave {short(rebuilt.digest)} instead of {short(found.digest)}",
        state="nothing was uploaded",
        remedy="change the service's source, so that another artifact is built",
    )


def require_as_recorded(service: str, rebuilt: ArtifactDigest, recorded: ArtifactDigest) -> None:
    """Raise ArtifactConflictError if another build of the same source is not what was recorded."""
    if rebuilt == recorded:
        return
    raise ArtifactConflictError(
        "artifact.not_as_recorded",
        f"the artifact of {service} is gone, and cannot be built as it was",
        why=f"the ledger says {short(recorded)}, another build of its source is {short(rebuilt)}",
        state="nothing was uploaded, nothing was deleted",
        remedy="release its service again, then plan again",
    )


def unsigned(manifest: Manifest, where: str, known: Collection[str]) -> UntrustedArtifactError:
    """Return the error for an artifact without provenance by the environment's key.

    `known` are the keys of all provenance of the same source tree.
    """
    digests = attested_digests(known)
    if digests and manifest.digest not in digests:
        return not_signed("the manifest", manifest, where, f"its digest is {manifest.digest}")
    if digests:
        return UntrustedArtifactError(
            "provenance.other_key",
            f"the artifact of {manifest.service} is not signed with the key of this environment",
            where=where,
            why="its provenance was signed with another key, perhaps one that was replaced",
            state="nothing was changed",
            remedy="if the key was replaced, publish or promote the commit again, which signs it",
        )
    return UntrustedArtifactError(
        "provenance.missing",
        f"the artifact of {manifest.service} has no provenance",
        where=where,
        why="it was published before artifacts were signed, or somebody deleted the provenance",
        state="nothing was changed",
        remedy="publish or promote its commit again: what comes out the same is signed",
    )


def not_signed(what: str, manifest: Manifest, where: str, why: str) -> UntrustedArtifactError:
    """Return the error for a part of an artifact that is not what its provenance says."""
    return UntrustedArtifactError(
        "provenance.other_content",
        f"{what} of {manifest.service} is not the one that was signed",
        where=where,
        why=why,
        state="nothing was changed",
        remedy="find out who changed it, and remove its newer versions as the role `retention`",
    )
