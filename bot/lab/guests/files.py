"""The catalogue's files in the hosts' pools: brought once for all who wait, checked, kept small."""

import asyncio
import hashlib
import shutil
import tempfile
import threading
from collections.abc import Coroutine
from pathlib import Path, PurePosixPath
from typing import Any

import structlog

from bot.lab import holdings
from bot.lab.catalogue import Catalogue
from bot.lab.drivers import Layer, LayerState, PullProgress, Upload
from bot.lab.errors import NameTaken
from bot.lab.guest_errors import ChecksumWrong, DownloadFailed
from bot.lab.guests.downloads import Downloads
from bot.lab.guests.spec import Prepared, base_name
from bot.lab.holdings import KeptVolume
from bot.lab.hosts import WORK_SECONDS, GuestHost
from bot.lab.model import GuestSource, GuestTemplate, Origin
from bot.lab.sharing import Sharing, Show
from bot.timeline import Timeline

log = structlog.get_logger(__name__)

_UPLOAD_SECONDS = 3600.0
_CHUNK = 1024 * 1024


class Files:
    """Brings what a guest starts from into its host's pool."""

    def __init__(
        self,
        timeline: Timeline,
        catalogue: Catalogue,
        installation: str,
        downloads: Downloads,
        folder: Path,
    ) -> None:
        self._timeline = timeline
        self._database = timeline.database
        self._catalogue = catalogue
        self._installation = installation
        self._downloads = downloads
        self._folder = folder
        # Volumes seen in their pool, so that a launch needn't ask again.
        self._there: dict[str, set[str]] = {}
        self._under_way = Sharing[None]()
        # Sums of files on this machine, by path, size and time of their last change.
        self._sums: dict[tuple[str, int, int], str] = {}

    def forget(self, host: GuestHost) -> bool:
        """Ask the host again next time; say whether anything was remembered."""
        return bool(self._there.pop(host.key, None))

    async def open(self) -> None:
        """Make the folder where files come to from the web; what a crash left there goes."""

        def work() -> None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir(parents=True)

        await asyncio.to_thread(work)

    @property
    def places(self) -> frozenset[str]:
        """Where the files come from that the catalogue offers now."""
        guests, isos = self._catalogue.guests.values(), self._catalogue.isos.values()
        origins = [
            *(one.image for one in guests),
            *(one.initrd for one in guests),
            *(one.origin for one in isos),
        ]
        return frozenset(one.place for one in origins if one is not None)

    async def prepare(
        self,
        host: GuestHost,
        template: GuestTemplate,
        iso: str | None,
        show: Show,
        cancelled: threading.Event,
    ) -> Prepared:
        """Return the volumes a guest starts from, each brought where it isn't there.

        Raises:
            DownloadFailed, ChecksumWrong, DiskFull, PoolInactive, PullCancelled, HostUnreachable.
        """

        async def there(name: str, origin: Origin | None) -> str | None:
            if origin is None:
                return None
            return await self._there_as(host, name, origin, show, cancelled)

        is_kernel = template.source is GuestSource.KERNEL
        image = await there(template.name, template.image)
        disc = self._catalogue.iso(iso) if iso is not None else None
        return Prepared(
            base=None if is_kernel else image,
            kernel=image if is_kernel else None,
            initrd=await there(template.name, template.initrd),
            iso=None if disc is None else await there(disc.name, disc.origin),
        )

    async def _there_as(
        self,
        host: GuestHost,
        name: str,
        origin: Origin,
        show: Show,
        cancelled: threading.Event,
    ) -> str:
        sha512 = await self._sum_of(host, name, origin)
        volume = base_name(self._installation, sha512)
        kept = KeptVolume(volume, origin.place, sha512)
        if host.key not in self._there:
            found = await host.work(WORK_SECONDS, host.driver.volumes, self._installation)
            self._there[host.key] = {one.name for one in found}
        if volume not in self._there[host.key]:

            def begin(show: Show, flag: threading.Event) -> Coroutine[Any, Any, None]:
                return self._bring(host, name, origin, kept, show, flag)

            await self._under_way.wait_for((host.key, volume), begin, show, cancelled)
        at = self._timeline.clock()
        await self._database.write(holdings.keep_volume, host.key, kept, at)
        return volume

    async def _sum_of(self, host: GuestHost, name: str, origin: Origin) -> str:
        """Return what the file's sum has to be; of an unchecked one here, what it is."""
        if origin.sha512 is not None:
            return origin.sha512
        if origin.sums is None:
            return await asyncio.to_thread(self._sum_of_path, name, Path(origin.place))
        file = PurePosixPath(origin.place).name
        try:
            return await self._downloads.published_sum(origin.sums, file)
        except DownloadFailed:
            # One that was right when it was brought does as well while the web is away.
            kept = await self._database.read(holdings.kept_volumes, host.key)
            known = [one for one in kept if one.place == origin.place]
            if not known:
                raise
            return known[-1].sha512

    def _sum_of_path(self, name: str, path: Path) -> str:
        try:
            stat = path.stat()
            key = (str(path), stat.st_size, stat.st_mtime_ns)
            if key not in self._sums:
                digest = hashlib.sha512()
                with path.open("rb") as file:
                    while chunk := file.read(_CHUNK):
                        digest.update(chunk)
                self._sums[key] = digest.hexdigest()
        except OSError as error:
            raise DownloadFailed(name=name, why=f"{path.name}: {error.strerror}.") from error
        return self._sums[key]

    async def _bring(
        self,
        host: GuestHost,
        name: str,
        origin: Origin,
        volume: KeptVolume,
        show_all: Show,
        flag: threading.Event,
    ) -> None:
        def show(current: int, total: int) -> None:
            show_all(PullProgress((Layer(name, LayerState.DOWNLOADING, current, total),)))

        at = self._timeline.clock()
        # The row first: what was brought and then forgotten in a crash is ours all the same.
        await self._database.write(holdings.keep_volume, host.key, volume, at)
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            path = Path(origin.place)
            if "://" in origin.place:
                path = Path(folder) / "image"
                await self._downloads.fetch(
                    name, origin.place, path, volume.sha512, progress=show, is_cancelled=flag.is_set
                )
            elif await asyncio.to_thread(self._sum_of_path, name, path) != volume.sha512:
                raise ChecksumWrong(name=name)

            def uploaded(upload: Upload) -> None:
                show(upload.current_bytes, upload.total_bytes)

            try:
                await host.wait_for(
                    _UPLOAD_SECONDS,
                    host.driver.upload,
                    volume.name,
                    path,
                    progress=uploaded,
                    cancelled=flag,
                )
            except NameTaken:
                log.info("a volume was there already", name=volume.name, host=host.key)
        self._there.setdefault(host.key, set()).add(volume.name)
