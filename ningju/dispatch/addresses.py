"""Where messages may go: to public addresses alone, looked up once and connected to as they were found."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

_TRANSLATED = IPv6Network("64:ff9b::/96")


class Forbidden(ValueError):
    """A place that messages may not go to; the text says why."""


async def look_up(host: str, port: int) -> list[str]:
    """Ask the system for a host's addresses.

    Raises
    ------
    OSError
        When it has none.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(place[4][0]) for place in found))


def is_public(address: Address) -> bool:
    """Whether an address is one of the open net: not of this machine, this network, a cloud's own, or in disguise."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address.sixtofour is not None or address.teredo is not None or address in _TRANSLATED:
            return False  # another address inside, which somebody's network unpacks
    return address.is_global and not address.is_multicast and not address.is_reserved


async def permitted(host: str, port: int, resolve: Resolve = look_up, permit: Sequence[Network] = ()) -> list[str]:
    """Give the addresses of a host, all of them fit to be connected to.

    Parameters
    ----------
    permit
        Networks that are allowed though they are not public; for tests with a receiver of their own.

    Raises
    ------
    Forbidden
        When one of them is not public: a name that leads to both is an attempt.
    OSError
        When the host is unknown.
    """
    found = [ip_address(text.partition("%")[0]) for text in await resolve(host, port)]
    for address in found:
        if not is_public(address) and not any(address in network for network in permit):
            raise Forbidden(f"{host} leads to {address}, which is not a public address")
    if not found:
        raise OSError(f"{host} has no address")
    return [str(address) for address in found]
