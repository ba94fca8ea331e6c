"""What people type into a command's options, on any keyboard, and what is refused."""

import shlex
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.lab.errors import (
    BadCpus,
    BadDuration,
    BadEnvironment,
    BadPorts,
    BadShellWords,
    BadSize,
    CommandTooLong,
    DurationOutOfRange,
    EnvironmentTooLarge,
    PortTwice,
    SizeOutOfRange,
    TooManyPorts,
)
from bot.lab.inputs import (
    MOST_COMMAND_LENGTH,
    MOST_PORTS,
    MOST_VARIABLE_LENGTH,
    MOST_VARIABLES,
    duration_text,
    parse_command,
    parse_cpus,
    parse_duration,
    parse_environment,
    parse_ports,
    parse_size,
    size_text,
)
from bot.lab.model import Port

anything = st.text() | st.text(alphabet="0123456789.:/,=kmgbKMGsh分時間 '\"\\“”’　０１：－ab")


# --- ports ---


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("80:80", [Port(80, 80)]),
        ("8080", [Port(8080)]),
        ("30080:80/tcp", [Port(80, 30080)]),
        ("53/udp", [Port(53, 0, "udp")]),
        ("53:53/UDP 53:53", [Port(53, 53, "udp"), Port(53, 53)]),
        ("80:80 443:443/tcp 8080", [Port(80, 80), Port(443, 443), Port(8080)]),
        ("80,443、8080", [Port(80), Port(443), Port(8080)]),
        ("８０：８０　４４３", [Port(80, 80), Port(443)]),
        ("80:80 80:80", [Port(80, 80)]),
        ("0:80", [Port(80)]),
        ("", []),
        (" 　", []),
    ],
)
def test_ports_are_read_with_the_wish_for_the_host(text: str, ports: list[Port]):
    assert parse_ports(text) == tuple(ports)


@pytest.mark.parametrize(
    "text",
    [
        "web", "80:", ":80", "80:80:80", "127.0.0.1:80:80", "0", "65536", "70000:80", "-1", "8.0",
        "8000-8010:8000-8010", "80/sctp", "80/", "80:80/tcp/udp", "٨٠", "80;443", "999999",
    ],
)  # fmt: skip
def test_what_is_no_port_is_refused(text: str):
    with pytest.raises(BadPorts):
        parse_ports(text)


def test_one_port_of_the_container_under_two_of_the_host_is_refused():
    with pytest.raises(PortTwice) as refused:
        parse_ports("8080:80 8081:80")
    assert "80" in str(refused.value)


def test_more_ports_than_a_card_shows_are_refused():
    assert len(parse_ports(" ".join(map(str, range(1, MOST_PORTS + 1))))) == MOST_PORTS
    with pytest.raises(TooManyPorts):
        parse_ports(" ".join(map(str, range(1, MOST_PORTS + 2))))


@given(text=anything)
def test_any_text_is_ports_or_refused(text: str):
    try:
        ports = parse_ports(text)
    except BadPorts:
        return
    assert all(0 < port.container < 65536 and 0 <= port.host < 65536 for port in ports)
    assert len({(port.container, port.protocol) for port in ports}) == len(ports)


# --- commands ---


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("echo hello", ["echo", "hello"]),
        ("sh -c 'echo \"a b\"; ls'", ["sh", "-c", 'echo "a b"; ls']),
        ('sh -c "echo $HOME \\"x\\""', ["sh", "-c", 'echo $HOME "x"']),
        ("echo don\\'t", ["echo", "don't"]),
        ("echo a\\ b # no comment", ["echo", "a b", "#", "no", "comment"]),
        ("cat <<EOF\nx", ["cat", "<<EOF", "x"]),
        # Japanese keyboards, and the quotation marks of phones.
        ("ｌｓ　－ｌ　／ｅｔｃ", ["ls", "-l", "/etc"]),
        ("sh -c “echo ‘a  b’”", ["sh", "-c", "echo 'a  b'"]),
        ("echo こんにちは　ﾊﾝｶｸ", ["echo", "こんにちは", "ﾊﾝｶｸ"]),
        # What stands in plain quotation marks is text.
        ("echo 'Ａ　“Ｂ”'", ["echo", "Ａ　“Ｂ”"]),
        ('echo "it’s ＯＫ"', ["echo", "it’s ＯＫ"]),
        ("", []),
        ("''", [""]),
    ],
)
def test_a_command_is_split_as_a_shell_does(text: str, words: list[str]):
    assert parse_command(text) == tuple(words)


@pytest.mark.parametrize("text", ["echo 'a", 'echo "a', "echo it’s", "echo \\"])
def test_a_quotation_mark_left_open_is_told(text: str):
    with pytest.raises(BadShellWords):
        parse_command(text)


def test_a_command_longer_than_anybody_types_is_refused():
    assert parse_command("x" * MOST_COMMAND_LENGTH)
    with pytest.raises(CommandTooLong):
        parse_command("x" * (MOST_COMMAND_LENGTH + 1))


@given(text=anything)
def test_any_text_is_a_command_or_refused(text: str):
    try:
        words = parse_command(text)
    except BadShellWords:
        return
    assert not any("\0" in word for word in words)


@given(words=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)))
def test_quoted_words_arrive_as_they_were_typed(words: list[str]):
    text = shlex.join(words)
    if len(text) <= MOST_COMMAND_LENGTH:
        assert parse_command(text) == tuple(words)


# --- environment ---


@pytest.mark.parametrize(
    ("text", "environment"),
    [
        ("A=1 B='x y'", {"A": "1", "B": "x y"}),
        ("A= B=c=d", {"A": "", "B": "c=d"}),
        ("A=1 A=2", {"A": "2"}),
        ("Ａ＝１　Ｂ＝“ｘ　ｙ”", {"A": "1", "B": "ｘ　ｙ"}),
        ("_x1=日本", {"_x1": "日本"}),
        ("", {}),
    ],
)
def test_variables_are_read(text: str, environment: dict[str, str]):
    assert parse_environment(text) == environment


@pytest.mark.parametrize("text", ["A", "=1", "1A=1", "A B=1", "A-B=1", "é=1", "A='", "A=1 2"])
def test_what_is_no_variable_is_refused(text: str):
    with pytest.raises(BadEnvironment):
        parse_environment(text)


def test_too_many_or_too_long_variables_are_refused():
    many = [f"V{number}=1" for number in range(MOST_VARIABLES + 1)]
    assert len(parse_environment(" ".join(many[:-1]))) == MOST_VARIABLES
    with pytest.raises(EnvironmentTooLarge):
        parse_environment(" ".join(many))
    with pytest.raises(EnvironmentTooLarge):
        parse_environment("A=" + "x" * (MOST_VARIABLE_LENGTH + 1))


@given(text=anything)
def test_any_text_is_an_environment_or_refused(text: str):
    try:
        environment = parse_environment(text)
    except BadEnvironment:
        return
    assert all(key.isascii() and "=" not in key for key in environment)


# --- sizes, durations, CPUs ---


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("256M", 256 * 1024**2),
        ("256m", 256 * 1024**2),
        ("2G", 2 * 1024**3),
        ("1.5g", 3 * 512 * 1024**2),
        ("512 MiB", 512 * 1024**2),
        ("512MB", 512 * 1024**2),
        ("10240k", 10 * 1024**2),
        ("1T", 1024**4),
        ("２５６Ｍ", 256 * 1024**2),
        ("6291456b", 6 * 1024**2),
    ],
)
def test_a_size_is_read_as_the_engine_does(text: str, size: int):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "256", "M", "a lot", "-1G", "1,5G", "1e3M", "2GG", "1..5G"])
def test_what_is_no_size_is_refused(text: str):
    with pytest.raises(BadSize):
        parse_size(text)


@pytest.mark.parametrize("text", ["5M", "1b", "0G", "1025T", "999999999999999T"])
def test_a_size_that_nothing_runs_in_or_nothing_has_is_refused(text: str):
    with pytest.raises(SizeOutOfRange):
        parse_size(text)


@given(size=st.integers(6 * 1024**2, 1024**5))
def test_a_size_is_written_so_that_it_reads_the_same(size: int):
    assert parse_size(size_text(size)) == size


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("30m", timedelta(minutes=30)),
        ("2h", timedelta(hours=2)),
        ("90", timedelta(minutes=90)),
        ("1h30m", timedelta(minutes=90)),
        ("1.5h", timedelta(minutes=90)),
        ("1 hour 30 min", timedelta(minutes=90)),
        ("90s", timedelta(seconds=90)),
        ("1d", timedelta(days=1)),
        ("３０分", timedelta(minutes=30)),
        ("2時間30分", timedelta(minutes=150)),
    ],
)
def test_a_duration_is_read(text: str, duration: timedelta):
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text", ["", "soon", "m", "-5m", "1y", "5 m h", "1:30", "١٠m", "until end"]
)
def test_what_is_no_duration_is_refused(text: str):
    with pytest.raises(BadDuration):
        parse_duration(text)


@pytest.mark.parametrize("text", ["0", "59s", "8d", "999999d", "10081"])
def test_a_duration_out_of_range_says_the_range(text: str):
    with pytest.raises(DurationOutOfRange) as refused:
        parse_duration(text)
    assert "1m" in str(refused.value)
    assert "7d" in str(refused.value)


@given(minutes=st.integers(1, 7 * 24 * 60))
def test_a_duration_is_written_so_that_it_reads_the_same(minutes: int):
    assert parse_duration(duration_text(timedelta(minutes=minutes))) == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("text", "cpus"), [("0.5", 0.5), ("2", 2.0), (".5", 0.5), ("1.", 1.0), ("０．２５", 0.25)]
)
def test_a_number_of_cpus_is_read(text: str, cpus: float):
    assert parse_cpus(text) == cpus


@pytest.mark.parametrize("text", ["", ".", "0", "0.001", "-1", "half", "1e2", "nan", "inf", "9999"])
def test_what_is_no_number_of_cpus_is_refused(text: str):
    with pytest.raises(BadCpus):
        parse_cpus(text)


@given(text=anything)
def test_any_text_is_a_quantity_or_refused(text: str):
    for parse, refusal in (
        (parse_size, BadSize),
        (parse_duration, BadDuration),
        (parse_cpus, BadCpus),
    ):
        try:
            assert parse(text)
        except refusal:
            continue
