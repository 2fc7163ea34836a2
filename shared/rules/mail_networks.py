"""
Networks from which programs follow the links of mails: what their owners publish as their own, and nothing people browse from.

Ranges of web gateways that people's browsers come through, and of clouds at large, are left out: a person behind one is
a person. An address is looked up while a request is answered, and kept nowhere.
"""

from functools import cache
from ipaddress import AddressValueError, IPv4Address, IPv4Network

SCANNERS = {
    "Barracuda": ("64.235.144.0/20", "209.222.80.0/21"),
    "Broadcom Email Security": (
        "46.226.48.0/21", "67.219.240.0/20", "85.158.136.0/21", "95.131.104.0/21", "103.9.96.0/22", "117.120.16.0/21",
        "193.109.254.0/23", "194.106.220.0/23", "195.245.230.0/23", "216.82.240.0/20",
    ),
    "Cisco Secure Email": ("68.232.128.0/19",),
    "Mimecast": (
        "63.128.21.0/24", "91.220.42.0/24", "146.101.78.0/24", "170.10.128.0/23", "170.10.132.0/23", "185.58.84.0/22",
        "195.130.217.0/24", "205.139.110.0/23", "207.82.80.0/24", "207.211.30.0/23", "216.205.24.0/24",
    ),
    "Proofpoint": ("67.231.144.0/20", "91.209.104.0/24", "148.163.128.0/19", "185.132.180.0/22"),
    "Trend Micro": ("66.180.80.0/20", "150.70.0.0/16", "216.104.0.0/19"),
}  # fmt: skip
"""Gateways that scan mail, by whose they are: the ranges the providers name for allow-lists."""

PRELOADERS = {"Apple": ("17.0.0.0/8",)}
"""Who loads the pictures of a mail before, and whether or not, a person reads it: of opens only, for people browse from there."""


@cache
def _ranges(opens: bool) -> tuple[tuple[int, int, str], ...]:
    known = {**SCANNERS, **PRELOADERS} if opens else SCANNERS
    networks = [(IPv4Network(text), owner) for owner, texts in known.items() for text in texts]
    return tuple((int(each.network_address), int(each.broadcast_address), owner) for each, owner in networks)


def machine_network(address: str, *, is_open: bool) -> str:
    """Return whose network of machines the address is of; empty when of none that is known, or when it is no IPv4 address."""
    try:
        number = int(IPv4Address(address))
    except AddressValueError:
        return ""
    return next((owner for first, last, owner in _ranges(is_open) if first <= number <= last), "")
