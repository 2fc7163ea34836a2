"""What a page of an allowed origin may send and read, besides what every page may. No credentials: no route takes cookies."""

ALLOWED_HEADERS = (
    "authorization",
    "content-type",
    "content-encoding",
    "x-write-key",
    "x-retry-count",
    "anonymousid",
    "*",
)
"""
`*` is for what monitoring adds to every request of a page (traceparent, sentry-trace, baggage). It does not cover
Authorization (Fetch standard), and older Safari does not know it, so what SDKs send is named too.
"""

EXPOSED_HEADERS = ("retry-after", "x-ratelimit-reset")
"""When to come back: a browser's SDK obeys it only if it may read it."""
