"""NetworkAccessPointTypeCode of a host (PS3.15 A.5.1)."""

from ipaddress import ip_address

MACHINE_NAME, IP_ADDRESS = "1", "2"


def access_point_type(host: str) -> str:
    """Return the code: an IP address, or the name of a machine."""
    try:
        ip_address(host)
    except ValueError:
        return MACHINE_NAME
    return IP_ADDRESS
