"""Segment → Mixpanel → Segment is the identity for everything that has a counterpart.

What has none is kept out of the generated messages, and listed in docs/mapping.md: a user agent,
`properties` named like a Mixpanel property, ids that Mixpanel refuses, pages and screens whose
event name is made by a template, null ids, empty texts of the context, times out of bounds.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.event import CleanMessage, CleanText, Header, Reason
from gateway.translation import to_mixpanel, to_segment
from gateway.translation.identifiers import BLOCKED
from gateway.translation.project import Project
from gateway.translation.table import EVENT, PAGE_VIEW

Message = dict[str, Any]
RECEIVED_AT = 1_795_420_264.5

moments = st.datetimes(
    min_value=datetime(1974, 1, 1),  # noqa: DTZ001 (the text says it is UTC)
    max_value=datetime(2026, 11, 23),  # noqa: DTZ001 (the text says it is UTC)
).map(lambda moment: moment.isoformat(timespec="milliseconds") + "Z")
message_ids = st.from_regex(r"[A-Za-z0-9-]{3,36}", fullmatch=True).filter(
    lambda text: text.lower() not in BLOCKED and text != "m-1"
)
ids = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(
    lambda text: text.lower() not in BLOCKED and not text.startswith("$device:")
)
texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
keys = st.from_regex(r"p_[a-z]{1,8}", fullmatch=True)
scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3)
)
properties = st.dictionaries(keys, values, max_size=5)

BOOLEANS = {"bluetooth", "cellular", "wifi", "mobile", "wow64", "adTrackingEnabled"}
NUMBERS = {"width", "height", "density"}
ONE_WAY = {("context", "location", "region"), ("context", "location", "city")}
projects = st.builds(
    Project,
    identity=st.sampled_from(["simplified", "original"]),
    page_event=st.just(PAGE_VIEW),
    group_key=st.sampled_from(["$group_id", "company"]),
)


@st.composite
def contexts(draw: st.DrawFn) -> Message:
    """Any choice of the context fields that the table knows."""
    context: Message = {}
    for row in EVENT.rows:
        if row.segment[0] != "context" or row.segment in ONE_WAY or not draw(st.booleans()):
            continue
        *parents, last = row.segment[1:]
        place = context
        for key in parents:
            place = place.setdefault(key, {})
        place[last] = draw(
            st.booleans()
            if last in BOOLEANS
            else st.integers(0, 10**6)
            if last in NUMBERS
            else texts
        )
    if draw(st.booleans()):
        context.setdefault("campaign", {})["id"] = draw(texts)
    device = context.get("device", {})
    if "advertisingId" in device:
        device.pop("idfa", None)  # both are one property of Mixpanel's
    if context.get("ip") in ("0", "0.0.0.0"):
        del context["ip"]
    if draw(st.booleans()):
        context["groupId"] = draw(ids)
    return context


@st.composite
def people(draw: st.DrawFn) -> Message:
    who = {"userId": draw(ids), "anonymousId": draw(ids)}
    if who["userId"] == who["anonymousId"]:
        del who["anonymousId"]
    elif draw(st.booleans()):
        del who[draw(st.sampled_from(["userId", "anonymousId"]))]
    return who


@st.composite
def messages(draw: st.DrawFn, kind: str) -> Message:
    return {
        "type": kind,
        "messageId": draw(message_ids),
        "timestamp": draw(moments),
        **draw(people()),
    }


@st.composite
def events(draw: st.DrawFn) -> Message:
    message = draw(messages("track"))
    name = draw(texts.filter(lambda text: text[:1] != "$" and text != "Order Completed"))
    return {**message, "event": name, "properties": draw(properties), "context": draw(contexts())}


@st.composite
def pages(draw: st.DrawFn) -> Message:
    """Pages as analytics.js sends them: the properties repeat the page of the context."""
    context = draw(contexts())
    page = {key: draw(texts) for key in ("url", "referrer", "path", "search", "title")}
    context["page"] = {key: page[key] for key in ("url", "referrer")}
    message = {**draw(messages("page")), "name": draw(texts), "context": context}
    return {**message, "properties": {**page, **draw(properties)}}


def header(kind: str, protocol: Any) -> Header:
    return Header(
        CleanText("m-1"),
        "web",
        protocol,
        kind,
        None,
        "s",
        "optional",
        RECEIVED_AT,
        CleanText("u1"),
        (),
        (),
        {},
    )


def there_and_back(message: Message, project: Project) -> list[Message]:
    operations = to_mixpanel.translate(
        CleanMessage(message), header(message["type"], "segment"), project
    )
    assert not isinstance(operations, Reason), operations
    kinds = {"event": "event", "identity": "event", "people": "people", "groups": "groups"}
    found = []
    for operation in operations:
        if operation.part == "$union":
            continue  # the link of a user and a group
        back = to_segment.translate(
            CleanMessage(operation.record),
            header(kinds[operation.kind], "mixpanel"),
            project.group_key,
        )
        assert not isinstance(back, Reason), back
        found.append(back)
    return found


def without_empty_objects(message: Message) -> Message:
    return {key: value for key, value in message.items() if value != {}}


@given(events() | pages(), projects)
def test_events(message: Message, project: Project) -> None:
    (back,) = there_and_back(message, project)
    assert without_empty_objects(back) == without_empty_objects(message)


@given(messages("identify"), projects, st.data())
def test_an_identify_is_the_union_of_what_comes_back(
    message: Message, project: Project, data: st.DataObject
) -> None:
    names = ("email", "firstName", "username", "phone", "createdAt", "avatar", "name")
    traits = data.draw(properties)
    traits |= data.draw(st.dictionaries(st.sampled_from(names), texts))
    message["traits"] = traits
    if not traits and not ("userId" in message and "anonymousId" in message):
        return
    backs = there_and_back(message, project)
    for back in backs:
        assert back["type"] == "identify"
        assert {back.get(key, message.get(key)) for key in ("userId", "anonymousId")} == (
            {message.get(key) for key in ("userId", "anonymousId")}
        )
    union: Message = {}
    for back in backs:
        union |= {"userId": back.get("userId"), "anonymousId": back.get("anonymousId")}
        union.setdefault("traits", {}).update(back["traits"])
    assert union["traits"] == traits
    assert union["userId"] == message.get("userId")
    assert union["anonymousId"] == message.get("anonymousId")
    joined = [back for back in backs if back["messageId"] != "m-1"]
    assert len(joined) == ("userId" in message and "anonymousId" in message)
    if project.identity == "original":
        assert all(back["messageId"] == message["messageId"] for back in joined)
    profiles = [back for back in backs if back["traits"]]
    assert all(back["timestamp"] == message["timestamp"] for back in profiles)


@given(messages("alias"), ids)
def test_aliases(message: Message, previous: str) -> None:
    project = Project(identity="original")
    message["previousId"] = previous
    message["userId"] = message.pop("anonymousId", None) or message["userId"]
    if previous == message["userId"]:
        return
    (back,) = there_and_back(message, project)
    assert {**back, "timestamp": message["timestamp"]} == message


@given(messages("group"), ids, properties, projects)
def test_groups(message: Message, group: str, traits: Message, project: Project) -> None:
    message |= {"groupId": group, "traits": {**traits, "name": "Acme"}}
    (back,) = there_and_back(message, project)
    assert (back["type"], back["groupId"], back["traits"]) == ("group", group, message["traits"])
