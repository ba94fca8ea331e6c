"""`study-bot notes render`: what a note-taker sees before the talk."""

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from bot.__main__ import main
from bot.notes import render, split

LONG = "\n".join(f"## Part {at}\n" + "A sentence. " * 150 for at in range(5))


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STUDY_BOT_DATA", str(tmp_path / "data"))


def run(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(["notes", "render", *arguments])
    out, err = capfd.readouterr()
    return status, out, err


def test_it_prints_the_messages_as_json(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    file = tmp_path / "notes.md"
    file.write_text("# 題\n\n• 一\n  • 二\n", encoding="utf-8")
    status, out, err = run(capfd, str(file))
    assert (status, err) == (0, "")
    assert json.loads(out) == ["# 題\n- 一\n  - 二"]


def test_long_notes_come_with_their_contents(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    file = tmp_path / "notes.md"
    file.write_text(LONG, encoding="utf-8")
    status, out, err = run(capfd, str(file))
    messages = json.loads(out)
    assert status == 0
    assert messages[0].startswith("### Contents\n- [Part 0](https://discord.com/channels/")
    assert messages[1:] == [part.text for part in split(render(LONG, locale="en"))]
    assert "placeholder" in err


def test_the_language_can_be_chosen(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    file = tmp_path / "notes.md"
    file.write_text(LONG, encoding="utf-8")
    _status, out, _err = run(capfd, str(file), "--locale", "ja")
    assert json.loads(out)[0].startswith("### 目次\n")


def test_it_reads_standard_input_and_shift_jis(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    data = io.BytesIO("・メモリ\n　・4GB".encode("cp932"))
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=data))
    status, out, _err = run(capfd, "-")
    assert status == 0
    assert json.loads(out) == ["- メモリ\n  - 4GB"]


def test_notes_that_say_nothing_are_no_messages(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    file = tmp_path / "notes.md"
    file.write_text("\n")
    assert json.loads(run(capfd, str(file))[1]) == []


@pytest.mark.parametrize("what", ["missing", "folder", "binary"])
def test_what_cannot_be_read_is_said_in_a_sentence(
    what: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    path = tmp_path / what
    if what == "folder":
        path.mkdir()
    elif what == "binary":
        path.write_bytes(b"\x7fELF\x00\x00\xff")
    status, out, err = run(capfd, str(path))
    assert (status, out) == (2, "")
    assert str(path) in err
    assert "Traceback" not in err
    assert len(err.strip().split("\n")) == 1
