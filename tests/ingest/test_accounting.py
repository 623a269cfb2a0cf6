"""What could not be read is counted, in the audit and on the status page, by the real program."""

from __future__ import annotations

import json
from pathlib import Path

import aiohttp

from gateway.pipeline import audit_line
from tests.test_server import balance, metrics
from tests.wire.running import WRITE_KEY, running, until

SECRET = "anna.planted@example.com"


async def test_what_is_lost_or_unread_is_told_and_nothing_of_it(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway, aiohttp.ClientSession() as session:
        odd = {"type": "track", "event": "E", "messageId": "m-1", "userId": {"mail": SECRET}}
        odd |= {"timestamp": [SECRET], "properties": []}
        whole = json.dumps(odd)
        body = f'{{"batch":[,{whole},{{"type":"track","event":"{SECRET},{whole[:-9]}],'
        body += f'"writeKey":"{WRITE_KEY}"}}'
        async with session.post(f"{gateway.url}/v1/batch", data=body) as answer:
            assert await answer.json() == {"success": True}
        for path in (f"/{SECRET}", "/proxy/v1/batch", "/v1/nope"):
            async with session.post(gateway.url + path, data=b"{}") as answer:
                assert answer.status in (400, 404)
        [stored] = (await gateway.wait_for(["m-1"]))["m-1"]
        assert "userId" not in stored
        assert stored["properties"] == {}
        assert stored["timestamp"] == stored["receivedAt"]

        found = await metrics(session, gateway)
        received, accepted, rejected = balance(found)
        assert (accepted, received) == (1, accepted + rejected)
        assert found['gateway_events_rejected_total{reason="malformed"}'] == rejected
        for action, rule in (("drop", "wire:id"), ("replace", "wire:time")):
            assert found[f'gateway_fields_changed_total{{action="{action}",rule="{rule}"}}'] == 1
        for path in ("other", "*/batch", "/v1/{rest}"):
            labels = f'code="no_such_path",method="POST",path="{path}"'
            assert found[f"gateway_paths_refused_total{{{labels}}}"] == 1
        async with session.get(gateway.admin_url) as answer:
            assert "*/batch" in await answer.text()

        def audited() -> list[dict[str, object]]:
            files = sorted((gateway.data / "audit").glob("*.jsonl"))
            return [
                audit_line.expanded(json.loads(line))
                for file in files
                for line in file.read_text().splitlines()
            ]

        await until(lambda: len(audited()) > rejected, 10, lambda: f"{audited()}")
        reasons = [line.get("reason") for line in audited()]
        assert reasons.count("malformed") == rejected
        [event] = [line for line in audited() if line["messageId"] == "m-1"]
        assert [
            change["pointer"]
            for change in event["changes"]  # type: ignore[attr-defined]
            if change["rule"].startswith("wire:")
        ] == ["/userId", "/timestamp"]
        assert gateway.files_with(SECRET) == []
