"""What reading the Segment protocol costs, beside what parsing its JSON costs anyway.

Prints microseconds per event: `python -m benchmarks.ingest`.
"""

from __future__ import annotations

import timeit
from typing import Any

import orjson

from gateway.config.model import Limits, Source
from gateway.ingest import Sources
from gateway.ingest.client_info import Sender
from gateway.ingest.segment import parse as segment

KEY = "demo-write-key"
NOW = 1_795_420_264.317
SOURCES = Sources([Source(name="demo", write_keys=(KEY,))], accept_unknown=False)
LIMITS = Limits()
SENDER = Sender(address="192.0.2.1", origin="https://shop.example", is_page=True)


def event(number: int) -> dict[str, Any]:
    """A track event as analytics.js sends it, 1 KB."""
    return {
        "timestamp": "2026-11-23T07:51:04.317Z",
        "integrations": {"Segment.io": True},
        "event": "Order Completed",
        "type": "track",
        "properties": {
            "orderId": f"order-{number}",
            "revenue": 99.95,
            "currency": "EUR",
            "products": [{"sku": "SKU-1", "price": 19.99, "quantity": 2, "category": None}],
        },
        "context": {
            "page": {
                "path": "/checkout",
                "referrer": "",
                "search": "?utm_source=s",
                "title": "Checkout",
                "url": "https://shop.example/checkout?utm_source=s",
            },
            "userAgent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0 Safari",
            "userAgentData": {"brands": [{"brand": "Chromium", "version": "156"}], "mobile": False},
            "locale": "en-US",
            "library": {"name": "analytics.js", "version": "next-1.84.3"},
            "campaign": {"source": "s"},
            "timezone": "UTC",
        },
        "messageId": f"ajs-next-1795420264317-5e0859ac-0545-4a2a-beb8-{number:012}",
        "anonymousId": "390627dc-0545-4a2a-beb8-5dac29c3f2df",
        "userId": "u1",
        "_metadata": {"bundled": ["Segment.io"], "unbundled": [], "bundledIds": []},
    }


def microseconds(body: bytes, of: str | None, events: int) -> tuple[float, float]:
    """Per event: parsing alone, and reading the request."""
    facts = segment.RequestContext(of, SENDER, NOW)
    parse = timeit.Timer(lambda: orjson.loads(body))
    read = timeit.Timer(lambda: segment.read(body, facts, SOURCES, LIMITS))
    return tuple(
        min(timer.repeat(7, 20_000 // events)) / (20_000 // events) / events * 1e6
        for timer in (parse, read)
    )  # type: ignore[return-value]  # two timers, two figures


def main() -> None:
    sent = {"sentAt": "2026-11-23T07:51:04.369Z", "writeKey": KEY}
    single = orjson.dumps(event(1) | sent)
    batch = orjson.dumps({"batch": [event(number) for number in range(100)]} | sent)
    java = orjson.dumps(
        {
            "batch": [
                {key: value for key, value in event(number).items() if key != "context"}
                for number in range(100)
            ],
            "context": {"library": {"name": "analytics-java", "version": "3.5.5"}},
        }
        | sent
    )
    for name, body, of, events in (
        ("single", single, "track", 1),
        ("batch of 100", batch, None, 100),
        ("batch of 100 that shares a context", java, None, 100),
    ):
        parse, read = microseconds(body, of, events)
        print(
            f"{name:36} {len(body) // events:5} bytes  orjson {parse:5.2f} µs"
            f"  read {read:5.2f} µs  beyond orjson {read - parse:5.2f} µs"
        )


if __name__ == "__main__":
    main()
