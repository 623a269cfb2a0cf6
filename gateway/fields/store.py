"""The table in `fields.json` of the data folder, which is replaced as a whole or not at all."""

from __future__ import annotations

from pathlib import Path as FilePath

import orjson

from gateway import durable
from gateway.errors import ConfigurationError, Mistake
from gateway.fields.table import FieldTable
from gateway.pipeline.fields import FieldRules

FILE = "fields.json"


def read(data_dir: FilePath, now: float) -> FieldTable:
    """The table; where there is none, one that begins now. Raises ConfigurationError, OSError."""
    file = data_dir / FILE
    try:
        return FieldTable.from_json(orjson.loads(file.read_bytes()))
    except FileNotFoundError:
        return FieldTable(now)
    except (KeyError, TypeError, ValueError, AttributeError):
        what = (
            "it cannot be read; restore it from a backup, or move it away: which fields were"
            " accepted or dropped is then forgotten, and learning begins again"
        )
        raise ConfigurationError([Mistake(str(file), 1, what)]) from None


def write(data_dir: FilePath, table: FieldTable) -> None:
    """Durable on return. Raises OSError, and then the old file is as it was."""
    content = orjson.dumps(table.as_json(), option=orjson.OPT_INDENT_2)
    durable.put(data_dir / FILE, content, 0o640)


def knowing(table: FieldTable, before: FieldRules) -> FieldRules:
    """The rules with what the table says."""
    known, dropped = table.of_state("known", "accepted"), table.of_state("dropped")
    if (table.since, known, dropped) == (before.since, before.known, before.dropped):
        return before
    return FieldRules(before.mode, before.learn_for, table.since, known, dropped)
