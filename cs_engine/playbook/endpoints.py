"""Where webhooks may go: to the world, never to what only this machine or its network can reach, unless project.yaml allows it. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NAT64 = IPv6Network("64:ff9b::/96")
_NEVER = (
    # Public to Python (some to its older versions only), and yet no host of the world: protocol assignments, Azure's platform,
    # relays, benchmarking.
    IPv4Network("192.0.0.0/24"),
    IPv4Network("168.63.129.16/32"),
    IPv4Network("192.88.99.0/24"),
    IPv4Network("198.18.0.0/15"),
    IPv6Network("64:ff9b:1::/48"),
)
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*")


@dataclass(frozen=True, slots=True)
class Allowed:
    """One's own hosts and networks, which webhooks may reach though they are private, and without TLS."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, entries: Collection[str]) -> Allowed:
        """The entries of project.yaml: host names, addresses, networks. What is none of these is left out; `check` has said so."""
        read = [_entry(entry) for entry in entries]
        return cls(
            frozenset(entry for entry in read if isinstance(entry, str)),
            tuple(entry for entry in read if isinstance(entry, IPv4Network | IPv6Network)),
        )

    def has(self, host: str) -> bool:
        """Whether that host, by its name or as an address, is one's own."""
        address = _address(host)
        return host.lower() in self.hosts if address is None else self.takes(address)

    def takes(self, address: Address) -> bool:
        """Whether a network of one's own holds the address."""
        return any(address in network for network in self.networks)

    def refuses(self, host: str, address: str) -> bool:
        """Whether a webhook to `host` may not go to this address, which its name stands for just now."""
        found = _address(address)
        if found is None:
            return True
        return not (host.lower() in self.hosts or self.takes(found) or is_public(found))


def is_public(address: Address) -> bool:
    """Whether it is an address of the world: no loopback, private, link-local, shared, multicast or metadata address, however wrapped."""
    inner = _unwrapped(address)
    return inner.is_global and not inner.is_multicast and not any(inner in network for network in _NEVER)


def _unwrapped(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, else itself."""
    if isinstance(address, IPv4Address):
        return address
    teredo = address.teredo
    inner = address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)
    if inner is None and address in _NAT64:
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
    return inner or address


def is_entry(text: str) -> bool:
    """Whether it can stand in the list of one's own hosts."""
    return _entry(text) is not None


def wrong_url(url: str, allowed: Allowed) -> tuple[str, str] | None:
    """What is wrong with the address of a webhook, and the mend; None: nothing that shows before its name is resolved."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        return "it is no address", "write https://host/path"
    if parts.scheme not in ("https", "http") or not _is_host(host) or any(c.isspace() or ord(c) < 32 for c in url):
        return "it is no address of a webhook", "write https://host/path, the host in ASCII (xn--…)"
    if parts.username is not None or parts.password is not None:
        return "it holds a name or a password", "leave them out: every call is signed"
    if allowed.has(host):
        return None
    if parts.scheme == "http":
        return f"http:// to {host} can be read and changed on its way", "write https://, or put the host into `allow` of webhooks"
    address = _address(host)
    if host.lower() == "localhost" or (address is not None and not is_public(address)):
        return f"{host} is no address of the world", "if the host is your own, put it into `allow` of webhooks in project.yaml"
    return None


def resolved(endpoint: str, endpoints: Mapping[str, str]) -> str | None:
    """The address that a step means: its own, or that of the name; None where project.yaml has no such name."""
    return endpoint if "://" in endpoint else endpoints.get(endpoint)


def _is_host(host: str) -> bool:
    """Whether it is a name or an address in its one canonical form: `127.1` and `2130706433` are addresses to some, names to others."""
    if _address(host) is not None:
        return True
    return _HOST.fullmatch(host) is not None and not host.rpartition(".")[2].isdigit()


def _address(text: str) -> Address | None:
    try:
        return ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return None


def _entry(text: str) -> str | Network | None:
    try:
        return ip_network(text.strip("[]"))
    except ValueError:
        return text.lower() if _HOST.fullmatch(text) and not re.fullmatch(r"[\d.]+", text) else None
