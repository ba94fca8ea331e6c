"""The lab, put together."""

import contextlib
import secrets
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from bot.database import Transaction, fact, put_fact
from bot.guilds import GuildService
from bot.lab.access import Access
from bot.lab.audit import Audit
from bot.lab.catalogue import Catalogue
from bot.lab.container_works import ContainerWorks
from bot.lab.directory import Directory
from bot.lab.drivers import ContainerDriver, GuestDriver, connect_guests
from bot.lab.guest_errors import NoLibvirt
from bot.lab.guests import Clearing, Downloads, Files, Guests, GuestSteps, GuestWorks
from bot.lab.hosts import AnyHost, GuestHost, Host, Hosts
from bot.lab.images import Images
from bot.lab.insides import Insides
from bot.lab.instances import Instances
from bot.lab.keeper import Keeper
from bot.lab.keys import SshKeys
from bot.lab.launches import Launches
from bot.lab.launching import Launcher
from bot.lab.model import HostSettings, Kind
from bot.lab.networks import Networks
from bot.lab.progress import ProgressBoard
from bot.lab.proving import Proving
from bot.lab.standing import Standings
from bot.lab.steps import Steps
from bot.lab.works import AnyWorks, Cancelled
from bot.sessions import SessionService
from bot.timeline import Timeline

log = structlog.get_logger(__name__)

# In the data folder: images of virtual machines on their way to a host.
_DOWNLOADS = "downloads"
INSTALLATION_FACT = "installation_id"


@dataclass(frozen=True, slots=True)
class Lab:
    """Everything about the lab that others may call."""

    catalogue: Catalogue
    access: Access
    audit: Audit
    directory: Directory
    hosts: Hosts[Host]
    guest_hosts: Hosts[GuestHost]
    guests: Guests
    keys: SshKeys
    insides: Insides
    images: Images
    instances: Instances
    launcher: Launcher
    keeper: Keeper
    proving: Proving
    standings: Standings
    installation: str


def installation_id(tx: Transaction) -> str:
    """Return this installation's random id, made when it is first asked for."""
    known = fact(tx, INSTALLATION_FACT)
    if known is None:
        known = secrets.token_hex(16)
        put_fact(tx, INSTALLATION_FACT, known)
    return known


@contextlib.asynccontextmanager
async def open_lab(
    timeline: Timeline,
    guilds: GuildService,
    sessions: SessionService,
    catalogue: Catalogue,
    connect: Callable[[HostSettings], ContainerDriver],
    connect_guests: Callable[[HostSettings], GuestDriver] = connect_guests,
    *,
    in_playground: bool,
    data: Path,
) -> AsyncGenerator[Lab]:
    """Put the lab's rooms together; nothing runs yet, and no host is asked anything.

    `data`: the folder that is this process's alone.
    """
    installation = await timeline.database.write(installation_id)
    hosts = Hosts({one.name: Host(one, connect(one)) for one in catalogue.hosts if one.docker})
    guest_hosts = Hosts(_guest_hosts(catalogue, connect_guests))
    access = Access(timeline, guilds, sessions, catalogue, in_playground=in_playground)
    progress = ProgressBoard()
    launches = Launches(timeline, progress, catalogue)
    images = Images(timeline, access, catalogue, hosts)
    networks = Networks(timeline, installation)
    steps = Steps(installation, images, networks, launches, catalogue)
    containers = ContainerWorks(catalogue, hosts, steps, images, networks, installation)
    keys = SshKeys(timeline, access)
    files = Files(timeline, catalogue, installation, Downloads(), data / _DOWNLOADS)
    clearing = Clearing(timeline, installation, files)
    guest_steps = GuestSteps(installation, files, clearing, launches, catalogue, keys)
    guest_works = GuestWorks(catalogue, guest_hosts, guest_steps, clearing, installation)
    works: AnyWorks = {Kind.CONTAINER: containers, Kind.GUEST: guest_works}
    instances = Instances(timeline, access, catalogue, works)
    launcher = Launcher(timeline, access, catalogue, works, launches)
    keeper = Keeper(timeline, access, catalogue, works, instances, launcher, images, installation)
    proving = Proving(installation)

    def gone(instance_id: int) -> None:
        if progress.get(instance_id) is not None:
            progress.end(instance_id, Cancelled())
        launcher.wake()

    instances.gone = gone

    async def fresh(host: Host) -> None:
        networks.forget(host)
        images.forget(host)

    async def fresh_guests(host: GuestHost) -> None:
        files.forget(host)

    async def go_on(_host: AnyHost) -> None:
        launcher.wake()

    hosts.on_up += [fresh, proving.prove, keeper.reconcile, go_on]
    guest_hosts.on_up += [fresh_guests, proving.prove, keeper.reconcile, go_on]
    if len(guest_hosts):
        await files.open()
    await access.load()
    directory = Directory(timeline, access)
    await directory.load()
    try:
        yield Lab(
            catalogue=catalogue,
            access=access,
            audit=Audit(timeline, access),
            directory=directory,
            hosts=hosts,
            guest_hosts=guest_hosts,
            guests=Guests(timeline, catalogue, instances, guest_works),
            keys=keys,
            insides=Insides(timeline, hosts),
            images=images,
            instances=instances,
            launcher=launcher,
            keeper=keeper,
            proving=proving,
            standings=Standings(timeline, hosts, guest_hosts),
            installation=installation,
        )
    finally:
        await launches.close()
        await directory.close()
        await hosts.close()
        await guest_hosts.close()


def _guest_hosts(
    catalogue: Catalogue, connect: Callable[[HostSettings], GuestDriver]
) -> dict[str, GuestHost]:
    """Return the machines that have a hypervisor; none where its library isn't installed."""
    found: dict[str, GuestHost] = {}
    for one in catalogue.hosts:
        if one.libvirt is None:
            continue
        try:
            found[one.name] = GuestHost(one, connect(one))
        except NoLibvirt as error:
            log.warning("no virtual machines", host=one.name, why=str(error))
    return found
