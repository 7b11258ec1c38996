"""Values as text: durations, numbers, ids, versions. Query words."""

from __future__ import annotations

import pytest

from lab.routeros.errors import Trap
from lab.routeros.queries import matches
from lab.routeros.values import (
    format_duration,
    format_id,
    parse_address,
    parse_bool,
    parse_duration,
    parse_number,
    parse_prefix,
    parse_version,
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (5164, "1h26m4s"),
        (745, "12m25s"),
        (6 * 604800 + 2 * 86400 + 17 * 3600 + 5 * 60 + 16, "6w2d17h5m16s"),
        (41 * 604800 + 6 * 86400 + 18 * 3600 + 4 * 60 + 22, "41w6d18h4m22s"),
        (0.2, "200ms"),
        (3.21, "3s210ms"),
        (0.000204, "204us"),
        (65535, "18h12m15s"),
        (60, "1m"),
        (0, "0s"),
    ],
)
def test_durations_are_printed_as_in_the_captures(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
    assert parse_duration("t", text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("3", 3), ("3s", 3), ("00:00:03", 3), ("1m30s", 90), ("01:00:00", 3600), ("200ms", 0.2), ("00:00:00.5", 0.5)],
)
def test_durations_are_read_in_every_form(text: str, seconds: float) -> None:
    assert parse_duration("t", text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "3x", "3 s", "-3", "3s!", "00:61:00", "²"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(Trap, match="invalid value for argument hello-interval"):
        parse_duration("hello-interval", text)


def test_other_values() -> None:
    assert [parse_bool(text) for text in ("yes", "true", "no", "false", "1")] == [True, True, False, False, None]
    assert (parse_number("n", "010"), parse_number("n", "0x1F")) == (10, 31)
    assert parse_prefix("p", "172.18.0.64") == "172.18.0.64/32"
    assert parse_prefix("p", "172.18.0.9/26") == "172.18.0.0/26"
    assert (format_id(1), format_id(0x2018C010)) == ("*1", "*2018C010")
    assert parse_version("7.20.8 (long-term)") == (7, 20, 8)
    assert parse_version("7.24beta3") == (7, 24)
    for broken in (
        lambda: parse_number("n", "1.5"),
        lambda: parse_address("n", "1.2.3"),
        lambda: parse_prefix("n", "x/8"),
    ):
        with pytest.raises(Trap, match="invalid value for argument n"):
            broken()
    with pytest.raises(ValueError, match="no RouterOS version"):
        parse_version("latest")


ROW = {"name": "ether2", "type": "ether", "mtu": "1500", "running": "true", "passive": ""}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], True),
        (["?name=ether2"], True),
        (["?=name=ether2"], True),
        (["?name=ether3"], False),
        (["?passive"], True),
        (["?comment"], False),
        (["?-comment"], True),
        (["?-name"], False),
        (["?running=yes"], True),
        (["?running=no"], False),
        (["?>mtu=999"], True),
        (["?>mtu=1500"], False),
        (["?<mtu=9000"], True),
        (["?<comment=x"], False),
        (["?type=ether", "?name=ether3"], False),
        (["?type=ether", "?name=ether3", "?#|"], True),
        (["?type=ether", "?name=ether2", "?#&"], True),
        (["?name=ether2", "?#!"], False),
        (["?name=a", "?name=b", "?name=ether2", "?#||"], True),
        (["?name=a", "?name=ether2", "?#1"], True),
        (["?name=a", "?name=ether2", "?#0"], False),
        (["?name=ether2", "?#.", "?#&"], True),
    ],
)
def test_queries(words: list[str], expected: bool) -> None:
    assert matches(ROW, words) is expected


@pytest.mark.parametrize("word", ["?", "?#&", "?#x", "?>mtu", "?#7"])
def test_a_broken_query_is_refused(word: str) -> None:
    with pytest.raises(Trap, match="invalid query word"):
        matches(ROW, [word])
