"""Network addresses cut to what a household, an office or a provider shares."""

import ipaddress

PREFIX = {4: 24, 6: 64}  # by the version of the protocol


def network_of(address: str) -> str | None:
    """Return the first address of the network that a client's address is in: an IPv4 /24, an IPv6 /64.

    ``address`` is as ``access.visitor.client_address`` returns it. None where it is none ("unknown", "").
    """
    try:
        parsed = ipaddress.ip_interface(address).ip
    except ValueError:
        return None
    return str(ipaddress.ip_network((parsed, PREFIX[parsed.version]), strict=False).network_address)
