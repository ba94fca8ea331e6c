"""The server a newcomer finds: a community's guild on the evening of a talk."""

from __future__ import annotations

from dataclasses import dataclass

from playground.building import Building
from playground.world import World

_TALKS = ["VIEW_CHANNEL", "SEND_MESSAGES", "READ_MESSAGE_HISTORY"]
_STARTS_IN_S = 20 * 60


@dataclass(frozen=True, slots=True)
class Server:
    """The ids of what was prepared, for the rehearsal."""

    guild_id: int
    talk_channel_id: int
    staff_channel_id: int
    general_channel_id: int
    speaker_id: int
    moderator_id: int
    note_taker_id: int
    attendee_ids: tuple[int, ...]
    speaker_role_id: int
    moderator_role_id: int
    note_taker_role_id: int


def prepare(world: World) -> Server:
    """Fill an empty world."""
    building = Building(world)
    guild = world.found_guild("インフラ夜話", locale="ja")
    attendee = building.role(guild.id, "参加者 Attendee", color=0x99AAB5)
    note_taker = building.role(guild.id, "書記 Note-taker", color=0x3F7F93)
    speaker = building.role(guild.id, "登壇者 Speaker", color=0xB3571D)
    moderator = building.role(
        guild.id,
        "運営 Moderator",
        [
            "MANAGE_MESSAGES",
            "PIN_MESSAGES",
            "MANAGE_THREADS",
            "MANAGE_CHANNELS",
            "MANAGE_GUILD",
            "MANAGE_EVENTS",
            "MODERATE_MEMBERS",
            "KICK_MEMBERS",
            "BAN_MEMBERS",
        ],
        color=0x2D8F5E,
    )

    text = building.channel(guild.id, "テキスト", "category").id
    talk = building.channel(
        guild.id,
        "勉強会",
        topic="発表とその質問の場所 — 質問は Q. から / Talks, and questions that start with Q.",
        parent_id=text,
    )
    general = building.channel(guild.id, "雑談", topic="なんでも / Anything", parent_id=text)
    staff = building.channel(
        guild.id, "スタッフ", topic="登壇者・運営・書記 / Staff only", parent_id=text
    )
    building.overwrite(staff.id, guild.id, deny=["VIEW_CHANNEL"])
    for role in (speaker, moderator, note_taker, *_bot_roles(world, guild.id)):
        building.overwrite(staff.id, role, allow=_TALKS)
    building.channel(guild.id, "過去の資料", "forum", topic="資料と録画 / Slides", parent_id=text)
    voices = building.channel(guild.id, "ボイス", "category").id
    voice = building.channel(guild.id, "勉強会ライブ", "voice", parent_id=voices)

    def person(username: str, name: str, locale: str, color: str, about: str, *roles: int) -> int:
        made = building.person(name, username=username, locale=locale, color=color, about=about)
        building.join(guild.id, made.id, roles)
        return made.id

    speaker_id = person(
        "mizuno",
        "水野 亮",
        "ja",
        "#b3571d",
        "登壇者：今夜の発表 / Speaker, gives the talk",
        speaker,
    )
    moderator_id = person(
        "kitagawa",
        "北川 葵",
        "ja",
        "#2d8f5e",
        "運営：会の進行 / Moderator, runs the evening",
        moderator,
    )
    note_taker_id = person(
        "emma", "Emma Clarke", "en-US", "#3f7f93", "書記：記録係 / Takes the notes", note_taker
    )
    attendees = (
        person("takahashi", "高橋 蓮", "ja", "#5865f2", "参加者 / Attendee", attendee),
        person("lucas", "Lucas Meyer", "en-US", "#b0306a", "参加者 / Attendee", attendee),
        person("sasaki", "佐々木 凛", "ja", "#7a5cc2", "参加者 / Attendee", attendee),
    )
    building.scheduled_event(
        guild.id,
        "コンテナと仮想マシン、どこが違う？",
        _STARTS_IN_S,
        channel_id=voice.id,
        description="同じ nginx をコンテナと VM で動かして見比べます。",
        creator_id=speaker_id,
    )
    return Server(
        guild.id,
        talk.id,
        staff.id,
        general.id,
        speaker_id,
        moderator_id,
        note_taker_id,
        attendees,
        speaker,
        moderator,
        note_taker,
    )


def _bot_roles(world: World, guild_id: int) -> list[int]:
    return [role.id for role in world.get_guild(guild_id).roles.values() if role.managed]
