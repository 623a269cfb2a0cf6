"""Numbers by which a state knows a person, of some thirty countries.

A key that says so (`pesel`, `steuer_id`, `身份证号`) is enough, and so is a word before the number.
Without either a number counts only where its form is its own and its check digits are right, for
order numbers have as many digits.
"""

from __future__ import annotations

import re
from collections.abc import Callable

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
from gateway.privacy.detectors.triggers import SEVEN_DIGITS, characters

Check = Callable[[str], bool]

_FORMS: dict[str, tuple[str, Check]] = {
    "it": ("[A-Z]{6}[0-9LMNP-V]{2}[A-EHLMPRST][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z]",
           codicefiscale.is_valid),
    "mx": ("[A-Z]{4}[0-9]{6}[HM][A-Z]{5}[0-9A-Z][0-9]", curp.is_valid),
    "in_pan": ("[A-Z]{3}P[A-Z][0-9]{4}[A-Z]", pan.is_valid),
    "gb": ("(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][ ]?[0-9]{2}[ ]?[0-9]{2}"
           "[ ]?[0-9]{2}[ ]?[A-D]", lambda _: True),
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
_FORM = re.compile(
    "(?<![0-9A-Za-z])(?<![0-9][.,+-])(?<![0-9]{4}[ ])(?:"
    + "|".join(f"(?P<{name}>{form})" for name, (form, _) in _FORMS.items())
    + ")(?![0-9A-Za-z]|[-.][0-9]|[ ][0-9]{4}(?![0-9]))",
    re.IGNORECASE,
)
_may_be_form = re.compile("[0-9][0-9 .-]{5}|[A-Za-z]{2}[0-9]{2}|[A-Za-z][0-9]{2}[A-Za-z]").search

_WORDS = (
    r"ssn|social security(?: number)?|nino|national insurance(?: number)?|nhs(?: number| no)?|"
    r"a+dhaa?r(?: number| no)?|cpf|codice fiscale|c\.f\.|dni|nie|nif|pesel|bsn|burgerservicenummer|"
    r"social insurance number|tfn|tax file number|steuer-?id(?:nr)?|steueridentifikationsnummer|"
    r"steuernummer|sozialversicherungsnummer|num[eé]ro de s[eé]curit[eé] sociale|nir|"
    r"rijksregisternummer|personnummer|hetu|henkil[oö]tunnus|cpr(?:-nummer|-nr)?|f[oø]dselsnummer|"
    r"contribuinte|tckn|t\.?c\.? ?kimlik(?: no| numarası)?|身份证号?码?|身分證|护照号?码?|"
    r"주민등록번호|주민번호|マイナンバー|個人番号|инн|снилс|паспорт|curp|rfc|cuit|cuil|ahv(?:-nr)?|"
    r"avs|ppsn?|rodn[eé] č[ií]slo|rodne cislo|егн|egn|amka|αμκα|teudat zehut|citizen id|cnp|"
    r"id number|id no|identity number|national id|passport(?: number| no)?|reisepass(?:nummer)?|"
    r"pasaporte|passeport|passaporto|paszport|personalausweis|driving licen[cs]e|driver'?s licen[cs]e|"
    r"आधार|nric|medicare(?: number)?"
)
_AMBIGUOUS = r"pan|sin|nit|rut|run|inn|tin|rg|cif|vat"
"""These are words of their own: what follows must have the form of a number with check digits."""
_SAID = re.compile(
    rf"(?<![^\W\d_])(?:(?P<sure>{_WORDS})|{_AMBIGUOUS})"
    r"(?:[ ]?(?:is|was|no|nr|number|es|é|ist|est|jest|to|n°|nº|№)(?![^\W\d_])\.?)?[ ]?[:：=#]?[ ]{0,2}"
    r"(?P<id>(?=[0-9A-Za-z .\-/]{0,8}[0-9])(?:[A-Za-z]{1,6}[ -]?)?[0-9](?:[ .\-/]?[0-9A-Za-z]){3,18}?)"
    r"(?![0-9A-Za-z]|[.\-/][0-9A-Za-z]|[ ][0-9])",
    re.IGNORECASE,
)
_has_word = re.compile(rf"{_WORDS}|{_AMBIGUOUS}", re.IGNORECASE).search
_UNDER_KEY = re.compile(
    r"(?<![0-9A-Za-z])(?=[A-Za-z]{0,6}[ .\-/]?[0-9])[0-9A-Za-z](?:[ .\-/]?[0-9A-Za-z]){4,24}(?![0-9A-Za-z])"
)
_DIGIT = re.compile("[0-9]")
_FEWEST = 4
_NO_SEPARATORS = str.maketrans("", "", " .-/")


def national_ids(text: str, context: int) -> list[Span]:
    if context & CODE:
        return []
    if context & OFFICIAL:
        return [
            (*match.span(), "national_id")
            for match in _UNDER_KEY.finditer(text)
            if len(_DIGIT.findall(match[0])) >= _FEWEST
        ]
    found: list[Span] = []
    if _may_be_form(text):
        for match in _FORM.finditer(text):
            name = match.lastgroup if match.lastgroup != "s" else "in"
            if _FORMS[name or ""][1](_plain(name, match[0])):
                found.append((*match.span(), "national_id"))
    if not _has_word(text):
        return found
    for match in _SAID.finditer(text):
        digits = len(_DIGIT.findall(match["id"]))
        if digits >= _FEWEST + 1 if match["sure"] else _has_check_digits(match["id"]):
            found.append((*match.span("id"), "national_id"))
    return found


def _plain(name: str | None, text: str) -> str:
    return text.translate(_NO_SEPARATORS) if name == "in" else text


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
                after="(?:[0-9]{5}[A-DHMa-dhm]|[0-9]{3}[A-Za-z](?<=[A-Za-z]{5}.{5})"
                "|[0-9][A-EHLMPRSTa-ehlmprst][0-9]{2}[A-Za-z][0-9]{3})",
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
        ),
        counterexamples=(
            "12345678A",
            "529.982.247-26",
            "order 44051401359",
            "756.9217.0769.86",
            "pan 1000 left",
            "RSSMRA85T10A562T",
        ),
        skips_lookalikes=True,
    ),
)
