"""Delivers events over HTTP, signed, to addresses on this machine only.

https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

import httpx

from tiercel.sandbox.github.memory.activities import Delivery, Hook
from tiercel.sandbox.github.memory.world import JsonObject, World

_PATIENCE_SECONDS = 10.0
_WORKERS = 4
_BODY_LIMIT = 64 * 1024
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True)
class _Result:
    code: int
    status: str
    headers: dict[str, str]
    body: str


class Deliverer:
    """Delivers in the background, several at a time, so that the order is not kept.

    As GitHub does, it tries once, waits 10 seconds for an answer and follows no redirect.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="webhook")
        self._client = httpx.Client(timeout=_PATIENCE_SECONDS, trust_env=False)

    def enqueue(self, deliveries: list[int]) -> None:
        """Deliver these soon."""
        for identifier in deliveries:
            self._workers.submit(self._deliver, identifier)

    def resume(self) -> None:
        """Deliver what was told and not delivered before the stand-in stopped."""
        with self._world.store.transaction():
            pending = [d.id for d in self._world.store.all(Delivery) if not d.delivered_at]
        self.enqueue(pending)

    def close(self) -> None:
        """Finish what is being delivered; the rest is delivered after the next start."""
        self._workers.shutdown(wait=True, cancel_futures=True)
        self._client.close()

    def _deliver(self, identifier: int) -> None:
        store = self._world.store
        with store.transaction():
            delivery = store.get(Delivery, identifier)
            hook = store.get(Hook, delivery.hook) if delivery else None
        if delivery is None or hook is None:
            return
        raw, headers = signed_request(hook, delivery)
        started = time.monotonic()
        result = self._post(hook.url, raw, headers)
        with store.transaction():
            self._record(delivery, headers, result, time.monotonic() - started)

    def _record(
        self, delivery: Delivery, headers: dict[str, str], result: _Result, seconds: float
    ) -> None:
        store = self._world.store
        hook = store.get(Hook, delivery.hook)
        if hook is None:
            return
        changes = {
            "delivered_at": self._world.now(),
            "duration": round(seconds, 2),
            "status": result.status,
            "status_code": result.code,
            "request_headers": headers,
            "response_headers": result.headers,
            "response_body": result.body,
        }
        store.put(delivery.model_copy(update=changes))
        last = {"last_code": result.code or None, "last_message": result.status}
        store.put(hook.model_copy(update=last))

    def _post(self, url: str, raw: bytes, headers: dict[str, str]) -> _Result:
        if urlsplit(url).hostname not in _LOOPBACK:
            return _Result(0, "the stand-in reaches addresses on this machine only", {}, "")
        try:
            answer = self._client.post(url, content=raw, headers=headers)
        except httpx.TimeoutException:
            return _Result(0, "timed out", {}, "")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return _Result(0, f"failed to connect to host: {type(error).__name__}", {}, "")
        status = "OK" if answer.is_success else f"Invalid HTTP Response: {answer.status_code}"
        body = answer.content[:_BODY_LIMIT].decode(errors="replace")
        return _Result(answer.status_code, status, dict(answer.headers), body)


def signed_request(hook: Hook, delivery: Delivery) -> tuple[bytes, dict[str, str]]:
    """Return the body and headers of a delivery; the signature is over the raw body."""
    raw = encode(delivery.payload)
    kind = "application/json"
    if hook.content_type == "form":
        raw, kind = (
            urlencode({"payload": raw.decode()}).encode(),
            "application/x-www-form-urlencoded",
        )
    headers = {
        "Accept": "*/*",
        "Content-Type": kind,
        "User-Agent": "GitHub-Hookshot/stand-in",
        "X-GitHub-Delivery": delivery.guid,
        "X-GitHub-Event": delivery.event,
        "X-GitHub-Hook-ID": str(hook.id),
        "X-GitHub-Hook-Installation-Target-ID": str(hook.repository),
        "X-GitHub-Hook-Installation-Target-Type": "repository",
    }
    if hook.secret:
        for name, algorithm in (("X-Hub-Signature", "sha1"), ("X-Hub-Signature-256", "sha256")):
            digest = hmac.new(hook.secret.encode(), raw, getattr(hashlib, algorithm)).hexdigest()
            headers[name] = f"{algorithm}={digest}"
    return raw, headers


def encode(payload: JsonObject) -> bytes:
    """Return JSON without spaces, as GitHub sends it."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
