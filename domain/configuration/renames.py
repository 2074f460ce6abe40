"""What is wrong with the names that repositories have and had."""

from __future__ import annotations

from collections.abc import Iterator

from tiercel.domain.configuration.promotions import ConfigurationFault, WrongPaths
from tiercel.domain.organization.topology import Topology

_LIST = ("organization", "repositories")


def rename_findings(topology: Topology, left_out: WrongPaths) -> Iterator[ConfigurationFault]:
    """Find names that would stand for two repositories, or for one that is never released."""
    is_whole = all(path[: len(_LIST)] != _LIST for path in left_out)
    listed = {name.lower() for name in topology.organization.repositories}
    current = {name.lower() for name in topology.repositories}
    spelled: dict[str, str] = {}
    owners: dict[str, str] = {}
    for name, settings in topology.repositories.items():
        first = spelled.setdefault(name.lower(), name)
        if first != name:
            yield ("repositories", name), f"`{first}` is the same repository"
        if is_whole and not topology.organization.owns(name):
            yield ("repositories", name), "organization.repositories does not list it"
        for former in settings.formerly:
            reason = ""
            if former.lower() != name.lower() and former.lower() in listed | current:
                reason = f"`{former}` is the name of a repository that is released"
            elif owners.setdefault(former.lower(), name) != name:
                reason = f"`{former}` is already a former name of {owners[former.lower()]}"
            if reason:
                yield ("repositories", name, "formerly"), reason
