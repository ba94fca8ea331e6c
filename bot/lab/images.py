"""Images: list, search, pull once for all who wait, remove, and keep the cache small."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterable
from datetime import datetime
from functools import partial
from typing import Any

import structlog

from bot.database import Transaction
from bot.guilds import Person
from bot.lab import events, holdings
from bot.lab.access import Access
from bot.lab.catalogue import Catalogue
from bot.lab.drivers import FoundImage, Image
from bot.lab.errors import (
    BadImageName,
    HostUnreachable,
    ImageInUse,
    ImageNotAllowed,
    ImageNotFound,
    ImageNotOurs,
    ImageTooLarge,
    TemplatesOnly,
)
from bot.lab.hosts import WORK_SECONDS, Host, Hosts
from bot.lab.model import Template
from bot.lab.references import ImageReference
from bot.lab.sharing import Sharing, Show
from bot.lab.sizes import spoken_size
from bot.sessions import Session
from bot.timeline import NewEvent, Timeline

log = structlog.get_logger(__name__)

_PULL_SECONDS = 30 * 60.0
_SEARCH_SECONDS = 15.0
_SEARCHED = 25


class Images:
    """The images of all hosts."""

    def __init__(
        self, timeline: Timeline, access: Access, catalogue: Catalogue, hosts: Hosts[Host]
    ) -> None:
        self._timeline = timeline
        self._database = timeline.database
        self._access = access
        self._catalogue = catalogue
        self._hosts = hosts
        # Images seen on their host, by what they were asked for.
        self._seen: dict[tuple[str, str], Image] = {}
        self._pulls = Sharing[Image]()
        self._last_used: dict[tuple[str, str], datetime] = {}
        # For autocomplete, which must not ask anybody.
        self._names: tuple[str, ...] = ()

    @property
    def templates(self) -> list[Template]:
        """The catalogue, in the operator's order."""
        return list(self._catalogue.templates.values())

    @property
    def names(self) -> tuple[str, ...]:
        """The tags of local images that are allowed here, as last seen."""
        return self._names

    def names_for(self, session: Session, by: Person) -> tuple[str, ...]:
        """Return the local images somebody may name in a session, as last seen."""
        role = self._access.role(by, session)
        return self._names if self._catalogue.limits[role].plain_images else ()

    async def refresh_names(self) -> None:
        """Look which images there are, for those who will name one."""
        lists = await asyncio.gather(
            *(host.call(host.driver.images) for host in self._hosts.up), return_exceptions=True
        )
        self._saw(one for images in lists if isinstance(images, list) for one in images)

    def _saw(self, images: Iterable[Image]) -> None:
        names: set[str] = set()
        for tag in (tag for image in images for tag in image.tags):
            with contextlib.suppress(BadImageName):
                if self._catalogue.allows_image(ImageReference.parse(tag)):
                    names.add(tag)
        self._names = tuple(sorted(names))

    async def local(self, guild_id: int) -> list[Image]:
        """List the images of the hosts that answer, newest first.

        Raises:
            LabOff, NoLab: the guild has none. HostUnreachable: no host answers.
        """
        self._access.require_lab(guild_id)
        hosts = self._hosts.up
        if not hosts:
            raise HostUnreachable
        lists = await asyncio.gather(*(host.call(host.driver.images) for host in hosts))
        found = {image.id: image for images in lists for image in images if image.tags}
        self._saw(found.values())
        return list(found.values())

    async def search(self, guild_id: int, term: str) -> list[FoundImage]:
        """Ask the public hub.

        Raises:
            HubUnreachable: it can't be reached from the lab. HostUnreachable.
        """
        self._access.require_lab(guild_id)
        host = self._first()
        return await host.work(_SEARCH_SECONDS, host.driver.search, term, _SEARCHED)

    def check_pull(self, session: Session, by: Person, text: str) -> str:
        """Return what somebody would pull, without asking anybody whether it is there.

        Raises:
            TemplatesOnly, ImageNotAllowed: not for this person. HostUnreachable.
        """
        self._first()
        return self._allowed(session, by, text)

    async def pull(
        self, session: Session, by: Person, text: str, show: Show, cancelled: threading.Event
    ) -> Image:
        """Pull an image to the first host, for later launches.

        Raises:
            TemplatesOnly, ImageNotAllowed: not for this person. PullCancelled, ImageNotFound,
            RegistryUnreachable, WrongArchitecture, ImageTooLarge, DiskFull, HostUnreachable.
        """
        reference = self._allowed(session, by, text)
        host = self._first()
        image = await self.fetch(host, reference, show, cancelled)
        await self._note(events.IMAGE_PULLED, session, by)
        return image

    async def remove(self, session: Session, by: Person, text: str) -> str:
        """Remove an image this installation pulled, from all hosts; return its name.

        Raises:
            TemplatesOnly: not for this person. ImageNotOurs, ImageInUse, HostUnreachable.
        """
        reference = self._allowed(session, by, text)
        removed = False
        hosts = self._hosts.up
        if not hosts:
            raise HostUnreachable
        for host in hosts:
            ours = await self._database.read(holdings.pulled_images, host.name)
            if reference in ours:
                await self._remove(host, reference)
                removed = True
        if not removed:
            raise ImageNotOurs(image=reference)
        await self._note(events.IMAGE_REMOVED, session, by)
        return reference

    async def known(self, host: Host, reference: str) -> Image | None:
        """Return an image that is on a host, without asking it twice."""
        key = (host.name, reference)
        image = self._seen.get(key)
        if image is None:
            image = await host.work(WORK_SECONDS, host.driver.image, reference)
            if image is not None:
                self._seen[key] = image
        if image is not None:
            self._used(host, reference)
        return image

    def forget(self, host: Host, reference: str | None = None) -> None:
        """Ask the host again next time."""
        for key in [key for key in self._seen if key[0] == host.name]:
            if reference in (None, key[1]):
                del self._seen[key]

    async def fetch(
        self, host: Host, reference: str, show: Show, cancelled: threading.Event
    ) -> Image:
        """Pull an image; whoever asks for one that is being pulled waits for that one.

        `cancelled` takes back the asking; the pull itself ends when nobody waits for it.
        """
        key = (host.name, reference)

        def begin(show: Show, flag: threading.Event) -> Coroutine[Any, Any, Image]:
            return self._pull(host, reference, show, flag)

        return await self._pulls.wait_for(key, begin, show, cancelled)

    def check_size(self, reference: str, image: Image) -> None:
        """Let through what isn't too large.

        Raises:
            ImageTooLarge.
        """
        most = self._catalogue.images.max_bytes
        if image.size_bytes > most:
            raise ImageTooLarge(
                image=reference, size=spoken_size(image.size_bytes), most=spoken_size(most)
            )

    async def evict(self, host: Host, *, spared: str = "") -> list[str]:
        """Remove the longest unused images we pulled until the cache is small enough.

        `spared` was pulled just now, and stays.
        """
        ours = await self._database.read(holdings.pulled_images, host.name)
        if not ours:
            return []
        local = {tag: image for image in await host.call(host.driver.images) for tag in image.tags}
        sizes = {
            reference: local[_tagged(reference)].size_bytes
            for reference in ours
            if _tagged(reference) in local
        }
        total = sum(sizes.values())
        removed: list[str] = []
        for reference, size in sizes.items():
            if reference == spared:
                continue
            if total <= host.settings.image_cache_bytes:
                break
            try:
                await self._remove(host, reference)
            except ImageInUse:
                continue
            total -= size
            removed.append(reference)
        return removed

    async def _pull(self, host: Host, reference: str, show: Show, flag: threading.Event) -> Image:
        image = await host.wait_for(
            _PULL_SECONDS,
            partial(
                host.driver.pull,
                reference,
                mirror=host.settings.mirror,
                progress=show,
                cancelled=flag,
            ),
        )
        at = self._timeline.clock()
        await self._database.write(holdings.used_image, host.name, reference, at)
        try:
            self.check_size(reference, image)
        except ImageTooLarge:
            await self._remove(host, reference)
            raise
        self._seen[host.name, reference] = image
        await self.evict(host, spared=reference)
        return image

    async def _remove(self, host: Host, reference: str) -> None:
        self.forget(host, reference)
        try:
            await host.work(WORK_SECONDS, host.driver.remove_image, reference)
        except ImageNotFound:
            log.info("image was gone already", host=host.name, image=reference)
        await self._database.write(holdings.drop_image, host.name, reference)

    def _used(self, host: Host, reference: str) -> None:
        at = self._timeline.clock()
        self._last_used[host.name, reference] = at

    async def flush(self) -> None:
        """Write down which images were used lately."""
        used, self._last_used = self._last_used, {}

        def work(tx: Transaction) -> None:
            for (host, reference), at in used.items():
                holdings.touch_image(tx, host, reference, at)

        if used:
            await self._database.write(work)

    def _allowed(self, session: Session, by: Person, text: str) -> str:
        role = self._access.check(by, session)
        template = self._catalogue.templates.get(text.strip().casefold())
        if not self._catalogue.limits[role].plain_images:
            raise TemplatesOnly(names=", ".join(self._catalogue.templates))
        if template is not None:
            return _tagged(template.image)
        reference = ImageReference.parse(text)
        if not self._catalogue.allows_image(reference):
            raise ImageNotAllowed(image=reference.familiar)
        return reference.familiar

    def _first(self) -> Host:
        hosts = self._hosts.up
        if not hosts:
            raise HostUnreachable
        return hosts[0]

    async def _note(self, kind: str, session: Session, by: Person) -> None:
        event = NewEvent(kind, session.guild_id, session.id, session.channel_id, by.id)

        def work(tx: Transaction) -> None:
            self._timeline.append(tx, event)

        await self._database.write(work)


def _tagged(reference: str) -> str:
    """Write a reference as the engine lists it: with its tag."""
    return ImageReference.parse(reference).familiar
