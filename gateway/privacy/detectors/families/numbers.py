"""Numbers that name a person or an account: cards, IBANs, social security and phone numbers.

Checksums decide where there are any (Luhn, mod 97). A phone number must be written like one, or
stand beside a word that says so: timestamps, ids, prices and dates are numbers too.
"""

from __future__ import annotations

import re
import string
from itertools import accumulate, chain

from gateway.privacy.detectors.context import CARD, CODE, PHONE
from gateway.privacy.detectors.declaration import Certainty, Detector, Span
from gateway.privacy.detectors.triggers import SEVEN_DIGITS, characters
from gateway.privacy.detectors.words_before import Telling, words_before

_RUN = re.compile("[0-9](?:[ .+/()-]{0,2}[0-9])+")
_ENOUGH_DIGITS = re.compile("[0-9](?:[ .+/()-]{0,3}[0-9]){6}")
_GROUP = re.compile("[0-9]+")
_UUID_OR_HASH = re.compile("[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}|[0-9A-Fa-f]{32,}")
_SHORTEST = 7

_ISSUERS = (
    ("4", (16, 19)),  # Visa; with 13 digits only where the key says that it is a card
    ("5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720", (16,)),  # Mastercard
    ("3[47]", (15,)),  # American Express
    ("30[0-5]|3095|3[689]", (14,)),  # Diners
    (
        "6011|64[4-9]|65|622|628|81|82|62|35(?:2[89]|[3-8])",
        (16, 17, 18, 19),
    ),  # Discover, UnionPay, JCB
    ("220[0-4]", (16, 17, 18, 19)),  # Mir
    ("5018|50[23]0|5038|5893|630[34]|6759|676[1-3]|0604", (16, 18, 19)),  # Maestro
    ("60|508|9792|50[0-9]{2}|63[0-9]{2}", (16,)),  # RuPay, Troy, Verve, Elo, Hipercard
)
"""Each issuer's prefixes, and the lengths that its cards have."""
_is_issued = re.compile(
    "|".join(
        f"(?=(?:{'|'.join(f'[0-9]{{{length}}}' for length in lengths)})\\Z)(?:{prefix})"
        for prefix, lengths in _ISSUERS
    )
).match
_CARD_PREFIX = re.compile("|".join(prefix for prefix, _ in _ISSUERS))
_CARD_LENGTHS = range(13, 20)
_DOUBLED = str.maketrans("0123456789", "0246813579")
_ALNUM = string.ascii_letters + string.digits
_AROUND = 24
_MOST_GROUPS = 6
_WHOLE_PART = re.compile(r"(?<![0-9])[0-9]{1,6}\.\Z")
_DIGIT = re.compile("[0-9]")

_SSN = re.compile(r"(?<![0-9+-])[0-9]{3}([- ])[0-9]{2}\1[0-9]{4}(?![0-9-])")

_IBAN_COUNTRIES = {
    15: "NO",
    16: "BE",
    18: "DK FI FK FO GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU MN XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "BI DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
    29: "BR EG PS QA UA",
    30: "JO KW MU YE",
    31: "MT SC",
    32: "LC",
    33: "RU",
}
_IBAN_LENGTHS = {
    code: length for length, codes in _IBAN_COUNTRIES.items() for code in codes.split()
}
_IBAN = re.compile("[0-9][0-9](?<=[A-Za-z][A-Za-z][0-9][0-9])(?=[ .+-]?[A-Za-z0-9])")
_NO_SEPARATORS = str.maketrans("", "", " .+-")
_IBAN_DIGITS = str.maketrans({letter: str(int(letter, 36)) for letter in string.ascii_uppercase})
_IBAN_REACH = 80

_SEP = r"[ .\-()/]"
_INTERNATIONAL = re.compile(rf"\+[ ]?\(?[1-9](?:{_SEP}{{0,3}}[0-9]){{6,14}}(?![0-9])")
_NATIONAL = re.compile(
    r"""
    (?:
      (?<![\w.\-/])00[1-9](?:[ \-/]?[0-9]){8,13}(?![0-9])           # 0049 30 1234567
    | (?<![0-9])(?<![0-9][+.])(?<![0-9A-Za-z]-)                      # (415) 555-2671
      (?:1[ .\-])?(?:\([0-9]{3}\)[ ]?|[0-9]{3}[ \-])[0-9]{3}[ .\-][0-9]{4}
      (?![0-9]|[.\-][0-9])
    | (?<![0-9])(?<![0-9][+.\-])                                    # 415.555.2671
      (?:1\.)?[2-9][0-9]{2}\.[2-9][0-9]{2}\.[0-9]{4}
      (?![0-9]|\.[0-9])
    | (?<![0-9A-Za-z])(?<![0-9][.+/:])(?<![0-9A-Za-z]-)(?<![0-9]{4}[ ])  # 030 1234567, and no date
      (?!\(?[0-9]{2}([./\- ])[0-9]{2}\1
        (?:(?:19|20)[0-9]{2}|[0-9]{2}(?:[ ,T]+[0-9]{2}[.:-]?[0-9]{2}|\Z)))
      (?![0-9]{2}[ ](?:19|20)[0-9]{2}(?:[ ][0-9]{2}[:h.]|[ ]?\Z))
      \(?0[1-9][0-9]{0,4}[ \-/.)]{1,2}[0-9](?:[ \-/.]?[0-9]){5,9}
      (?![0-9A-Za-z]|[.\-:][0-9A-Za-z])
    | (?<![0-9A-Za-z])(?<![0-9][.+/\-])8[ ]?  # 8 (495) 123-45-67
      \([0-9]{3,5}\)[ ]?[0-9]{1,3}(?:[ \-]?[0-9]{2}){2}(?![0-9])
    | (?<![0-9A-Za-z])(?<![0-9][.+/\-])8[ \-][0-9]{3}[ \-][0-9]{3}-[0-9]{2}-[0-9]{2}(?![0-9\-])
    | \([1-9][0-9]\)[ ]?9?[ ]?[0-9]{4}-[0-9]{4}(?![0-9\-])            # (11) 91234-5678
    | (?<![0-9A-Za-z])(?<![0-9][.+/\-])1[3-9][0-9]  # 138 0013 8000
      ([ \-])[0-9]{4}\2[0-9]{4}(?![0-9\-])
    | (?<![\w.+\-/])0[1-9][0-9]{8,9}(?![\w.\-])                     # 01711234567
    )
    """,
    re.VERBOSE,
)
_START_OF_PHONE = re.compile(
    r"(?<![0-9])(?=0[0-9]|1[ .\-]\(?[0-9]{3}|[0-9]{3}[ .)\-]"
    r"|(?:(?<=\+)|(?<=\+.)|(?<=\+..))[0-9])[0-9]",
    re.DOTALL,
)
"""What every number above has, from its first digit on."""
_TELLING = Telling(
    "phone phones telephone mobile whatsapp tel cell call fax sms dial homephone workphone "
    "userphone "
    "my_number_is teléfono telefono móvil movil celular telefone telemóvel téléphone portable "
    "telefon "
    "telefonnummer handy handynummer mobil mobilnummer rufnummer cellulare telefoon mobiel komórka "
    "komórkowy cep gsm телефон тел тел. мобильный फ़ोन फोन मोबाइल llama llámame ligue appelez "
    "ruf_an "
    "手机 手机号 手机号码 电话 电话号码 電話 電話番号 携帯 手機 전화 전화번호 휴대폰"
)
_ANY_PHONE = re.compile(rf"(?<![0-9])\+?\(?[0-9](?:{_SEP}{{0,3}}[0-9]){{6,14}}(?![0-9])")


def numbers(text: str, context: int) -> list[Span]:
    """Cards, social security numbers and phones, in this order of trust."""
    if not _ENOUGH_DIGITS.search(text):
        return []
    runs = [match.span() for match in _RUN.finditer(text) if len(match[0]) >= _SHORTEST]
    if len(text) >= 32:
        text = _UUID_OR_HASH.sub(lambda match: "x" * len(match[0]), text)
    found: list[Span] = []
    for start, end in runs:
        groups = [match.span() for match in _GROUP.finditer(text, start, end)]
        if end - start >= _CARD_LENGTHS.start and not (context & CODE and text.isdecimal()):
            found += _cards(text, groups, context)
        if not context & PHONE and groups:
            found += _phones(text, groups[0][0], end)
    found += [(*match.span(), "us_ssn") for match in _SSN.finditer(text)]
    if not context & PHONE:
        return found
    if text.count(":") >= 2:  # a time of day, whatever the key says
        return found
    return found + [(*match.span(), "phone") for match in _ANY_PHONE.finditer(text)]


def _cards(text: str, groups: list[tuple[int, int]], context: int) -> list[Span]:
    found: list[Span] = []
    until = -1
    before = [0, *accumulate(end - start for start, end in groups)]
    """How many digits stand before each group."""
    for first, (start, _) in enumerate(groups):
        reach = before[min(first + _MOST_GROUPS, len(groups))] - before[first]
        if reach < _CARD_LENGTHS.start or start < until or not _CARD_PREFIX.match(text, start):
            continue
        digits = ""
        separator = None
        for position in range(first, min(first + _MOST_GROUPS, len(groups))):
            begin, end = groups[position]
            if position > first:
                between = text[groups[position - 1][1] : begin]
                if separator not in (None, between):
                    break
                separator = between
            digits += text[begin:end]
            if len(digits) > 19:
                break
            may_be = is_card(digits) or (
                context & CARD and len(digits) >= 12 and passes_luhn(digits)
            )
            if may_be and _stands_alone(text, start, end):
                found.append((start, end, "credit_card"))
                until = end
                break
    return found


def is_card(digits: str) -> bool:
    """Whether the digits have an issuer's prefix and length, and pass Luhn's check."""
    return _is_issued(digits) is not None and passes_luhn(digits)


def passes_luhn(digits: str) -> bool:
    doubled = digits[-2::-2].translate(_DOUBLED)
    return (sum(digits[-1::-2].encode()) + sum(doubled.encode()) - len(digits) * 48) % 10 == 0


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Not a piece of an id whose letters and digits alternate, nor the decimals of a number."""
    before = text[max(0, start - _AROUND) : start]
    after = text[end : end + _AROUND]
    if text[start:end].isdecimal() and _WHOLE_PART.search(before):
        return False
    right = after[: len(after) - len(after.lstrip(_ALNUM))]
    return _starts_alone(text, start) and not _DIGIT.search(right)


def _starts_alone(text: str, start: int) -> bool:
    before = text[max(0, start - _AROUND) : start]
    return not _DIGIT.search(before[len(before.rstrip(_ALNUM)) :])


def _phones(text: str, first: int, end: int) -> list[Span]:
    """Of one run of digits; only the first of them can stand behind a word."""
    found: list[Span] = []
    until = -1
    others = (match.start() for match in _START_OF_PHONE.finditer(text, first + 1, end))
    for start in chain((first,), others):
        if start < until:
            continue
        plus = text.rfind("+", max(0, start - 3), start)
        if plus >= 0 and not text[plus - 1 : plus].isdecimal():
            match = _INTERNATIONAL.match(text, plus)
        else:
            match = _NATIONAL.match(text, start)
            if match is None and text[start - 1 : start] == "(":
                match = _NATIONAL.match(text, start - 1)
            if match is None and start == first:
                match = _said(text, start)
        if match is not None:
            until = match.end()
            found.append((*match.span(), "phone"))
    return found


def _said(text: str, start: int) -> re.Match[str] | None:
    """A number of any form after a word such as `call`."""
    words = words_before(text, start)
    if not words or not _TELLING.says(words):
        return None
    opens = start - (text[start - 1 : start] == "(")
    return _ANY_PHONE.match(text, opens)


def ibans(text: str, context: int) -> list[Span]:  # noqa: ARG001 (the shape of every finder)
    found: list[Span] = []
    for match in _IBAN.finditer(text):
        start = match.start() - 2
        length = _IBAN_LENGTHS.get(text[start : start + 2].upper(), 0)
        if not length or not _starts_alone(text, start):
            continue
        reach = text[start : start + _IBAN_REACH]
        if is_iban(reach.translate(_NO_SEPARATORS)[:length]):
            letters = [at for at, letter in enumerate(reach, start + 1) if letter not in " .+-"]
            end = letters[length - 1]
            # In small letters the beginning of a longer word is a digest's or an id's, by chance.
            if text[start : start + 2].isupper() or not text[end : end + 1].isalnum():
                found.append((start, end, "iban"))
    return found


def is_iban(text: str) -> bool:
    """Whether the text, without separators, passes the check of ISO 7064 (mod 97)."""
    text = text.upper()
    if not (text.isascii() and text.isalnum()) or len(text) != _IBAN_LENGTHS.get(text[:2]):
        return False
    return int((text[4:] + text[:4]).translate(_IBAN_DIGITS)) % 97 == 1


DETECTORS = (
    Detector(
        name="iban",
        meaning="a bank account whose check digits are right (mod 97)",
        certainty=Certainty.CHECKED,
        triggers=(
            characters(
                "0-9",
                after="[0-9](?<=[A-Za-z]{2}[0-9]{2})(?:[ .+-]{0,4}[A-Za-z0-9]){11}",
            ),
        ),
        find=ibans,
        examples=(
            "DE89370400440532013000",
            "DE89 3704 0044 0532 0130 00",
            "GB29 NWBK 6016 1331 9268 19",
            "fr1420041010050500013m02606",
            "NO93-8601-1117-947",
            "to «MT84MALT011000012345MTLCAST001S».",
            "LC84ABCDEFGHIJKLMNOPQRSTUVWXYZAB",
        ),
        counterexamples=(
            "DE89370400440532013001",
            "XX89370400440532013000",
            "SKU12ABCDEFGHIJKLMN",
            "$device:ba44e18ca30de21f4dac7d3d92a94d1d8b438422d6dd647a09e1d81e9749db82",
            "no27qj54kzfkq4r4",
        ),
        needs_digit=True,
        skips_lookalikes=True,
    ),
    Detector(
        name="credit_card",
        meaning="a card number of an issuer's prefix and length that passes Luhn's check",
        certainty=Certainty.CHECKED,
        triggers=(SEVEN_DIGITS,),
        find=numbers,
        examples=(
            "4111111111111111",
            "4111 1111 1111 1111",
            "5555-5555-5555-4444",
            "378282246310005",
            "paid with «6011000990139424».",
        ),
        counterexamples=(
            "4111111111111112",
            "1709251199999",
            "0.4111111111111111",
            "4452000012343",
        ),
        needs_digit=True,
        skips_lookalikes=True,
    ),
    Detector(
        name="us_ssn",
        meaning="a US social security number, written 3-2-4",
        certainty=Certainty.LIKELY,
        triggers=(SEVEN_DIGITS,),
        find=numbers,
        examples=("078-05-1120", "ssn «078 05 1120»."),
        counterexamples=("078051120", "078-05-11201", "1078-05-1120", "078-05 1120"),
        needs_digit=True,
        skips_lookalikes=True,
    ),
    Detector(
        name="phone",
        meaning="a phone number, international or written in a common national form",
        certainty=Certainty.LIKELY,
        triggers=(SEVEN_DIGITS,),
        find=numbers,
        examples=(
            "+49 30 1234567",
            "+14155552671",
            "(415) 555-2671",
            "415.555.2671",
            "0171/1234567",
            "0049 30 1234567",
            "call «5552671»",
            "mi móvil: «612 345 678»",
            "手机：«13800138000»",
            "8 (495) 123-45-67",
            "(11) 91234-5678",
            "138 0013 8000",
        ),
        counterexamples=(
            "1709251199",
            "2026-03-05",
            "05.03.2026",
            "12345678",
            "1,234,567.89",
            "Tue Nov 03 2026 10:00:00 GMT+0000 (Coordinated Universal Time)",
            "03 11 2026",
            "08:04:02 08/01/26",
        ),
        needs_digit=True,
        skips_lookalikes=True,
    ),
)
