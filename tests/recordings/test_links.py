"""Signed addresses: who gets in, and who does not."""

import stat
from datetime import timedelta
from pathlib import Path

import pytest

from bot.moments import utc_now
from bot.recordings import (
    KEY_FILE,
    FileMissing,
    LinkExpired,
    LinkForged,
    LinkRevoked,
    RecordingGone,
    load_signer,
)
from bot.recordings.errors import KeyUnusable
from tests.recordings.conftest import Studio
from tests.storage.world import ALICE, BOB, GUILD, MODERATOR


async def test_a_link_opens_the_file_it_was_made_for(studio: Studio):
    session = await studio.talk(title="KVM")
    recording = await studio.add(session)
    token = await studio.service.issue_link(recording.id, GUILD, ALICE.id)
    served = await studio.service.open_link(token)
    assert served.path == studio.root / str(GUILD) / "talk.mp4"
    assert (served.media_type, served.file_name, served.title) == ("video/mp4", "talk.mp4", "KVM")
    assert served.size_bytes == len(b"sound")
    assert served.expires_at == studio.world.clock() + timedelta(hours=6)


async def test_a_link_opens_nothing_after_its_hours(studio: Studio):
    recording = await studio.add(await studio.talk())
    token = await studio.service.issue_link(recording.id, GUILD, ALICE.id)
    studio.clocks.on(hours=5, minutes=59)
    await studio.service.open_link(token)
    studio.clocks.on(minutes=1)
    with pytest.raises(LinkExpired):
        await studio.service.open_link(token)


async def test_a_link_ends_with_its_recording(studio: Studio):
    recording = await studio.add(await studio.talk(days=1))
    studio.clocks.on(hours=23)
    token = await studio.service.issue_link(recording.id, GUILD, ALICE.id)
    assert (await studio.service.open_link(token)).expires_at == recording.due_at
    studio.clocks.on(hours=1)
    with pytest.raises(LinkExpired):
        await studio.service.open_link(token)
    with pytest.raises(RecordingGone):
        await studio.service.issue_link(recording.id, GUILD, ALICE.id)


async def test_whatever_is_changed_in_a_link_it_opens_nothing(studio: Studio):
    recording = await studio.add(await studio.talk())
    token = await studio.service.issue_link(recording.id, GUILD, ALICE.id)
    link_id, end, signature = token.split(".")
    later = str(int(end) + 86_400_000_000)
    flipped = ("A" if signature[0] != "A" else "B") + signature[1:]
    forged = [
        f"{int(link_id) + 1}.{end}.{signature}",
        f"{link_id}.{later}.{signature}",
        f"{link_id}.{end}.{flipped}",
        f"{link_id}.{end}.",
        f"{link_id}.{end}.{signature}\n",
        f"{link_id}.{end}.{signature}.",
        f"０{link_id}.{end}.{signature}",
        "",
        "../../etc/passwd",
    ]
    for one in forged:
        with pytest.raises(LinkForged):
            await studio.service.open_link(one)


async def test_another_installation_s_link_opens_nothing(studio: Studio, tmp_path: Path):
    recording = await studio.add(await studio.talk())
    token = await studio.service.issue_link(recording.id, GUILD, ALICE.id)
    link_id = int(token.split(".")[0])
    other = load_signer(tmp_path / "elsewhere")
    with pytest.raises(LinkForged):
        await studio.service.open_link(
            other.token(link_id, studio.world.clock() + timedelta(hours=1))
        )


async def test_who_leaves_loses_their_links_alone(studio: Studio):
    recording = await studio.add(await studio.talk())
    alices = await studio.service.issue_link(recording.id, GUILD, ALICE.id)
    bobs = await studio.service.issue_link(recording.id, GUILD, BOB.id)
    await studio.service.revoke_links(GUILD, ALICE.id)
    with pytest.raises(LinkRevoked):
        await studio.service.open_link(alices)
    await studio.service.open_link(bobs)


async def test_of_many_links_of_one_person_the_newest_stay_good(studio: Studio):
    recording = await studio.add(await studio.talk())
    tokens = [await studio.service.issue_link(recording.id, GUILD, ALICE.id) for _ in range(11)]
    with pytest.raises(LinkRevoked):
        await studio.service.open_link(tokens[0])
    for token in tokens[1:]:
        await studio.service.open_link(token)


async def test_another_guild_gets_no_link(studio: Studio):
    recording = await studio.add(await studio.talk())
    with pytest.raises(RecordingGone):
        await studio.service.issue_link(recording.id, GUILD + 1, ALICE.id)


async def test_a_file_moved_away_by_hand_is_said(studio: Studio):
    recording = await studio.add(await studio.talk())
    token = await studio.service.issue_link(recording.id, GUILD, ALICE.id)
    (studio.root / str(GUILD) / "talk.mp4").unlink()
    with pytest.raises(FileMissing):
        await studio.service.open_link(token)


async def test_a_file_replaced_by_a_link_leading_out_is_not_served(studio: Studio, tmp_path: Path):
    recording = await studio.add(await studio.talk())
    token = await studio.service.issue_link(recording.id, GUILD, ALICE.id)
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(b"secret")
    path = studio.root / str(GUILD) / "talk.mp4"
    path.unlink()
    path.symlink_to(secret)
    with pytest.raises(FileMissing):
        await studio.service.open_link(token)


def test_the_key_is_for_its_owner_alone_and_stays_the_same(tmp_path: Path):
    signer = load_signer(tmp_path)
    path = tmp_path / KEY_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    again = load_signer(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    end = utc_now() + timedelta(hours=1)
    assert signer.token(1, end) == again.token(1, end)
    assert list(tmp_path.iterdir()) == [path]


def test_a_key_that_was_cut_short_is_said(tmp_path: Path):
    (tmp_path / KEY_FILE).write_bytes(b"short")
    with pytest.raises(KeyUnusable) as told:
        load_signer(tmp_path)
    assert KEY_FILE in str(told.value)


async def test_a_removed_recording_opens_no_more(studio: Studio):
    recording = await studio.add(await studio.talk())
    token = await studio.service.issue_link(recording.id, GUILD, ALICE.id)
    await studio.service.remove(recording, MODERATOR)
    with pytest.raises(RecordingGone):
        await studio.service.open_link(token)
