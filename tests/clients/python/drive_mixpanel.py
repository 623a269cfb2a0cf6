"""Drives PyPI `mixpanel`, the one of this interpreter, with either of its consumers."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mixpanel import BufferedConsumer, Consumer, Mixpanel, ServiceAccountCredentials

METHODS = {
    "$set": "set",
    "$set_once": "set_once",
    "$add": "increment",
    "$append": "append",
    "$union": "union",
    "$remove": "remove",
    "$unset": "unset",
    "$delete": "delete",
}

Step = dict[str, Any]


def calls(mixpanel: Mixpanel, step: Step) -> list[Callable[[], None]]:
    """What the SDK is asked to do. Its own `alias` goes to Mixpanel whatever the consumer says."""
    who, value = step.get("who"), step.get("value")
    given = () if step.get("operation") == "$delete" else (value,)
    match step["do"]:
        case "track":
            return [lambda: mixpanel.track(who, step["event"], step["properties"])]
        case "import":
            about = (step["event"], step["time"], step["properties"])
            return [lambda: mixpanel.import_data(None, who, *about)]
        case "track bulk" | "import bulk":
            do = step["do"].removesuffix(" bulk")
            return [call for one in step["events"] for call in calls(mixpanel, {"do": do, **one})]
        case "alias":
            return [lambda: mixpanel.track(step["former"], "$create_alias", {"alias": who})]
        case "people":
            change = getattr(mixpanel, f"people_{METHODS[step['operation']]}")
            return [lambda: change(who, *given)]
        case "charge":
            return [lambda: mixpanel.people_track_charge(who, value)]
        case "groups":
            change = getattr(mixpanel, f"group_{METHODS[step['operation']]}")
            return [lambda: change(*step["group"], *given)]
    raise ValueError(step["do"])


def main() -> None:
    request = json.loads(sys.argv[1])
    host = request["host"]
    make = BufferedConsumer if request["sdk"] == "buffered" else Consumer
    consumer = make(
        events_url=f"{host}/track",
        people_url=f"{host}/engage",
        groups_url=f"{host}/groups",
        import_url=f"{host}/import",
        verify_cert=False,
        credentials=ServiceAccountCredentials("somebody.0123", "their-secret", "4711"),
    )
    mixpanel = Mixpanel(request["writeKey"], consumer=consumer)
    script = json.loads(Path(request["script"]).read_text())
    for step in script:
        for call in calls(mixpanel, step):
            call()
    if request["sdk"] == "buffered":
        consumer.flush()
    for step in script:
        sys.stdout.write(json.dumps({"acked": step["label"], "messageId": step["label"]}) + "\n")


if __name__ == "__main__":
    main()
