"""What a card is drawn from: an instance, what it uses right now, how far its launch is."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.errors import StudyBotError
from bot.lab import Figures, GuestHostFacts, Instance, Kind, Progress, State
from bot.lab.figures import figures
from bot.usage import Point
from cogs.kit import Services
from cogs.moving import MOVES_FOR
from cogs.pictures import Picture, fitted

_ANSWERS_WITHIN = timedelta(seconds=10)
# A guest boots for longer than that before anybody need wonder.
_GUEST_ANSWERS_WITHIN = timedelta(seconds=60)
_THUMBNAIL_PIXELS = 800


@dataclass(frozen=True, slots=True)
class Login:
    """How its owner logs in to a guest. `port` leads to its port 22.

    `user` None: whoever was made while installing it. `has_key`: whether it knows one of theirs,
    which is one that was on file when it started.
    """

    address: str
    port: int
    user: str | None
    has_key: bool


@dataclass(frozen=True, slots=True)
class Look:
    """An instance at a moment.

    `address`: the name people reach its host by. `problem`: why there are no figures. Of guests
    also: `under`, what its host is; `system`, what the catalogue calls it; `picture`, its screen
    where everybody may see it; `login`, where it is the owner's own look.
    """

    instance: Instance
    address: str
    at: datetime
    progress: Progress | None = None
    figures: Figures | None = None
    problem: StudyBotError | None = None
    under: GuestHostFacts | None = None
    system: str = ""
    snapshots: int | None = None
    picture: Picture | None = None
    login: Login | None = None
    # Its last minute, for small bars; and whether somebody has it move beyond its first ones.
    recent: tuple[Point, ...] = ()
    is_watched: bool = False

    @property
    def is_guest(self) -> bool:
        """Whether it is a virtual machine."""
        return self.instance.kind is Kind.GUEST

    @property
    def is_starting(self) -> bool:
        """Whether it waits or starts."""
        return self.instance.state in (State.QUEUED, State.LAUNCHING)

    @property
    def is_booting(self) -> bool:
        """Whether it is a guest that is switched on and being waited for."""
        is_on = self.instance.state is State.RUNNING
        return self.is_guest and is_on and self.progress is not None

    @property
    def is_moving(self) -> bool:
        """Whether it looks different soon without anything happening."""
        if self.is_starting:
            return True
        return self.instance.state is State.RUNNING and not self.is_old

    @property
    def is_old(self) -> bool:
        """Whether it has been up for so long that its figures stand still."""
        started = self.instance.started_at
        if self.is_watched:
            return False
        return started is not None and self.at - started > MOVES_FOR

    @property
    def waits_for(self) -> int | None:
        """The port inside that doesn't answer, though it had the time."""
        instance = self.instance
        if instance.state is not State.RUNNING or instance.ready_at is not None:
            return None
        patience = _GUEST_ANSWERS_WITHIN if self.is_guest else _ANSWERS_WITHIN
        if instance.started_at is None or self.at - instance.started_at < patience:
            return None
        return next((port.container for port in instance.ports if port.protocol == "tcp"), None)

    @property
    def pictures(self) -> tuple[Picture, ...] | None:
        """What its message shows as attachments; None for what has no screen."""
        if not self.is_guest:
            return None
        return (self.picture,) if self.picture is not None else ()


async def look_at(
    services: Services,
    instance: Instance,
    *,
    figures: bool = True,
    picture: bool = False,
    login: bool = False,
) -> Look:
    """Look at an instance; what its host doesn't tell right now is left out, and why is said."""
    lab = services.lab
    look = Look(
        instance,
        addresses(services).get(instance.host, instance.host),
        services.clock(),
        lab.launcher.progress.get(instance.id),
        recent=services.usage.recent(instance),
        is_watched=services.moving.is_watched(instance.id),
    )
    if look.is_guest:
        look = await _guest(services, look, picture=picture, login=login)
    if not figures or instance.state is not State.RUNNING:
        return look
    try:
        read = await _figures(services, instance)
    except StudyBotError as error:
        now = await lab.instances.peek(instance.id, instance.guild_id)
        if now is not None and now.state is not State.RUNNING:
            # It was stopped while it was being looked at.
            return replace(look, instance=now, picture=None)
        return replace(look, problem=error)
    return replace(look, figures=read)


async def _figures(services: Services, instance: Instance) -> Figures:
    """Return what it uses: as it was sampled a moment ago, else by asking its host."""
    reading = services.usage.latest(instance)
    if reading is None or reading.sample.cpus is None:
        return await services.lab.instances.figures(instance)
    sampled = figures(None, reading.counters)
    used = sampled.disk_used_bytes
    if used is None:
        used = await services.lab.instances.disk_used(instance)
    return replace(sampled, cpu_share=reading.sample.cpus, disk_used_bytes=used)


async def _guest(services: Services, look: Look, *, picture: bool, login: bool) -> Look:
    lab, instance = services.lab, look.instance
    template = lab.catalogue.guests.get(instance.template or "")
    host = next((one for one in lab.guest_hosts if one.name == instance.host), None)
    look = replace(
        look,
        under=host.facts if host is not None else None,
        system=template.system if template is not None else "",
    )
    if login:
        look = replace(look, login=await login_of(services, instance))
        if instance.state in (State.RUNNING, State.STOPPED, State.FROZEN):
            look = replace(look, snapshots=await _snapshots(services, instance))
    if picture and instance.public and instance.state in (State.RUNNING, State.FROZEN):
        look = replace(look, picture=await _thumbnail(services, instance))
    return look


async def _snapshots(services: Services, instance: Instance) -> int | None:
    try:
        return len(await services.lab.guests.snapshots(instance))
    except StudyBotError:
        return None


async def _thumbnail(services: Services, instance: Instance) -> Picture | None:
    try:
        png = await services.lab.guests.screen(instance, None)
        return Picture.named("screen", await fitted(png, _THUMBNAIL_PIXELS))
    except (StudyBotError, OSError):
        return None  # The card does without; /vm screen says why.


async def login_of(services: Services, instance: Instance) -> Login | None:
    """Return how its owner logs in to a guest; None before it has a port."""
    if not instance.ports or not instance.ports[0].host:
        return None
    template = services.lab.catalogue.guests.get(instance.template or "")
    owner = instance.owner_id
    keys = await services.lab.keys.of(instance.guild_id, owner) if owner is not None else []
    known_until = instance.started_at or services.clock()
    return Login(
        addresses(services).get(instance.host, instance.host),
        instance.ports[0].host,
        template.user if template is not None and template.seeded else None,
        any(key.added_at <= known_until for key in keys),
    )


def addresses(services: Services) -> dict[str, str]:
    """Return the name people reach each host by."""
    return {host.name: host.public_name for host in services.lab.catalogue.hosts}
