"""Files come in whatever encoding a note-taker's editor wrote."""

import pytest

from bot.notes import NotText, decode

NOTES = "20260101-仮想マシンとは\n\n• ハイパーバイザ\n\t・メモリを割り当てる。\nｶﾀｶﾅ VM\n"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp932", "shift_jis", "iso2022_jp"]
)
def test_japanese_encodings_are_recognised(encoding: str):
    notes = NOTES.replace("•", "・")
    if encoding == "iso2022_jp":
        notes = notes.replace("ｶﾀｶﾅ", "カタカナ")
    assert decode(notes.encode(encoding)) == notes


def test_euc_jp_is_not_taken_for_half_width_katakana():
    notes = NOTES.replace("•", "・")
    assert decode(notes.encode("euc_jp")) == notes


@pytest.mark.parametrize("text", ["あ", "メモリ", "録画は1週間", "表示", "ソフト"])
@pytest.mark.parametrize("encoding", ["utf-8", "cp932", "euc_jp"])
def test_few_words_are_enough(text: str, encoding: str):
    assert decode(text.encode(encoding)) == text


def test_what_the_sender_says_counts_where_it_holds():
    assert decode("café".encode("latin-1"), "latin-1") == "café"
    assert decode("あ".encode(), "latin-1") == "あ"
    assert decode("あ".encode("cp932"), "no-such-charset") == "あ"


@pytest.mark.parametrize(
    "data", [b"\x7fELF\x02\x01\x01\x00\x00", b"\xff\xfe\x00", b"\x89PNG\r\n\x1a\n\x00"]
)
def test_what_is_no_text_is_refused(data: bytes):
    with pytest.raises(NotText):
        decode(data)


def test_nothing_is_an_empty_text():
    assert decode(b"") == ""
