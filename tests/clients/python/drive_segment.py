"""Drives segment-analytics-python: the one of this interpreter, or another on PYTHONPATH.

`package` names a fork: rudderstack.
"""

from __future__ import annotations

import importlib
import json
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

NAMES = {
    "userId": "user_id",
    "anonymousId": "anonymous_id",
    "groupId": "group_id",
    "previousId": "previous_id",
    "messageId": "message_id",
}
A_FLUSH = 10

Event = dict[str, Any]


def streamed() -> Iterator[Event]:
    """Numbered track events until standard input closes."""
    input_open = threading.Thread(target=sys.stdin.read, daemon=True)
    input_open.start()
    number = 0
    while input_open.is_alive():
        label = f"python-{number}"
        properties = {"n": number}
        yield {
            "label": label,
            "type": "track",
            "event": "Streamed",
            "userId": "user-7",
            "properties": properties,
        }
        number += 1
        time.sleep(0.01)


def main() -> None:
    request = json.loads(sys.argv[1])
    failures: dict[str, str] = {}

    def on_error(error: Exception, batch: list[Event]) -> None:
        failures.update((message["messageId"], repr(error)) for message in batch)

    package = importlib.import_module(f"{request.get('package', 'segment')}.analytics.client")
    client = package.Client(
        request["writeKey"],
        host=request["host"],
        on_error=on_error,
        upload_size=5,
        upload_interval=0.05,
        gzip=request.get("gzip", False),
    )
    waiting: dict[str, str] = {}

    def flush() -> None:
        client.flush()
        for label, message_id in waiting.items():
            why = failures.get(message_id)
            fate = {"acked": label} if why is None else {"failed": label, "why": why}
            sys.stdout.write(json.dumps({**fate, "messageId": message_id}) + "\n")
        sys.stdout.flush()
        waiting.clear()

    script = json.loads(Path(request["script"]).read_text()) if "script" in request else streamed()
    for event in script:
        label, kind = event.pop("label"), event.pop("type")
        if "timestamp" in event:
            event["timestamp"] = datetime.fromisoformat(event["timestamp"])
        arguments = {NAMES.get(key, key): value for key, value in event.items()}
        is_queued, message = getattr(client, kind)(**arguments)
        assert is_queued, label
        waiting[label] = message["messageId"]
        if len(waiting) == A_FLUSH:
            flush()
    flush()


if __name__ == "__main__":
    main()
