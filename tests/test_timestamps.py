from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.timestamps import read_time, timestamp, write_time

MOMENT = "2026-11-23T07:51:04.317Z"
DAY = "2026-11-23T00:00:00.000Z"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (MOMENT, MOMENT),
        ("2026-11-23T07:51:04.317+00:00", MOMENT),
        ("2026-11-23T07:51:04.317999+00:00", MOMENT),
        ("2026-11-23T07:51:04.317123456Z", MOMENT),
        ("2026-11-23T09:51:04.317+02:00", MOMENT),
        ("2026-11-22T23:51:04.317-0800", MOMENT),
        ("2026-11-23T07:51:04.317", MOMENT),
        ("2026-11-23 07:51:04.317Z", MOMENT),
        ("2026-11-23t07:51:04.317z", MOMENT),
        (" 2026-11-23T07:51:04.317Z\n", MOMENT),
        ("2026-11-23T07:51:04Z", "2026-11-23T07:51:04.000Z"),
        ("2026-11-23T07:51:04.3Z", "2026-11-23T07:51:04.300Z"),
        ("2026-11-23", DAY),
        ("20261123", DAY),
        (1_795_420_264_317, MOMENT),
        (1_795_420_264.317, MOMENT),
        ("1795420264317", MOMENT),
        (1_795_420_264, "2026-11-23T07:51:04.000Z"),
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.000Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
        # epochs: each unit, as number and as text
        (1_795_420_264_317_999, MOMENT),
        (1_795_420_264_317_999_999, MOMENT),
        (1_795_420_264.317e9, MOMENT),
        ("1795420264.317", MOMENT),
        ("1795420264317.4", MOMENT),
        ("1795420264317999", MOMENT),
        ("1795420264317999999", MOMENT),
        (" 1795420264317 ", MOMENT),
        ("1711121301011", "2024-03-22T15:28:21.011Z"),
        ("-86400.5", "1969-12-30T23:59:59.500Z"),
        # digits, dashes and blanks of any script
        ("٢٠٢٦-١١-٢٣T٠٧:٥١:٠٤.٣١٧Z", MOMENT),
        ("۲۰۲۶-۱۱-۲۳T۰۷:۵۱:۰۴.۳۱۷Z", MOMENT),
        ("२०२६-११-२३ ०७:५१:०४.३१७ +००:००", MOMENT),
        ("２０２６－１１－２３Ｔ０７：５１：０４．３１７Ｚ", MOMENT),
        ("١٧٩٥٤٢٠٢٦٤٣١٧", MOMENT),
        ("2026\u201011\u201023T07:51:04.317\u221200:00", MOMENT),
        ("\u200e2026-11-23\u00a007:51:04.317\u202fUTC", MOMENT),
        # ISO 8601 as some write it
        ("2026-11-23 07:51:04.317 +0000", MOMENT),
        ("2026-11-23T09:51:04.317 +02", MOMENT),
        ("2026-11-23 07:51:04.317 Z", MOMENT),
        ("2026-11-23 07:51:04.317 UTC", MOMENT),
        ("2026-11-23T08:51:04.317 GMT+01:00", MOMENT),
        ("2026-11-23T08:51:04.317+1:00", MOMENT),
        ("2026-11-23T08:51:04.317+01:00[Europe/Warsaw]", MOMENT),
        ("2026-11-23 07:51:04.317123456 +0000 UTC m=+0.000012", MOMENT),
        ("2026-11-22 23:51:04.317 PST", MOMENT),
        ("2026-11-23T07:51:04,317Z", MOMENT),
        ("2026/11/23 7:51:04.317", MOMENT),
        ("20261123T075104.317Z", MOMENT),
        ("20261123075104", "2026-11-23T07:51:04.000Z"),
        ("2026-11-23T07:51Z", "2026-11-23T07:51:00.000Z"),
        ("2026-11-23T07Z", "2026-11-23T07:00:00.000Z"),
        ("2026-1-2", "2026-01-02T00:00:00.000Z"),
        # leap seconds and midnight
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"),
        ("2016-12-31T23:59:60.987Z", "2017-01-01T00:00:00.000Z"),
        ("2017-01-01T00:59:60+01:00", "2017-01-01T00:00:00.000Z"),
        ("20161231T235960Z", "2017-01-01T00:00:00.000Z"),
        ("2026-11-22T24:00:00Z", DAY),
        ("2026-11-22T24:00:00.000", DAY),
        ("2026-11-22 24:00", DAY),
        ("2026-12-31T24:00:00-01:00", "2027-01-01T01:00:00.000Z"),
        # names
        ("Mon, 23 Nov 2026 07:51:04 +0000", "2026-11-23T07:51:04.000Z"),
        ("23 Nov 2026 08:51:04 +0100", "2026-11-23T07:51:04.000Z"),
        ("Mon, 23 Nov 2026 02:51:04 EST", "2026-11-23T07:51:04.000Z"),
        ("Mon, 23 Nov 2026 07:51:04 GMT", "2026-11-23T07:51:04.000Z"),
        ("Monday, 23-Nov-26 07:51:04 GMT", "2026-11-23T07:51:04.000Z"),
        ("Wed, 31-Dec-97 23:59:60 GMT", "1998-01-01T00:00:00.000Z"),
        (
            "Mon Nov 23 2026 08:51:04 GMT+0100 (Central European Standard Time)",
            "2026-11-23T07:51:04.000Z",
        ),
        ("Mon Nov 23 2026 08:51:04 GMT+0100 (heure normale)", "2026-11-23T07:51:04.000Z"),
        ("Mon Nov 23 07:51:04 2026", "2026-11-23T07:51:04.000Z"),
        ("Mon Nov 23 08:51:04 CET 2026", "2026-11-23T07:51:04.000Z"),
        ("Mon Nov 23 07:51:04 +0000 2026", "2026-11-23T07:51:04.000Z"),
        ("November 23rd, 2026 at 07:51:04 UTC", "2026-11-23T07:51:04.000Z"),
        ("Nov 23, 2026, 7:51:04\u202fAM GMT+0", "2026-11-23T07:51:04.000Z"),
        ("Nov 23, 2026, 12:05:04 AM GMT", "2026-11-23T00:05:04.000Z"),
        ("Nov 23, 2026, 12:05:04 PM GMT", "2026-11-23T12:05:04.000Z"),
    ],
)
def test_a_time_is_read_in_any_form_that_clients_write(written: Any, meant: str) -> None:
    milliseconds = read_time(written)
    assert milliseconds is not None
    assert write_time(milliseconds) == meant


@pytest.mark.parametrize(
    "written",
    [
        "Nov 18, 2021, 2:45:07 PM",
        "yesterday",
        "",
        " ",
        "2026-13-45T99:99:99Z",
        "2026-11-23T24:00:01Z",
        "2026-11-23T25:00:00Z",
        "2026-11-23T07:51:61Z",
        "2026-02-30T00:00:00Z",
        "2026-11-23Z",
        "2026-11-23 +0100",
        "2026-11-23T07:51:04 ABCD",
        "2026-11-23T07:51:04Z and more",
        "11/12/2026",
        "11/23/2026, 7:51:04 AM",
        "Nov 23, 2026, 13:05:04 PM GMT",
        "23 November",
        "Mon May 5 items 2026",
        "-86400000000",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "99999999999999999999999999",
        10**400,
        1e300,
        -1e300,
        float("inf"),
        float("nan"),
        True,
        None,
        {},
        ["2026-11-23"],
    ],
)
def test_what_is_no_time_is_none(written: Any) -> None:
    assert read_time(written) is None


@given(
    st.datetimes(
        timezones=st.builds(
            timezone, st.integers(-1439, 1439).map(lambda minutes: timedelta(minutes=minutes))
        )
    ),
    st.sampled_from(["milliseconds", "microseconds"]),
)
def test_a_moment_is_the_same_whatever_its_offset(moment: datetime, precision: str) -> None:
    read = read_time(moment.isoformat(timespec=precision))
    if read is None:
        assert moment.year in (1, 9999)
        return
    written = write_time(read)
    assert written is not None
    again = datetime.fromisoformat(written)
    assert again == moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert read_time(written) == read


@given(
    st.one_of(
        st.text(),
        st.integers(),
        st.floats(),
        st.text("0123456789-+:.TZ WNovGMTAP,/()٠٩", max_size=30),
    )
)
@example("0" * 5000)
def test_nothing_raises(value: Any) -> None:
    read = read_time(value)
    assert read is None or write_time(read) is not None


@given(st.integers())
def test_a_written_time_is_of_a_year_that_exists(milliseconds: int) -> None:
    written = write_time(milliseconds)
    if written is None:
        assert abs(milliseconds) > 6 * 10**13
    else:
        assert len(written) == 24
        assert datetime.fromisoformat(written).tzinfo == UTC


@given(st.floats(0, 4e9) | st.integers(0, 4 * 10**9))
def test_a_time_is_written_as_the_standard_library_would(seconds: float) -> None:
    expected = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    assert timestamp(seconds) == expected.replace("+00:00", "Z")


def test_a_fraction_that_rounds_up_moves_the_second_that_is_written() -> None:
    assert timestamp(1_795_420_264.9999999) == "2026-11-23T07:51:05.000Z"
