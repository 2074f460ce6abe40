"""Which hosts a build may reach, and at which of their addresses."""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Address, IPv6Address

from tiercel.domain.base.values import Frozen
from tiercel.domain.organization.parts import IndexHost

_HTTPS = 443
_PUBLIC_PORTS = (80, _HTTPS)
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
_METADATA = frozenset({ipaddress.ip_address("fd00:ec2::254"), ipaddress.ip_address("fd00:ec2::23")})
# An address of IPv4 inside one of IPv6, which a translator on the way reaches: RFC 6052.
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
_TRANSLATED_LOCALLY = ipaddress.ip_network("64:ff9b:1::/48")


class Reach(Frozen):
    """What a build may reach: the indexes of the worker's file, and public hosts if allowed.

    The worker's file speaks for an index, which may lie in a private network; only one that it
    names as loopback may lie there. `public` hosts are those that the service's `network` adds.
    """

    indexes: tuple[IndexHost, ...] = ()
    public: bool = False

    def allows(self, host: str, port: int) -> bool:
        """Tell whether a host may be asked for, before its name is looked up."""
        return self.is_index(host, port) or (self.public and port in _PUBLIC_PORTS)

    def allows_address(self, host: str, port: int, address: str) -> bool:
        """Tell whether a host may be reached at an address that its name has led to."""
        found = _inner(ipaddress.ip_address(address.partition("%")[0]))
        if found in _METADATA or found.is_link_local or found.is_multicast:
            return False
        if not self.is_index(host, port):
            return found.is_global
        return not found.is_unspecified and (not found.is_loopback or means_loopback(host))

    def is_index(self, host: str, port: int) -> bool:
        """Tell whether the worker's file names the host; without a port it means HTTPS."""
        name = canonical_host(host)
        return f"{name}:{port}" in self.indexes or (port == _HTTPS and name in self.indexes)


def canonical_host(host: str) -> str:
    """Return a host's name as `indexes` has it: DNS does not tell upper from lower case."""
    return host.lower().removesuffix(".")


def _inner(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the address of IPv4 that one of IPv6 stands for, if it does."""
    if isinstance(address, IPv4Address):
        return address
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    if address in _TRANSLATED_LOCALLY:
        return IPv4Address(0)
    return address.ipv4_mapped or address.sixtofour or (address.teredo or (0, address))[1]


def means_loopback(host: str) -> bool:
    """Tell whether a name or address means the machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return canonical_host(host) == "localhost"
