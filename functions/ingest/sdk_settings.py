"""
What browser SDKs ask for before they send anything: which destinations there are (us alone), and where we are.

Only a public key has settings: they are read by pages. `functions/ingest/access.py` looks at the key.
"""

from typing import Any
from urllib.parse import urlsplit

CACHE = "public, max-age=300"
"""A page asks at every view; a key that stops working stops within five minutes, and its events are refused at once."""


def segment(key: str, public_url: str) -> dict[str, Any]:
    """
    Return the settings of Segment's browser SDK.

    `keepalive` lets the request of an event outlive the page. The SDK counts its own use and would tell Segment:
    its metrics are switched off, and their address is ours in case they are switched on.
    """
    api = urlsplit(public_url)
    host = f"{api.netloc}{api.path.rstrip('/')}/v1"
    return {
        "integrations": {
            "Segment.io": {
                "apiKey": key,
                "apiHost": host,
                "protocol": api.scheme,
                "addBundledMetadata": True,
                "unbundledIntegrations": [],
                "bundledConfigIds": [],
                "unbundledConfigIds": [],
                "maybeBundledConfigIds": {},
                "deliveryStrategy": {"strategy": "standard", "config": {"keepalive": True}},
            }
        },
        "plan": {
            "track": {"__default": {"enabled": True, "integrations": {}}},
            "identify": {"__default": {"enabled": True}},
            "group": {"__default": {"enabled": True}},
        },
        "edgeFunction": {},
        "analyticsNextEnabled": True,
        "middlewareSettings": {},
        "enabledMiddleware": {},
        "metrics": {"sampleRate": 0, "host": host},
        "legacyVideoPluginsEnabled": False,
        "remotePlugins": [],
    }


def rudder(key: str, public_url: str) -> dict[str, Any]:
    """Return the source configuration of RudderStack's browser SDK: no device destinations, no reports of its own."""
    return {
        "source": {
            "id": "ripen",
            "name": "Ripen",
            "writeKey": key,
            "workspaceId": "ripen",
            "enabled": True,
            "config": {"statsCollection": {"errors": {"enabled": False}, "metrics": {"enabled": False}}},
            "destinations": [],
            "dataplanes": {},
            "dataPlaneUrl": public_url,
        }
    }
