"""HTTP to a server on this machine. Certificates are not needed for it, and to load all that a
machine has takes longer than a request.
"""

from __future__ import annotations

import ssl
from typing import Any

import httpx

from tests.support.patience import PATIENCE_SECONDS

NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def ask(method: str, url: str, **more: Any) -> httpx.Response:
    """Send a request in a connection of its own, and return the answer whatever its status."""
    patient = {"timeout": PATIENCE_SECONDS} | more
    return httpx.request(method, url, trust_env=False, verify=NO_CERTIFICATES, **patient)
