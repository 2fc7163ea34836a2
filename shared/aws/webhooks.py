"""
Posting a signed webhook to the address a playbook names, as Standard Webhooks says: standardwebhooks.com, version 1.

One attempt, five seconds, no redirect, TLS always. The host is looked up once and only public addresses are called, the
very ones that were looked at: a name that leads into our own network, or changes its mind, reaches nothing. What the
receiver answers is its status; the rest is not read.
"""

import base64
import hashlib
import hmac
import ipaddress
import json
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from functools import cache
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Timer
from typing import Any
from urllib.parse import urlsplit

from shared.aws.mailer import Accepted, NotNow, Outcome, Refused
from shared.errors import RipenError

TIMEOUT = 5
"""Seconds from the connection to the answer, however slowly it comes."""

CONNECT = 2
"""Seconds for the connection itself."""

AGAIN = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
"""Answers below 500 after which the same webhook is posted again."""


class PrivateAddressError(RipenError):
    """The host has an address that is not for everybody: ours, a neighbour's, the machine's own."""


def post(
    url: str, payload: Mapping[str, Any], *, webhook_id: str, secrets: Sequence[str], through: str = ""
) -> Outcome:
    """
    Post the payload, signed by every secret.

    The receiver that answers 2xx has it. One that answers 4xx does not want it, nor may it send us elsewhere. What may
    pass, or was not answered, is `NotNow`: the same webhook comes again, and the receiver knows it by its id.

    Args:
        url: Of the playbook; https.
        payload: What it says, as JSON.
        webhook_id: The same in every attempt.
        secrets: As `whsec_<base64>`; receivers change from one to the next while both sign.
        through: Where every webhook goes instead, as on the local stage; the address of the playbook goes in a header.
    """
    body = json.dumps(payload, separators=(",", ":")).encode()
    headers = {
        **signed(body, webhook_id=webhook_id, at=int(time.time()), secrets=secrets),
        "content-type": "application/json",
        "user-agent": "Ripen",
        **({"x-ripen-for": url} if through else {}),
    }
    try:
        status = _status(through or url, body, headers, anywhere=bool(through))
    except PrivateAddressError:
        return Refused("private address")
    except UnicodeError:
        return Refused("no address")
    except (OSError, HTTPException) as error:
        return NotNow(type(error).__name__)
    if status // 100 == 2:
        return Accepted(webhook_id)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in AGAIN:
        return NotNow(f"HTTP {status}")
    return Refused(f"HTTP {status}")


def signed(body: bytes, *, webhook_id: str, at: int, secrets: Sequence[str]) -> dict[str, str]:
    """Return the headers that prove body, id and time (epoch seconds) to whoever holds one of the secrets."""
    content = f"{webhook_id}.{at}.".encode() + body
    keys = [base64.b64decode(secret.removeprefix("whsec_")) for secret in secrets]
    macs = [base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode() for key in keys]
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{mac}" for mac in macs),
    }


def _status(url: str, body: bytes, headers: Mapping[str, str], *, anywhere: bool) -> int:
    """Return the status of the answer. Raises PrivateAddressError, OSError or HTTPException."""
    parts = urlsplit(url)
    host, path = parts.hostname or "", f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    if anywhere:
        connection = HTTPConnection(host, parts.port, timeout=TIMEOUT)
    elif parts.scheme == "https":
        connection = HTTPSConnection(host, parts.port, timeout=TIMEOUT, context=_trust())
        connection.sock = _trust().wrap_socket(
            _connected(host, parts.port or 443), server_hostname=host, do_handshake_on_connect=False
        )
    else:
        raise PrivateAddressError
    clock = Timer(TIMEOUT, _hang_up, [connection])
    clock.start()
    try:
        if isinstance(connection.sock, ssl.SSLSocket):
            connection.sock.settimeout(TIMEOUT)
            connection.sock.do_handshake()
        connection.request("POST", path, body=body, headers=dict(headers))
        return connection.getresponse().status
    finally:
        clock.cancel()
        connection.close()


def _connected(host: str, port: int) -> socket.socket:
    """
    Return a connection to the host: to one of its addresses, all of which must be public.

    An older one (IPv4) goes first: functions reach no others.

    Raises:
        PrivateAddressError: One of them is not.
    """
    found = [str(known[4][0]) for known in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if not all(map(is_public, found)):
        raise PrivateAddressError
    return socket.create_connection((min(found, key=lambda address: ":" in address), port), timeout=CONNECT)


def is_public(address: str) -> bool:
    """Tell whether an IP address is one of the open internet; also what an IPv6 address hides of IPv4 is looked at."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if found not in _GLOBAL:
            return False
    return found.is_global and not found.is_multicast


_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_GLOBAL = ipaddress.ip_network("2000::/3")
"""All of IPv6 that is given out to everybody. The standard library calls more than that global: `fec0::1`, `::127.0.0.1`."""


def _hang_up(connection: HTTPConnection) -> None:
    if connection.sock is not None:
        try:
            connection.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it is over already


@cache
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()
