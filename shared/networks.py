"""Whose an address is: limits count networks, for one subscriber has many addresses to come from."""

import ipaddress

_MAX_TEXT = 100


def network(address: str) -> str:
    """Whose an address is: its /24, or of IPv6 its /64, which one subscriber has to choose from.

    What is no address counts as it stands.
    """
    try:
        found = ipaddress.ip_address(address.strip())
    except ValueError:
        return address.strip()[:_MAX_TEXT]
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return str(ipaddress.ip_network((found, 24 if found.version == 4 else 64), strict=False))
