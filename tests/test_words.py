"""Plain words: what a newcomer would have to translate does not come back.

Each of these stood in texts of the gateway once; beside it is what to write instead.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
INSTEAD = {
    "anew": "again, restart",
    "mend": "fix, correct",
    "mended": "fixed, corrected",
    "told": "reported, known",
    "hears": "gets",
    "heeds": "honours",
    "gladly": "without an error",
    "undertaker": "dead letters",
    "for ever": "forever, without an end",
    "hangs up": "closes the connection",
}
_WORDS = re.compile(rf"\b({'|'.join(INSTEAD)})\b", re.IGNORECASE)
READ_BY_PEOPLE = ("*.md", "docs/**/*.md", "gateway/**/*.py", "config/**/*.yaml", "Makefile")


def test_texts_use_plain_words() -> None:
    files = {file for glob in READ_BY_PEOPLE for file in ROOT.glob(glob)}
    found = [
        f"{file.relative_to(ROOT)}:{number}: {word[0]} (write: {INSTEAD[word[0].lower()]})"
        for file in sorted(files)
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1)
        for word in _WORDS.finditer(line)
    ]
    assert found == []
