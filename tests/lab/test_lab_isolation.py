"""Two guilds share a lab: nothing named from the one ever shows or touches the other's.

Every public method of every service of the lab stands in a table here; a new one fails the
test until it does.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from bot.errors import StudyBotError
from bot.guilds import Person
from bot.lab import Images, Instance, Instances, Launcher, LaunchRequest
from bot.lab.access import Access
from bot.lab.audit import Audit
from bot.lab.directory import Directory
from bot.lab.drivers.fake import Offered
from bot.lab.guests import Guests
from bot.lab.insides import Insides
from bot.lab.keeper import Keeper
from bot.lab.keys import SshKeys
from bot.lab.standing import Standings
from bot.sessions import NewSession, Session
from tests.lab.world import LabWorld

# The same person in both guilds, moderator in guild 1 alone.
ZOE = Person(600, "Zoe", manages_guild=True, manages_messages=True)
ZOE_ELSEWHERE = Person(600, "Zoe")
OTHER, BANNED = Person(601, "Other"), Person(602, "Banned")
SECRET = "bsecret"
# A key of Zoe's in each guild.
KEYS = {
    1: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGu7WVGDxJqbj4Uaclu/iFteblYokkmeMbqhqM6iYFeW",
    2: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDtqJ7zOtqQtYqOtCvo0XvDNMd0yfDo1xYkJSFpTzCFy",
}
# Neither is in any other table than these.
TABLES = {
    "instances": "guild_id = ?",
    "instance_ports": "instance_id IN (SELECT id FROM instances WHERE guild_id = ?)",
    "lab_networks": "session_id IN (SELECT id FROM sessions WHERE guild_id = ?)",
    "lab_closings": "guild_id = ?",
    "lab_bans": "guild_id = ?",
    "ssh_keys": "guild_id = ?",
    "events": "guild_id = ?",
}


@dataclass
class Full:
    """A guild with something of everything of the lab."""

    session: Session
    own: Instance
    """Zoe's."""
    other: Instance


async def filled(here: LabWorld, guild_id: int, word: str) -> Full:
    staff = Person(700 + guild_id, "staff", manages_guild=True, manages_messages=True)
    new = NewSession(guild_id, guild_id * 100, f"{word} title")
    session = await here.world.sessions.start(new, staff)
    zoe = ZOE if guild_id == 1 else ZOE_ELSEWHERE
    environment = {"WORD": word}
    own, other = [
        await here.run(
            person,
            name=f"{word}-{person.id}",
            session=session,
            environment=environment,
            lifetime=timedelta(minutes=5),
        )
        for person in (zoe, OTHER)
    ]
    await here.lab.access.set_banned(guild_id, BANNED.id, staff, banned=True)
    await here.lab.keys.add(guild_id, zoe, KEYS[guild_id], f"{word}-key")
    if guild_id == 2:
        await here.lab.access.set_closed(guild_id, staff, closed=True)
    return Full(session, own, other)


async def rows_of(here: LabWorld, guild_id: int) -> Any:
    found = {
        name: await here.world.rows(f"SELECT * FROM {name} WHERE {where}", guild_id)
        for name, where in TABLES.items()
    }
    number = str(guild_id)
    containers = [
        (state.engine_id, state.is_running, state.is_paused)
        for state in here.driver.owned(here.lab.installation)
        if state.labels["study-bot.guild"] == number
    ]
    return found, sorted(containers)


def request(a: Full, **given: Any) -> LaunchRequest:
    return LaunchRequest(a.session, a.session.channel_id, ZOE, "hello", **given)


async def pull(w: LabWorld, a: Full) -> Any:
    w.driver.registry = {"redis:7": Offered()}
    flag = threading.Event()
    return await w.lab.images.pull(a.session, ZOE, "redis:7", lambda _: None, flag)


Call = Callable[[LabWorld, Full, Full], Any]

# How each method is called by Zoe in guild 1 (`a`), naming what belongs to guild 2 (`b`).
CALLS: dict[str, Call] = {
    "Access.load": lambda w, a, b: w.lab.access.load(),
    "Access.has_lab": lambda w, a, b: w.lab.access.has_lab(1),
    "Access.require_lab": lambda w, a, b: w.lab.access.require_lab(1),
    "Access.is_closed": lambda w, a, b: w.lab.access.is_closed(1),
    "Access.is_banned": lambda w, a, b: w.lab.access.is_banned(1, OTHER.id),
    "Access.role": lambda w, a, b: w.lab.access.role(ZOE, a.session),
    "Access.require_lead": lambda w, a, b: w.lab.access.require_lead(ZOE, a.session),
    "Access.require_moderator": lambda w, a, b: w.lab.access.require_moderator(ZOE, 1),
    "Access.check": lambda w, a, b: w.lab.access.check(ZOE, a.session),
    "Access.set_closed": lambda w, a, b: w.lab.access.set_closed(1, ZOE, closed=False),
    "Access.set_banned": lambda w, a, b: w.lab.access.set_banned(1, BANNED.id, ZOE, banned=False),
    "Audit.latest": lambda w, a, b: w.lab.audit.latest(1, ZOE, about=OTHER.id),
    "Directory.load": lambda w, a, b: w.lab.directory.load(),
    "Directory.theirs": lambda w, a, b: w.lab.directory.theirs(1, ZOE),
    "Directory.seen": lambda w, a, b: w.lab.directory.seen(1, ZOE),
    "Images.local": lambda w, a, b: w.lab.images.local(1),
    "Images.search": lambda w, a, b: w.lab.images.search(1, SECRET),
    "Images.names_for": lambda w, a, b: w.lab.images.names_for(a.session, ZOE),
    "Images.check_pull": lambda w, a, b: w.lab.images.check_pull(a.session, ZOE, "redis:7"),
    "Images.pull": lambda w, a, b: pull(w, a),
    "Images.remove": lambda w, a, b: w.lab.images.remove(a.session, ZOE, "study/hello"),
    "Instances.get": lambda w, a, b: w.lab.instances.get(b.own.id, 1, ZOE),
    "Instances.named": lambda w, a, b: w.lab.instances.named(1, b.own.name, ZOE),
    "Instances.peek": lambda w, a, b: w.lab.instances.peek(b.own.id, 1),
    "Instances.mine": lambda w, a, b: w.lab.instances.mine(1, ZOE.id),
    "Instances.visible": lambda w, a, b: w.lab.instances.visible(1, ZOE),
    "Instances.roster": lambda w, a, b: w.lab.instances.roster(a.session),
    "Instances.extend_soon": lambda w, a, b: w.lab.instances.extend_soon(1, ZOE),
    "Instances.freeze_owner": lambda w, a, b: w.lab.instances.freeze_owner(1, OTHER.id),
    "Launcher.request": lambda w, a, b: w.lab.launcher.request(request(a, name="mine")),
    "Keeper.clear": lambda w, a, b: w.lab.keeper.clear(a.session, ZOE),
    "Standings.now": lambda w, a, b: w.lab.standings.now(1),
    "SshKeys.of": lambda w, a, b: w.lab.keys.of(1, ZOE.id),
    "SshKeys.add": lambda w, a, b: w.lab.keys.add(1, ZOE, KEYS[2], "new"),
    "SshKeys.remove": lambda w, a, b: w.lab.keys.remove(1, ZOE, f"{SECRET}-key"),
}

CLOCKWORK = "called by the clock or at a start, for all guilds alike"
OF_HOSTS = "images, templates and ISOs belong to hosts, not to guilds"
GIVEN = "takes what was found by its guild before: Instances.get, named, mine; SessionService.get"
EXEMPT = {
    "Access.is_staff": GIVEN,
    "Directory.on_event": CLOCKWORK,
    "Directory.close": CLOCKWORK,
    "Images.check_size": OF_HOSTS,
    "Images.evict": OF_HOSTS,
    "Images.fetch": OF_HOSTS,
    "Images.flush": CLOCKWORK,
    "Images.forget": OF_HOSTS,
    "Images.known": OF_HOSTS,
    "Images.refresh_names": CLOCKWORK,
    "Instances.shown_to_all": CLOCKWORK,
    "Instances.up": CLOCKWORK,
    **{
        f"Instances.{name}": GIVEN
        for name in (
            *("at", "change", "disk_used", "extend", "figures", "freeze", "of_session", "publish"),
            *("remove", "require_staff", "restart", "start", "stop", "thaw"),
        )
    },
    **{f"Insides.{name}": GIVEN for name in ("execute", "logs", "processes")},
    "Guests.isos": OF_HOSTS,
    "Guests.templates": OF_HOSTS,
    **{
        f"Guests.{name}": GIVEN
        for name in (
            *(
                "console",
                "execute",
                "create_snapshot",
                "delete_snapshot",
                "force_stop",
                "pause",
                "press",
            ),
            *("reboot", "resume", "revert", "screen", "snapshots", "stop", "system", "type_text"),
        )
    },
    "Launcher.cancel": GIVEN,
    "Launcher.run": CLOCKWORK,
    "Launcher.wake": CLOCKWORK,
    "Launcher.watch": CLOCKWORK,
    "Keeper.consumer": CLOCKWORK,
    "Keeper.kill": GIVEN,
    "Keeper.reconcile": CLOCKWORK,
    "Keeper.reconcile_all": CLOCKWORK,
    "Keeper.remove_all": GIVEN,
    "Keeper.take_away": GIVEN,
    "Keeper.tick": CLOCKWORK,
}
# What names something of the other guild outright must be refused or find nothing.
REFUSED = {"Instances.get", "Instances.named", "SshKeys.remove"}
EMPTY = {"Instances.peek", "Access.is_closed", "Access.is_banned"}


def test_every_public_method_is_here():
    rooms = (Access, Audit, Directory, Images, Instances, Launcher, Keeper, Standings)
    rooms += (SshKeys, Insides, Guests)
    methods = {
        f"{room.__name__}.{name}"
        for room in rooms
        for name, _ in inspect.getmembers(room, inspect.isfunction)
        if not name.startswith("_")
    }
    assert methods == set(CALLS) | set(EXEMPT)


@pytest.mark.parametrize("name", CALLS)
async def test_nothing_of_the_other_guild_shows_or_changes(here: LabWorld, name: str):
    b = await filled(here, 2, SECRET)
    a = await filled(here, 1, "aword")
    await here.lab.directory.load()
    before = await rows_of(here, 2)
    result: Any = None
    refusal: StudyBotError | None = None
    try:
        result = CALLS[name](here, a, b)
        if inspect.isawaitable(result):
            result = await result
    except StudyBotError as error:
        refusal = error
    # Whoever types a name is told that name.
    assert SECRET not in str(refusal).replace(b.own.name, "").replace(f"{SECRET}-key", "")
    assert refusal is not None or name not in REFUSED
    if name in EMPTY:
        assert not result
    assert SECRET not in repr(result)
    assert await rows_of(here, 2) == before
    assert here.lab.access.is_closed(2)
    assert here.lab.access.is_banned(2, BANNED.id)


async def test_a_session_with_another_guilds_number_launches_nothing(here: LabWorld):
    b = await filled(here, 2, SECRET)
    a = await filled(here, 1, "aword")
    before = await rows_of(here, 2)
    forged = replace(a, session=replace(a.session, id=b.session.id))
    with pytest.raises(StudyBotError):
        await here.lab.launcher.request(request(forged))
    assert await rows_of(here, 2) == before
