"""Vendors are asked to delete the ids that they have, until they accept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.config.outgoing import DIRECT
from gateway.destinations.contract import Answer, Deletion
from gateway.destinations.mixpanel.deletion import DeletionTasks
from gateway.destinations.mixpanel.settings import MixpanelDeletion, MixpanelSettings
from gateway.destinations.segment.deletion import Regulations
from gateway.destinations.segment.settings import SegmentDeletion
from gateway.privacy import Pseudonymizer
from tests.erasure.people import ANN, BEN, command, files_with, gateway_of, send, texts_of, track
from tests.fakes import vendor
from tests.fakes.deletion import FakeDeletionTasks, FakeRegulations
from tests.fakes.vendor import Behaviour, Vendor, answers, resets

PAGE = "<html>Sign in</html>"


async def test_vendors_delete_the_ids_that_they_have(tmp_path: Path) -> None:
    async with (
        vendor.running(FakeRegulations()) as segment,
        vendor.running(FakeDeletionTasks()) as mixpanel,
    ):
        segment.script.append(answers(429, headers={"Retry-After": "1"}))
        segment.script.append(answers(503, headers={"Retry-After": "1"}))
        mixpanel.script.append(answers(500, headers={"Retry-After": "1"}))
        async with gateway_of(
            tmp_path,
            segment={"deletion": {"token": segment.token, "host": segment.url}},
            mixpanel={"deletion": {"token": mixpanel.token, "host": mixpanel.url}},
            more={"hook": {"type": "webhook", "url": "http://127.0.0.1:9/"}},
        ) as gateway:
            assert await send(gateway, [track(ANN, 1), track(BEN, 1)]) == 200
            code, [receipt] = await command(tmp_path, "--user", ANN)
            assert (code, receipt["state"]) == (0, "waiting for vendors"), receipt
            states = {name: one["state"] for name, one in receipt["destinations"].items()}
            assert states == {"segment": "accepted", "mixpanel": "accepted", "hook": "not asked"}
            pseudonymizer = Pseudonymizer.open(gateway.data / "keys", "hex")
            token = pseudonymizer.pseudonym(ANN)
            [regulation] = segment.regulations.values()
            assert regulation == {
                "regulationType": "DELETE_ONLY",
                "subjectType": "USER_ID",
                "subjectIds": [pseudonymizer.domain("segment").of(token)],
            }
            [task] = mixpanel.tasks.values()
            theirs = pseudonymizer.domain("mixpanel").of(token)
            assert task["distinct_ids"] == [theirs, f"$device:{theirs}"]
            assert files_with(gateway, texts_of(gateway, ANN)) == {}

            await gateway.kill()
            segment.status, mixpanel.status = "FINISHED", "STARTED"
            await gateway.start()
            code, [receipt] = await command(tmp_path)
            states = {name: one["state"] for name, one in receipt["destinations"].items()}
            assert states == {"segment": "done", "mixpanel": "accepted", "hook": "not asked"}
            mixpanel.status = "SUCCESS"
            code, [receipt] = await command(tmp_path)
            assert (code, receipt["state"]) == (0, "done"), receipt
            assert len(segment.regulations) == len(mixpanel.tasks) == 1
            assert list((gateway.data / "erasures").iterdir()) == []
            [written] = (gateway.data / "receipts").glob("*.json")
            assert json.loads(written.read_bytes()) == receipt


@pytest.mark.parametrize(
    ("behaviour", "state", "after"),
    [
        (answers(429, headers={"Retry-After": "7"}), "pending", 7.0),
        (answers(500), "pending", None),
        (answers(200, PAGE, headers={"Content-Type": "text/html"}), "pending", None),
        (answers(302, headers={"Location": "http://127.0.0.1:9/"}), "pending", None),
        (resets, "pending", None),
        (answers(401), "failed", None),
        (answers(403), "failed", None),
        (answers(404), "failed", None),
        (answers(422, '{"errors": [{"message": "ann-4711 is no id"}]}'), "failed", None),
    ],
)
@pytest.mark.parametrize("of", ["segment", "mixpanel"])
async def test_only_the_vendors_own_words_count(
    of: str, behaviour: Behaviour, state: str, after: float | None
) -> None:
    fake: Vendor = FakeRegulations() if of == "segment" else FakeDeletionTasks()
    async with vendor.running(fake):
        fake.script += [behaviour, behaviour]
        api = deletion(of, fake.url)
        asked = await api.ask(["ann-4711"], suppress=False)
        looked = await api.status("1")
        assert (asked.state, asked.after) == (looked.state, looked.after) == (state, after)
        assert "ann-4711" not in asked.cause


@pytest.mark.parametrize("of", ["segment", "mixpanel"])
async def test_a_deletion_is_followed_to_its_end(of: str) -> None:
    fake = FakeRegulations() if of == "segment" else FakeDeletionTasks()
    ends = {
        "segment": {"INITIALIZED": "accepted", "FINISHED": "done", "PARTIAL_SUCCESS": "failed"},
        "mixpanel": {"STAGING": "accepted", "SUCCESS": "done", "REVOKED": "failed"},
    }
    async with vendor.running(fake):
        api = deletion(of, fake.url)
        accepted = await api.ask(["a", "b"], suppress=True)
        assert accepted == Answer("accepted", accepted.job)
        for said, state in ends[of].items():
            fake.status = said
            assert (await api.status(accepted.job)).state == state
        if isinstance(fake, FakeRegulations):
            [regulation] = fake.regulations.values()
            assert regulation["regulationType"] == "SUPPRESS_WITH_DELETE_INTERNAL"
            assert fake.seen[0].url == "/regulations/sources/source-1"


def deletion(of: str, url: str) -> Deletion:
    if of == "segment":
        settings = SegmentDeletion(
            token="public-api-token", host=url, source_id="source-1", forward=False
        )
        return Regulations("segment", settings, DIRECT)
    project = MixpanelSettings(type="mixpanel", token="project-token")
    return DeletionTasks(
        "mixpanel", project, MixpanelDeletion(token="gdpr-token", host=url), DIRECT
    )
