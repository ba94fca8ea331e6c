"""The sample talk: a study session of the project's own, in the shape of a real one.

A speaker explains containers and virtual machines, shows something, attendees ask with `Q.`
in the spellings people really use, a note-taker writes answers down, one answer is missed,
one question is a joke.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Who = Literal["speaker", "moderator", "note_taker", "first", "second", "third"]


@dataclass(frozen=True, slots=True)
class Start:
    """The speaker opens the session from tonight's event."""

    slides: str


@dataclass(frozen=True, slots=True)
class Say:
    """Somebody writes; `key` names the message for later steps."""

    who: Who
    text: str
    key: str = ""
    reply_to: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """Somebody edits their message."""

    who: Who
    key: str
    text: str


@dataclass(frozen=True, slots=True)
class React:
    """Somebody taps a reaction."""

    who: Who
    key: str
    emoji: str


@dataclass(frozen=True, slots=True)
class Press:
    """Somebody presses a button of the board, by what it says."""

    who: Who
    label: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Somebody asks with the board's form; a moderator approves it."""

    who: Who
    text: str
    anonymous: bool


@dataclass(frozen=True, slots=True)
class Command:
    """Somebody gives a command of the lab; where there is none they are told so."""

    who: Who
    name: str
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class End:
    """The speaker ends the session."""


Step = Start | Say | Change | React | Press | Ask | Command | End

TALK: tuple[Step, ...] = (
    Say("moderator", "こんばんは！21時になったら始めます。飲み物の準備をどうぞ☕"),
    Start("https://slides.example.org/container-to-vm"),
    Say("moderator", "質問はQ.を付けてね。あとでまとめて答えてもらいます"),
    Say("speaker", "今日の話: プロセスから始めて、コンテナ、仮想マシンの順に箱を増やします"),
    Say(
        "speaker",
        "- どんな箱にも CPU・メモリ・ディスク・ネットワーク がいる\n- 違うのは**誰が配るか**",
    ),
    Say("first", "Q. コンテナの中で top を打つとホスト全体が見えるのはなぜですか？", key="top"),
    React("second", "top", "👍"),
    Say("second", "Q.Does every container bring its own kernel?", key="kernel"),
    React("third", "kernel", "📝"),
    React("first", "kernel", "👍"),
    Say("speaker", "では実際に。`docker container run -p 80:80 nginx` を打ちます"),
    Command("speaker", "container run", (("image", "nginx"), ("name", "demo"), ("ports", "80:80"))),
    Say("third", "はやい"),
    Say("first", "もう起動した👀"),
    Command("first", "container run", (("image", "hello"),)),
    Command("speaker", "container top", (("name", "demo"),)),
    Say(
        "third",
        "Ｑ．メモリの上限を超えたらどうなりますか\nQ. ディスクにも上限は付けられますか？",
        key="limits",
    ),
    React("second", "limits", "👍"),
    Say("speaker", "次は仮想マシンです。`/vm create` で1台作るので、起動の様子を見ていてください"),
    Say("second", "カーネルから起動してる", key="boot"),
    Command("speaker", "vm create", (("template", "tiny"), ("name", "box"))),
    Command("speaker", "vm screen", (("name", "box"),)),
    Say("third", "画面まで見えるのいいですね"),
    Command("speaker", "lab layers", (("instance", "box"),)),
    Say("first", "仮想マシンの時計ってずれないんでしょうか", key="clock"),
    React("note_taker", "clock", "❓"),
    Ask("third", "いまさらですが、ハイパーバイザーって何のことですか？", anonymous=True),
    Say("second", "Q: 登壇者さんの家のサーバは何台ですか？", key="servers"),
    Say("second", "Q.", key="empty"),
    Change("second", "empty", "Q. Can a VM move to another host while it runs?"),
    Command("speaker", "container stop", (("name", "demo"),)),
    Say("speaker", "デモはここまで。質問タイムにしましょう！"),
    Press("speaker", "次の質問へ"),
    Say(
        "note_taker",
        "A. ホストと同じカーネルを使っている\n"
        "- 見える範囲は名前空間が決める\n"
        "  - PIDは分かれている\n"
        "  - /proc/meminfo は分かれていない\n"
        "- 制限は cgroup",
        reply_to="kernel",
    ),
    Press("speaker", "次の質問へ"),
    Say(
        "note_taker",
        "A. 表示がホストのものを読むだけ\n- 上限は別に効いている",
        reply_to="top",
    ),
    Say("second", "A. lxcfs を使うと中からも正しく見えますよ", reply_to="top"),
    Press("speaker", "次の質問へ"),
    Say(
        "note_taker",
        "A1. 超えたプロセスが止められる（OOM）\n- まず上限を決めておく",
        reply_to="limits",
    ),
    Press("speaker", "次の質問へ"),
    Say("note_taker", "A2. ドライバによる\n- overlay2 と ext4 では付けられない", reply_to="limits"),
    Press("speaker", "次の質問へ"),
    Press("note_taker", "聞き逃した"),
    Press("speaker", "次の質問へ"),
    Say("note_taker", "A. 3台。電気代は聞かないで", reply_to="servers"),
    Say("moderator", "時間なのでここまで。続きはスレッドでどうぞ。ありがとうございました！👏"),
    End(),
)
