"""Where an id means the person, and where it only looks like the word or the number that it is.

- An id of 16 characters, of letters and digits mixed (4 of them), of other characters and letters
  or digits (6), or of 6 digits is nothing else: it is hidden wherever it stands as a word.
- So is the id of a person that is a word of 5 letters or more and none of `ORDINARY`.
- Any other, such as `admin`, `pro` or `42`, is hidden where a neighbour tells that a person is
  meant: `/users/42/edit`, `?user_id=42`, `{"ownerId": 42}`.
"""

from __future__ import annotations

import re

from gateway.privacy.scrub.search import LONG

_FEWEST_ODD = 6
_FEWEST_MIXED = 4
_FEWEST_LETTERS = 5

_WORDS_OF_APPS = """
    about account accounts active admin administrator administrators agent android annual anyone
    archive audit author basic billing blank board business button cancel cancelled cards center
    chart checkout class click client closed color completed config console contact content context
    country course create created custom customer customers dashboard default delete demo desktop
    detail details developer develop direct disabled draft edit editor email empty enabled english
    enterprise error event events everyone export failed false feature field files final finance
    first footer force form forms french general german google green group groups guest header
    height hello hidden home image images import inbox index internal invite invited items journey
    label large last left legal level light limit links linux list local locale login logout machine
    magic mail main manager manual market master media medium member members menu message messages
    mobile model modal monthly move name network never newsletter none normal notes number object
    office online open order orders other owner page pages paid panel partner password payment
    pending people person personal phone photo plain plans point popular premium press preview price
    primary private product products profile project public purchase query quote random ready
    reader regular release remote reply report reports request reset result review right role root
    sales sample screen search secondary section secret security select sell send server service
    session settings share shared shipping shop short show signin signup simple single site small
    social source spanish staff staging standard start started state static status stop store
    student subscribe success summary super support system table target team teams template test
    tester text theme thing this ticket title today token total track trial trigger true type
    unknown update updated upgrade upload user username users value version video view viewer
    visitor visitors volume website weekly welcome white width window windows world write yearly
    yellow
"""
ORDINARY = frozenset(_WORDS_OF_APPS.split())
_NAMES_OF_PERSONS = """
    user users person persons people profile profiles account accounts member members customer
    customers client clients contact contacts visitor visitors employee employees student students
    patient patients player players subscriber subscribers author authors owner owners creator
    creators assignee assignees reviewer reviewers participant participants recipient recipients
    sender login logins username usernames viewer viewers nutzer usuario usuarios utilisateur
"""
_PERSONS = frozenset(_NAMES_OF_PERSONS.split())
_COMPACT = frozenset(
    [
        "uid",
        "uids",
        "userid",
        "userids",
        "accountid",
        "memberid",
        "customerid",
        "clientid",
        "loginid",
    ]
)
_IDS = frozenset(["id", "ids", "uid", "uuid", "key", "ref", "no", "name"])
_WORDS = re.compile("[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_BEFORE = re.compile(r"([A-Za-z][A-Za-z0-9_-]{0,31})[^0-9A-Za-z]{1,6}$")


def is_unmistakable(value: str, *, of_person: bool) -> bool:
    """Whether the id means the same wherever it stands as a word of its own."""
    size = len(value)
    if size >= LONG:
        return True
    if value.isalpha():
        if not value.isascii():
            size = len(value.encode())  # fewer letters of a larger script say as much
        return of_person and size >= _FEWEST_LETTERS and value.casefold() not in ORDINARY
    if size >= _FEWEST_ODD:
        return True
    return of_person and size >= _FEWEST_MIXED and not value.isdecimal() and value.isalnum()


def names_person(key: str, *, by_id: bool = False) -> bool:
    """Whether a key or a part of a path says that a person follows. `by_id`: by their id."""
    words = [word.lower() for word in _WORDS.findall(key)]
    if not words:
        return False
    if words[-1] in _COMPACT:
        return True
    if words[-1] in _IDS:
        return not _PERSONS.isdisjoint(words)
    return words[-1] in _PERSONS and not by_id


def person_before(text: str, at: int) -> bool:
    """Whether what stands just before a place in a text says that a person follows."""
    found = _BEFORE.search(text[max(0, at - 40) : at])
    return found is not None and names_person(found[1])
