"""A webhook gets signed JSON that its receiver can check; its status says what becomes of it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError

from gateway.config.outgoing import DIRECT
from gateway.destinations import Delivered, Rejected, RetryLater, Verdict, finished
from gateway.destinations.webhook.client import MAX_BODY_BYTES, WebhookDestination
from gateway.destinations.webhook.settings import WebhookSettings
from gateway.event import Reason
from tests.destinations.events import Journal, made
from tests.fakes.vendor import Behaviour, Vendor, answers, drips_its_body, resets, running

KEY = b"0123456789abcdef01234567"
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"


class Receiver(Vendor):
    async def answer(self, request: web.Request, body: bytes) -> web.StreamResponse:
        return web.Response(status=204)


@pytest.fixture
async def receiver() -> AsyncGenerator[Receiver, None]:
    async with running(Receiver()) as vendor:
        yield vendor


@asynccontextmanager
async def webhook(receiver: Receiver, **given: Any) -> AsyncGenerator[WebhookDestination, None]:
    settings = WebhookSettings(
        **{"type": "webhook", "url": f"{receiver.url}/in?team=a%40b", "timeout": 0.5, **given}
    )
    opened = WebhookDestination("hook", settings, DIRECT)
    await opened.open(None)
    try:
        yield opened
    finally:
        await opened.close()


async def test_the_signature_is_that_of_standard_webhooks(receiver: Receiver) -> None:
    """Checked as its receivers do: https://www.standardwebhooks.com."""
    journal = Journal()
    events = [journal.segment(properties={"text": "żółw 🚀"}), journal.segment("page")]
    async with webhook(receiver, secret=SECRET) as opened:
        (draft,) = opened.render(events).requests
        assert await opened.send(finished(draft)) == Delivered()
        assert await opened.send(finished(draft)) == Delivered()
    first, again = receiver.seen
    assert first.url == "/in?team=a%40b"
    assert json.loads(first.body) == {"batch": [event.message for event in events]}
    assert first.headers["webhook-id"] == again.headers["webhook-id"]
    for seen in (first, again):
        moment = seen.headers["webhook-timestamp"]
        assert abs(int(moment) - time.time()) < 60
        signed = f"{seen.headers['webhook-id']}.{moment}.".encode() + seen.body
        digest = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
        assert seen.headers["webhook-signature"] == f"v1,{digest}"


async def test_a_published_signature_is_ours() -> None:
    """The example of the specification's own libraries."""
    from gateway.destinations.webhook.client import _key, signature

    key = _key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert (
        signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


async def test_without_a_secret_nothing_is_signed(receiver: Receiver) -> None:
    async with webhook(receiver, headers={"X-Key": "abc", "user-agent": "mine"}) as opened:
        (request,) = made(opened, [Journal().segment()])
        assert await opened.send(request) == Delivered()
    headers = receiver.seen[0].headers
    assert "webhook-signature" not in headers
    assert (headers["X-Key"], headers["User-Agent"]) == ("abc", "mine")
    assert {"X-Key", "user-agent"} <= request.secrets


def test_a_batch_has_a_bound_in_events_and_in_bytes() -> None:
    settings = WebhookSettings(type="webhook", url="https://h.example/", batch=10)
    opened = WebhookDestination("hook", settings, DIRECT)
    journal = Journal()
    many = [journal.segment() for _ in range(25)]
    assert [len(each.events) for each in opened.render(many).requests] == [10, 10, 5]
    big = [journal.segment(properties={"text": "x" * 300_000}) for _ in range(4)]
    bodies = [request.body for request in made(opened, big)]
    assert [len(json.loads(body)["batch"]) for body in bodies] == [3, 1]
    assert all(len(body) < MAX_BODY_BYTES for body in bodies)


@pytest.mark.parametrize(
    ("behaviour", "verdict"),
    [
        (answers(200, "<html>ok"), Delivered()),
        (answers(202), Delivered()),
        *((answers(status), Rejected(Reason.REFUSED, status, f"http {status}"))
          for status in (400, 406, 409, 410, 411, 413, 415, 422, 451)),
        *((answers(status), RetryLater(f"http {status}"))
          for status in (401, 402, 403, 404, 405, 407, 408, 425, 500, 502, 503)),
        (answers(429, headers={"Retry-After": "30"}), RetryLater("http 429", 30.0)),
        (answers(503, headers={"Retry-After": "7"}), RetryLater("http 503", 7.0)),
        (answers(307, headers={"Location": "/elsewhere"}), RetryLater("redirect 307")),
        (resets, RetryLater("connection")),
        (drips_its_body, RetryLater("timeout")),
    ],
)  # fmt: skip
async def test_verdicts(receiver: Receiver, behaviour: Behaviour, verdict: Verdict) -> None:
    receiver.script.append(behaviour)
    async with webhook(receiver, secret=SECRET) as opened:
        (request,) = made(opened, [Journal().segment()])
        assert await opened.send(request) == verdict
    assert len(receiver.seen) == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"url": "hooks.example.com"}, "write an address"),
        ({"url": "https://h.example/#there"}, "write an address"),
        ({"url": "https://me:word@h.example/"}, "`Authorization` header"),
        ({"headers": {"Content-Length": "3"}}, "the gateway writes `Content-Length` itself"),
        ({"headers": {"webhook-id": "3"}}, "the gateway writes `webhook-id` itself"),
        ({"headers": {"X": "a\r\nY: b"}}, "plain ASCII on one line"),
        ({"headers": {"X Y": "a"}}, "plain ASCII on one line"),
        ({"secret": "short"}, "at least 16 characters"),
        ({"secret": "whsec_not base64 at all!"}, "base64 is expected"),
        ({"batch": 0}, "greater than or equal to 1"),
    ],
)
def test_what_cannot_work_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        WebhookSettings(**{"type": "webhook", "url": "https://h.example/", **wrong})


def test_nothing_secret_shows() -> None:
    settings = WebhookSettings(
        type="webhook", url="https://h.example/", secret=SECRET, headers={"X-Key": "abcdef"}
    )
    assert SECRET not in repr(settings)
    assert "abcdef" not in repr(settings)
