"""The lab, put together."""

import contextlib
import secrets
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

from bot.database import Transaction, fact, put_fact
from bot.guilds import GuildService
from bot.lab.access import Access
from bot.lab.audit import Audit
from bot.lab.catalogue import Catalogue
from bot.lab.directory import Directory
from bot.lab.drivers import ContainerDriver
from bot.lab.hosts import Host, Hosts
from bot.lab.images import Images
from bot.lab.instances import Instances
from bot.lab.keeper import Keeper
from bot.lab.launching import Launcher
from bot.lab.model import HostSettings
from bot.lab.networks import Networks
from bot.lab.progress import ProgressBoard
from bot.lab.proving import Proving
from bot.lab.standing import Standings
from bot.lab.steps import Cancelled, Steps
from bot.sessions import SessionService
from bot.timeline import Timeline

INSTALLATION_FACT = "installation_id"


@dataclass(frozen=True, slots=True)
class Lab:
    """Everything about the lab that others may call."""

    catalogue: Catalogue
    access: Access
    audit: Audit
    directory: Directory
    hosts: Hosts
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
    *,
    in_playground: bool,
) -> AsyncGenerator[Lab]:
    """Put the lab's rooms together; nothing runs yet, and no host is asked anything."""
    installation = await timeline.database.write(installation_id)
    hosts = Hosts({one.name: Host(one, connect(one)) for one in catalogue.hosts})
    access = Access(timeline, guilds, sessions, catalogue, in_playground=in_playground)
    images = Images(timeline, access, catalogue, hosts)
    networks = Networks(timeline, installation)
    progress = ProgressBoard()
    steps = Steps(timeline, installation, images, networks, progress, catalogue.grace)
    instances = Instances(timeline, access, catalogue, hosts)
    launcher = Launcher(timeline, access, catalogue, hosts, steps, progress)
    keeper = Keeper(
        timeline, access, catalogue, hosts, instances, launcher, networks, images, installation
    )
    proving = Proving(installation)

    def gone(instance_id: int) -> None:
        if progress.get(instance_id) is not None:
            progress.end(instance_id, Cancelled())
        launcher.wake()

    instances.gone = gone

    async def fresh(host: Host) -> None:
        networks.forget(host)
        images.forget(host)

    async def go_on(_host: Host) -> None:
        launcher.wake()

    hosts.on_up += [fresh, proving.prove, keeper.reconcile, go_on]
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
            images=images,
            instances=instances,
            launcher=launcher,
            keeper=keeper,
            proving=proving,
            standings=Standings(timeline, hosts),
            installation=installation,
        )
    finally:
        await hosts.close()
