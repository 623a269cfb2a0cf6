"""While optional events are off, analytics.js gets a middleware that lets only others through.

The settings name a source middleware, and the SDK loads it from the CDN it has the settings from,
before it sends anything. Without `integrations` it would send to Segment itself, and a 404 would
break `load()` for the page; an event that a middleware does not pass on just ends, quietly.
Whatever a page sends all the same, because it was open before or forbids the script, is refused
when it comes. Pure.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

import orjson

from gateway.contract import Catalogue, EventPlan
from gateway.pipeline.telemetry_switch import Switches

NAME = "telemetry-off"
NAMES = (NAME, base64.b64encode(NAME.encode()).decode().rstrip("="))
"""As the SDK asks for it, and as it does with its option `obfuscate`."""

NOTHING = "/* telemetry is on */"
_SCRIPT = """\
window["%sMiddleware"] = function (chain) {
  var message = chain.payload.obj;
  var name = message.event || message.name || "";
  var flows = %s.some(function (kept) {
    return kept[0] === message.type && (kept[1] === null || new RegExp(kept[1]).test(name));
  });
  if (flows) chain.next(chain.payload);
};
"""


def script(catalogue: Catalogue, switches: Switches) -> str | None:
    """The middleware; None while optional events are on."""
    if switches.enabled["optional"]:
        return None
    kept = [
        entry
        for plan in catalogue.plans.values()
        if plan.match.protocol == "segment"
        and plan.telemetry_class != "optional"
        and switches.enabled[plan.telemetry_class]
        for entry in _kept(plan)
    ]
    return _SCRIPT % (NAME, orjson.dumps(kept).decode())


def _kept(plan: EventPlan) -> Iterator[tuple[str, str | None]]:
    """Message type and names, as JavaScript reads them; None for any. Never too few."""
    match = plan.match
    names = [*map(re.escape, match.names), *map(_glob, match.globs)]
    is_known = bool(names) and match.pattern is None
    pattern = f"^(?:{'|'.join(names)})$".replace("\\ ", " ") if is_known else None
    yield from ((kind, pattern) for kind in match.types)


def _glob(glob: str) -> str:
    return re.escape(glob).replace(r"\*", r"[\s\S]*").replace(r"\?", r"[\s\S]")
