"""What an event may hold is written in one JSON Schema file per event, and checked at load.

`load_catalogue` reads the folder, `Catalogue.match` finds the plan of an event, and `examine` holds
the event against it.
"""

from __future__ import annotations

from gateway.contract.catalogue import Catalogue
from gateway.contract.load import load_catalogue
from gateway.contract.plan import EventPlan, describes
from gateway.contract.validate import UNPLANNED_BREACH, Examination, NotExaminableError, examine
from gateway.contract.violations import Breach

__all__ = [
    "UNPLANNED_BREACH",
    "Breach",
    "Catalogue",
    "EventPlan",
    "Examination",
    "NotExaminableError",
    "describes",
    "examine",
    "load_catalogue",
]
