"""Numbers by which a state knows a person, of some thirty countries.

A key that says so (`pesel`, `steuer_id`, `身份证号`) is enough, and so is a word before the number.
Without either a number counts only where its form is its own and its check digits are right, for
order numbers have as many digits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from stdnum import luhn, verhoeff
from stdnum.be import nn
from stdnum.br import cpf
from stdnum.ch import ssn as ahv
from stdnum.cl import rut
from stdnum.cn import ric
from stdnum.es import dni, nie
from stdnum.fi import hetu
from stdnum.fr import nir
from stdnum.in_ import pan
from stdnum.it import codicefiscale
from stdnum.kr import rrn
from stdnum.mx import curp

from gateway.privacy.detectors.context import CODE, OFFICIAL
from gateway.privacy.detectors.declaration import Certainty, Detector, Span
from gateway.privacy.detectors.triggers import SEVEN_DIGITS, characters, pattern
from gateway.privacy.detectors.words_before import Telling, may_say, words_before

Check = Callable[[str], bool]

_FORMS: dict[str, tuple[str, Check]] = {
    "it": ("[A-Z]{6}[0-9LMNP-V]{2}[A-EHLMPRST][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z]",
           codicefiscale.is_valid),
    "mx": ("[A-Z]{4}[0-9]{6}[HM][A-Z]{5}[0-9A-Z][0-9]", curp.is_valid),
    "in_pan": ("[A-Z]{3}P[A-Z][0-9]{4}[A-Z]", pan.is_valid),
    "gb": (("(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][ ]?[0-9]{2}[ ]?[0-9]{2}"
           "[ ]?[0-9]{2}[ ]?[A-D]"), lambda _: True),
    "es_nie": ("[XYZ][ -]?[0-9]{7}[ -]?[A-Z]", nie.is_valid),
    "es": ("[0-9]{8}[ -]?[A-HJ-NP-TV-Z]", dni.is_valid),
    "fi": ("[0-3][0-9][01][0-9]{3}[-A+][0-9]{3}[0-9A-Y]", hetu.is_valid),
    "ch": (r"756\.[0-9]{4}\.[0-9]{4}\.[0-9]{2}", ahv.is_valid),
    "br": (r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}", cpf.is_valid),
    "be": (r"[0-9]{2}\.[01][0-9]\.[0-3][0-9]-[0-9]{3}\.[0-9]{2}", nn.is_valid),
    "cl": (r"[0-9]{1,2}\.[0-9]{3}\.[0-9]{3}-[0-9Kk]", rut.is_valid),
    "kr": ("[0-9]{2}[01][0-9][0-3][0-9]-[1-8][0-9]{6}", rrn.is_valid),
    "fr": ("[12][ ]?[0-9]{2}[ ]?[0-9]{2}[ ]?[0-9][0-9AB][ ]?[0-9]{3}[ ]?[0-9]{3}[ ]?[0-9]{2}",
           nir.is_valid),
    "in": ("[2-9][0-9]{3}(?P<s>[ -])[0-9]{4}(?P=s)[0-9]{4}", verhoeff.is_valid),
    "cn": ("[1-9][0-9]{5}(?:19|20)[0-9]{2}[01][0-9][0-3][0-9]{4}[0-9Xx]", ric.is_valid),
}  # fmt: skip
"""Forms that no order number has, and their check digits."""
_form = re.compile(
    f"(?:{'|'.join(f'(?P<{name}>{form})' for name, (form, _) in _FORMS.items())})"
    "(?![0-9A-Z]|[-.][0-9]|[ ][0-9]{4}(?![0-9]))"
).match
_LONGEST_FORM = 32
_is_within = re.compile(r"[0-9](?:[.,+-]|[0-9]{3}[ ])\Z").search
"""Of what stands before: a longer number, of which this is a part."""
_TOKEN = re.compile("[0-9A-Za-z]+")
_SURE = Telling(
    "ssn social_security social_security_number nino national_insurance "
    "national_insurance_number nhs "
    "nhs_number nhs_no aadhaar aadhar aadhaar_number aadhaar_no cpf codice_fiscale c.f dni nie nif "
    "pesel bsn burgerservicenummer social_insurance_number tfn tax_file_number steuer-id steuerid "
    "steuer-idnr steueridentifikationsnummer steuernummer sozialversicherungsnummer "
    "sécurité_sociale "
    "securite_sociale nir rijksregisternummer personnummer hetu henkilötunnus henkilotunnus cpr "
    "cpr-nummer fødselsnummer fodselsnummer contribuinte tckn t.c_kimlik tc_kimlik kimlik curp "
    "rfc cuit "
    "cuil ahv ahv-nr avs pps ppsn rodné_číslo rodne_cislo егн egn amka αμκα teudat_zehut "
    "citizen_id "
    "cnp id_number id_no identity_number national_id passport reisepass reisepassnummer pasaporte "
    "passeport passaporto paszport personalausweis driving_licence driving_license "
    "driver's_license "
    "drivers_license आधार nric medicare инн снилс паспорт 身份证 身份证号 身份证号码 身分證 "
    "护照 护照号 "
    "护照号码 주민등록번호 주민번호 マイナンバー 個人番号 パスポート番号"
)
_AMBIGUOUS = Telling("pan sin nit rut run inn tin")
"""These are words of their own: what follows must have check digits, or as many digits as an id."""
_ENDINGS = _SURE.endings | _AMBIGUOUS.endings
_ID = re.compile(r"(?:[A-Za-z]{1,6}[ -]?)?[0-9](?:[ .\-/]?[0-9A-Za-z]){3,18}(?![0-9A-Za-z])")
_WORD_AFTER = re.compile(r"[ .\-/][A-Za-z]{2,}|[ .\-/][A-Za-z](?=[ .\-/]|\Z)")
_UNDER_KEY = re.compile(
    r"(?<![0-9A-Za-z])(?=[A-Za-z]{0,6}[ .\-/]?[0-9])"
    r"[0-9A-Za-z](?:[ .\-/]?[0-9A-Za-z]){4,24}(?![0-9A-Za-z])"
)
_GAPS = frozenset(" -")
_FIRST_GROUPS = {
    (" ", 1): "12",
    (" ", 3): "12",
    (" ", 4): "23456789",
    ("-", 4): "23456789",
    ("-", 6): "0123456789",
    ("+", 6): "0123",
    (".", 1): "0123456789",
    (".", 2): "0123456789",
    (".", 3): "0123456789",
}
"""What comes after the first digits of a form, how many they are, and which comes first."""
_DIGIT = re.compile("[0-9]")
_FEWEST = 4
_SHORTEST = 8
_NO_SEPARATORS = str.maketrans("", "", " .-/")


def national_ids(text: str, context: int) -> list[Span]:
    if context & CODE and text.isdecimal():
        return []
    if context & OFFICIAL:
        return [
            (*match.span(), "national_id")
            for match in _UNDER_KEY.finditer(text)
            if len(_DIGIT.findall(match[0])) >= _FEWEST
        ]
    return [*_in_text(text)] if len(text) >= _SHORTEST and _marked(text) else []


def _in_text(text: str) -> Iterator[Span]:
    since = 0
    is_said = may_say(text, _ENDINGS)
    for token in _TOKEN.finditer(text):
        start = token.start()
        if start < since or (token.end() - start > 2 and token[0].isalpha()):
            continue
        may_be_form = _may_begin_form(token[0], text[token.end() : token.end() + 1])
        end = (may_be_form and _end_of_form(text, start)) or (
            is_said and _end_after_word(text, start)
        )
        if end:
            since = end
            yield start, end, "national_id"


def _may_begin_form(token: str, after: str) -> bool:
    """Whether a number of a form of its own could begin with these letters and digits."""
    length = len(token)
    if not token[0].isdecimal():
        return length >= 9 or after in _GAPS
    return length >= 8 or token[0] in _FIRST_GROUPS.get((after, length), "")


def _end_of_form(text: str, start: int) -> int:
    """Where a number of a form of its own ends, if its check digits are right."""
    match = _form(text[start : start + _LONGEST_FORM].upper())
    if match is None or _is_within(text[max(0, start - 5) : start]):
        return 0
    name = "in" if match.lastgroup == "s" else match.lastgroup or ""
    number = match[0].translate(_NO_SEPARATORS) if name == "in" else match[0]
    return start + match.end() if _FORMS[name][1](number) else 0


def _end_after_word(text: str, start: int) -> int:
    """Where a number of any form ends, if the word before says what it is."""
    words = words_before(text, start)
    is_sure = bool(words) and _SURE.says(words)
    if not is_sure and not (words and _AMBIGUOUS.says(words)):
        return 0
    match = _ID.match(text, start)
    if match is None:
        return 0
    number = match[0]
    if after := _WORD_AFTER.search(number, 1):
        number = number[: after.start()]
    good = len(_DIGIT.findall(number)) > _FEWEST if is_sure else _has_check_digits(number)
    return start + len(number) if good else 0


def _has_check_digits(text: str) -> bool:
    plain = text.translate(_NO_SEPARATORS)
    return (
        (len(plain) == 9 and luhn.is_valid(plain))  # CA
        or pan.is_valid(plain)
        or rut.is_valid(plain)
        or (plain.isdecimal() and len(plain) in (9, 10, 11, 12))  # CO, RU
    )


DETECTORS = (
    Detector(
        name="national_id",
        meaning="a number by which a state knows a person: by its form and check digits, a word "
        "before it, or its key",
        certainty=Certainty.CHECKED,
        triggers=(
            SEVEN_DIGITS,
            characters(
                "0-9",
                after="[0-9](?:[0-9]{4}[A-DHMa-dhm]|[0-9]{2}[A-Za-z](?<=[A-Za-z]{5}.{5})"
                "|[A-EHLMPRSTa-ehlmprst][0-9]{2}[A-Za-z][0-9]{3})",
            ),
        ),
        find=national_ids,
        examples=(
            "RSSMRA85T10A562S",
            "AB123456C",
            "AB 12 34 56 C",
            "12345678Z",
            "X1234567L",
            "131052-308T",
            "756.9217.0769.85",
            "529.982.247-25",
            "cpf «52998224725»",
            "PESEL: «44051401359»",
            "passport no. «X1234567»",
            "passport.«A1234567»",
        ),
        counterexamples=(
            "12345678A",
            "529.982.247-26",
            "order 44051401359",
            "756.9217.0769.86",
            "pan 1000 left",
            "RSSMRA85T10A562T",
        ),
        needs_digit=True,
        skips_lookalikes=True,
    ),
)

_marked = re.compile(pattern(DETECTORS[0].triggers)).search
