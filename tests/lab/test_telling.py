"""How the lab's facts read: reasons, sizes, figures, and the subnets of owners."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import Term
from bot.lab import explain, reasons, spoken_seconds, spoken_size
from bot.lab.drivers import Counters
from bot.lab.errors import ImageNotFound, TooMuch
from bot.lab.figures import figures
from bot.lab.spec import engine_name, network_id_of, network_name, places, subnet_at
from bot.localization import words
from tests.lab.things import GB, MB


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (512, "512 B"), (256 * MB, "256 MB"), (1.5 * GB, "1.5 GB"), (2 * GB, "2 GB")],
)
def test_sizes_are_short(size: float, text: str):
    assert spoken_size(size) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.42, "0.4 s"), (12, "12 s"), (200, "3 min 20 s")])
def test_times_are_short(seconds: float, text: str):
    assert spoken_seconds(seconds) == text


def test_an_error_is_kept_for_every_language():
    kept = reasons.of_error(ImageNotFound(image="nginx:9"))
    english, japanese = explain(kept, words("en")), explain(kept, words("ja"))
    assert "nginx:9" in english
    assert "nginx:9" in japanese
    assert english != japanese


def test_a_term_in_a_kept_error_is_translated_too():
    kept = reasons.of_error(TooMuch(what=Term("Memory"), wanted="2 GB", most="1 GB"))
    assert "Memory" in explain(kept, words("en"))
    assert "Memory" not in explain(kept, words("ja"))


@pytest.mark.parametrize("reason", [reasons.EXPIRED, reasons.KILLED, reasons.SESSION_ENDED])
def test_each_reason_has_a_sentence_in_both_languages(reason: str):
    assert explain(reason, words("en")) not in ("", reason)
    assert explain(reason, words("ja")) != explain(reason, words("en"))


def test_an_unreadable_reason_is_shown_as_it_is():
    assert explain("{broken", words("en")) == "{broken"
    assert explain(None, words("en")) == ""


def _counters(at: float, cpu_seconds: float | None) -> Counters:
    return Counters(at, cpu_seconds, MB, 0, GB, None, None, 5, 6, 3)


def test_a_busy_cpu_reads_as_one():
    assert figures(_counters(10, 1.0), _counters(12, 3.0)).cpu_share == 1.0


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (None, _counters(1, 1.0)),
        (_counters(1, 5.0), _counters(2, 0.1)),  # It was restarted.
        (_counters(1, 1.0), _counters(1, 1.0)),
        (_counters(1, None), _counters(2, 1.0)),
    ],
)
def test_what_cannot_be_known_is_absent(before: Counters | None, now: Counters):
    assert figures(before, now).cpu_share is None
    assert figures(before, now).disk_read_bytes is None


@given(st.integers(8, 32), st.data())
def test_owners_networks_never_overlap(prefix: int, data: st.DataObject):
    subnet = str(ipaddress.IPv4Network((0x0AD50000, prefix), strict=False))
    number = places(subnet)
    one, other = (data.draw(st.integers(0, number - 1)) for _ in range(2))
    first, second = (ipaddress.IPv4Network(subnet_at(subnet, place)) for place in (one, other))
    assert first.subnet_of(ipaddress.IPv4Network(subnet))
    assert one == other or not first.overlaps(second)


def test_what_we_made_is_known_by_its_name():
    installation = "0123456789abcdef"
    assert network_id_of(installation, network_name(installation, 7)) == 7
    assert network_id_of("f" * 16, network_name(installation, 7)) is None
    assert network_id_of(installation, engine_name(installation, 7)) is None


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ("TooManyInstances", "a limit"),
        ("TemplatesOnly", "not allowed"),
        ("BadName", "couldn't be used as typed"),
        ("ImageNotFound", "not there"),
        ("HostUnreachable", "the lab's host"),
        (reasons.EXPIRED, "its time ran out"),
        ("SomethingElse", "SomethingElse"),
    ],
)
def test_the_record_says_in_words_why(why: str, said: str):
    assert reasons.in_short(why, words("en")) == said
