"""One environment's artifacts as `tiercel retention` looks at them and lets them go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tiercel.domain.base.errors import RefusedInputError, TiercelError, UnreachableError
from tiercel.domain.organization.access import Access, Records, orchestrator
from tiercel.domain.organization.names import Names, Role
from tiercel.domain.organization.on_demand import stacks_on_demand

if TYPE_CHECKING:
    from tiercel.domain.organization.topology import Topology
    from tiercel.domain.teardown.retention import Needs, RetentionDecision
    from tiercel.tasks.teardown.retention import RetentionLook

_WHO = "tiercel-retention"


def profiles_of(given: Iterable[str], topology: Topology) -> dict[str, str]:
    """Return the AWS profile of each environment that one was given for, as ENVIRONMENT=PROFILE.

    Raises RefusedInputError for anything else, ConfigurationError for an unknown environment.
    """
    found = {}
    for text in given:
        name, _, profile = text.partition("=")
        if not profile:
            raise RefusedInputError(
                "retention.no_profile",
                f"{text!r} names no profile",
                where="--profile",
                state="nothing was called",
                remedy="give ENVIRONMENT=PROFILE, as in prod=acme-prod",
            )
        found[topology.environment(name).name] = profile
    return found


@dataclass(frozen=True)
class ArtifactKeeper:
    """Who looks at the artifacts of an environment, and asks what is live where they go."""

    topology: Topology
    names: Names
    profiles: Mapping[str, str]

    def decided(self) -> tuple[list[RetentionDecision], dict[str, str]]:
        """Return what is done about each object, and why of which environments nothing is known."""
        from tiercel.domain.teardown.retained_packages import decide_packages
        from tiercel.domain.teardown.retention import decide_manifests

        look = self._look()
        needs, unknown = self._needs(look)
        manifests = decide_manifests(look.manifests, needs, look.now)
        packages = decide_packages(look.packages, look.manifests, needs, look.now)
        return [*manifests, *packages], unknown

    def carry_out(self, decisions: list[RetentionDecision]) -> None:
        """Do what was decided; then look again, and bring back what is needed meanwhile."""
        from tiercel.domain.teardown.retention import Retained
        from tiercel.tasks.teardown.retention import carry_out_retention

        bucket = self.names.artifact_bucket
        carry_out_retention.fn(self._deleter, bucket, decisions, self._look())
        again, _ = self.decided()
        restored = [one for one in again if one.step is Retained.RESTORE]
        if restored:
            carry_out_retention.fn(self._deleter, bucket, restored, self._look())

    @property
    def _deleter(self) -> Access:
        names = self.names
        return Access(
            role_arn=names.role_arn(Role.RETENTION),
            region=names.environment.region,
            source_identity=_WHO,
            profile=self.profiles.get(names.environment.name, ""),
        )

    def _records(self, environment: str) -> Records:
        names = Names.of(self.topology, environment)
        profile = self.profiles.get(environment, "")
        access = replace(orchestrator(names, _WHO), profile=profile)
        return Records(access, names.artifact_bucket)

    def _look(self) -> RetentionLook:
        from tiercel.tasks.teardown.retention import look_at_artifacts

        reader = self._records(self.names.environment.name).access
        try:
            return look_at_artifacts.fn(self._deleter, reader, self.names.artifact_bucket)
        except UnreachableError as error:
            if error.code != "aws.not_allowed":
                raise
            whose = f"--profile {self.names.environment.name}=PROFILE"
            raise error.but(
                remedy=f"name a profile of who administers the account, {whose}: no other may let "
                "artifacts go; if it is his, `tiercel check` says what is not as it must be"
            ) from error

    def _needs(self, look: RetentionLook) -> tuple[Needs, dict[str, str]]:
        from tiercel.domain.teardown.retention import Needs, counts, live_artifacts
        from tiercel.domain.teardown.retention import newest_artifacts as artifacts_of
        from tiercel.tasks.records.ephemeral import read_environments
        from tiercel.tasks.records.ledger import read_newest_entries

        place = self.names.environment
        records = self._records(place.name)
        alive = read_environments.fn(records).names_alive
        on_demand = stacks_on_demand(self.names.organization)
        _, entries = read_newest_entries.fn(
            records, place.retention.releases, lambda stack: counts(stack, on_demand, alive)
        )
        looked = [place.name, *(one.name for one in self.topology.pullers_of(place.name))]
        digests, unknown = set[str](), dict[str, str]()
        for name in looked:
            try:
                digests |= self._live_digests(name)
            except TiercelError as error:
                unknown[name] = ": ".join(filter(None, (error.what, error.why)))
        artifacts = None if unknown else frozenset(live_artifacts(digests, look.manifests))
        return Needs(artifacts, artifacts_of(entries), place.retention.days), unknown

    def _live_digests(self, environment: str) -> set[str]:
        """Return the digests of what an environment runs or is about to.

        Raises TiercelError if that is not known.
        """
        from tiercel.domain.release.entries import unreadable_entries
        from tiercel.tasks.records.ledger import read_live_releases

        found = read_live_releases.fn(self._records(environment))
        unreadable = [entry for one in found for entry in one.unreadable]
        if unreadable:
            raise unreadable_entries(unreadable)
        releases = [release for one in found for release in (one.running, *one.later) if release]
        return {release.intent.artifact_digest for release in releases}
