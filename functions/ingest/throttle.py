"""
How much one key may send: a token bucket for each key, in the memory of this function.

Approximate, and meant so: every warm copy of the function counts for itself and a new one starts full, so the true
limit is a rate times the copies that are warm. It costs no read and no write. The exact limit over all keys is the
API's own (requests per second of the stage); this one keeps a single key from using all of it.

A token is an event or a kilobyte, whichever are more. A request is let in while there is a token, and what it turns out to cost may leave a debt that time pays:
so nothing that was read is thrown away, and whoever sends large bodies that are refused waits as long as who sends events.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from shared.errors import RipenError

MOST_KEYS = 1_000
"""Most keys remembered; keys are minted by hand, so there are never as many."""


class ThrottledError(RipenError):
    """The key has used up what it may send. Tell the client to wait that many seconds and send again."""

    def __init__(self, wait: int) -> None:
        super().__init__(f"this key sends too much at once: send the same again in {wait} seconds")
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Rate:
    """Tokens a second, and how many may be saved up."""

    per_second: int
    burst: int


@dataclass(frozen=True, slots=True)
class Bucket:
    """Tokens there were at an instant; below zero is a debt."""

    tokens: int
    at: int


def rates(written: str) -> dict[str, Rate]:
    """Return the rate of each kind of key from `public=200/5000 server=...`; a kind that is not named is not limited."""
    found = {}
    for part in written.split():
        kind, _, rate = part.partition("=")
        per_second, _, burst = rate.partition("/")
        found[kind] = Rate(int(per_second), int(burst))
    return found


def refilled(bucket: Bucket | None, rate: Rate, now: int) -> Bucket:
    """Return the bucket with what time has brought. A clock that was set back brings nothing."""
    if bucket is None:
        return Bucket(rate.burst, now)
    tokens = bucket.tokens + max(0, now - bucket.at) * rate.per_second
    return Bucket(min(rate.burst, tokens), max(now, bucket.at))


def wait(bucket: Bucket, rate: Rate) -> int:
    """Return the seconds until the bucket has a token; 0 when it has one."""
    return max(0, math.ceil((1 - bucket.tokens) / rate.per_second))


class Throttle:
    """The buckets of one process."""

    def __init__(self) -> None:
        self._buckets: dict[str, Bucket] = {}

    def admit(self, key: str, allowed: Mapping[str, Rate], now: int) -> None:
        """Raises ThrottledError unless the key has a token. Takes none: what the request costs is not known yet."""
        rate = allowed.get(_kind(key))
        if rate is None:
            return
        bucket = refilled(self._buckets.pop(key, None), rate, now)
        if len(self._buckets) >= MOST_KEYS:
            del self._buckets[next(iter(self._buckets))]
        self._buckets[key] = bucket
        if seconds := wait(bucket, rate):
            raise ThrottledError(seconds)

    def charge(self, key: str, tokens: int) -> None:
        """Take what a request that was admitted cost."""
        bucket = self._buckets.get(key)
        if bucket is not None:
            self._buckets[key] = Bucket(bucket.tokens - tokens, bucket.at)


def _kind(key: str) -> str:
    return key.partition("_")[0]
