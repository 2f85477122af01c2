"""Owns whether a login is right, and how often it may be tried. Must never keep or show a password in clear.

Who was right once is known from then on and waits for nobody else's guesses. Everybody else shares one budget of
guesses, so that many addresses guess no faster than one.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import ipaddress
import os
import time
from collections import OrderedDict
from collections.abc import Callable

FAILURES = 5  # wrong passwords from one network before it must wait
FAILURE_WAIT_S = 60.0
NETWORKS = 256  # how many are remembered
GUESSES = 20.0  # wrong passwords of all networks together ...
GUESSES_PER_S = 1 / 6  # ... and how fast the budget fills again
KNOWN = 64  # logins that were right
LONGEST = 256  # bytes of a password
IPV6_HOME = 64  # bits: whoever has an IPv6 address has that many of them

Refusal = tuple[int, str, dict[str, str]]
ASK: Refusal = (
    401,
    "A password is needed. Any user name will do.",
    {"www-authenticate": 'Basic realm="Rearguard", charset="UTF-8"'},
)
WAIT: Refusal = (429, "Too many wrong passwords. Wait a minute.", {"retry-after": "60"})


def network_of(client: str) -> str:
    """The address, or for IPv6 its /64; what is no address is returned as it is."""
    try:
        address = ipaddress.ip_address(client.partition("%")[0])
    except ValueError:
        return client
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, IPV6_HOME), strict=False))
    return str(address)


class Passwords:
    """One password for all; any user name will do."""

    def __init__(self, password: str, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._salt = os.urandom(16)
        self._hash = self._slow(password.encode())
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._budget, self._budget_s = GUESSES, now_s()
        self._one_at_a_time = asyncio.Lock()

    async def refusal(self, header: bytes, client: str) -> Refusal | None:
        """None: let it in. `header` is that of the request, "" when it has none."""
        if not header:
            return ASK
        mark = hashlib.blake2b(header, key=self._salt).digest()
        if mark in self._known:
            return None
        network, now_s = network_of(client), self._now_s()
        failed, failed_s = self._failures.pop(network, (0, now_s))
        lately = now_s - failed_s < FAILURE_WAIT_S
        if (failed >= FAILURES and lately) or not self._take(now_s):
            self._failures[network] = failed, failed_s
            return WAIT
        # Counted before it is looked at: a hundred guesses at once are counted, too.
        self._failures[network] = (failed + 1 if lately else 1), now_s
        if len(self._failures) > NETWORKS:
            self._failures.popitem(last=False)
        async with self._one_at_a_time:
            right = await asyncio.to_thread(self._fits, header)
        if not right:
            return ASK
        self._failures.pop(network, None)
        self._budget += 1.0
        self._known[mark] = None
        if len(self._known) > KNOWN:
            self._known.popitem(last=False)
        return None

    def _take(self, now_s: float) -> bool:
        self._budget = min(GUESSES, self._budget + (now_s - self._budget_s) * GUESSES_PER_S)
        self._budget_s = now_s
        if self._budget < 1.0:
            return False
        self._budget -= 1.0
        return True

    def _slow(self, password: bytes) -> bytes:
        return hashlib.scrypt(password[:LONGEST], salt=self._salt, n=2**12, r=8, p=1)

    def _fits(self, header: bytes) -> bool:
        kind, _, value = header.partition(b" ")
        try:
            _, _, given = base64.b64decode(value, validate=True).partition(b":")
        except binascii.Error:
            return False
        return kind.lower() == b"basic" and hmac.compare_digest(self._slow(given), self._hash)
