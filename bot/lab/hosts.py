"""The lab's machines: each a driver, called in threads with a time limit, and how it stands.

A machine that doesn't answer is noticed within seconds and from then on refused at once, so
that nobody waits for it; a look every few seconds finds out when it is back.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

import structlog

from bot.errors import StudyBotError
from bot.lab.drivers import ContainerDriver, HostFacts
from bot.lab.errors import HostUnreachable, LabError
from bot.lab.host import cgroup_parent
from bot.lab.model import HostSettings

log = structlog.get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

# People are answered within three seconds, also when what is wrong is all there is to say.
ANSWER_SECONDS = 2.5
# What takes long by its nature: stopping politely, making a container on a busy machine.
WORK_SECONDS = 60.0
_THREADS = 24
_LOOK_SECONDS = 4.0
_FRESH_SECONDS = 2.0
_PING_SECONDS = 2.5


class Host:
    """One machine of the lab."""

    def __init__(self, settings: HostSettings, driver: ContainerDriver) -> None:
        self.settings = settings
        self.driver = driver
        self.facts: HostFacts | None = None
        self.is_up = False
        # Whether the machine's protection was shown to hold; why not, for the operator.
        self.is_proven = False
        self.proof = "not verified yet"
        self.call_seconds: dict[str, list[float]] = {}
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix=f"lab:{settings.name}")
        # A thread of its own: a hung engine may hold all the others for a while.
        self._watch = ThreadPoolExecutor(1, thread_name_prefix=f"lab-watch:{settings.name}")
        self._answered_at = float("-inf")

    @property
    def name(self) -> str:
        """What the operator calls it."""
        return self.settings.name

    def cgroup_parent(self, *, is_lead: bool) -> str | None:
        """Return where its set-up wants containers to stand, so that the demo weighs more."""
        if not self.is_proven or self.facts is None:
            return None
        return cgroup_parent(self.facts.cgroup_driver, is_lead=is_lead)

    async def call(
        self,
        work: Callable[P, T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Call a method of the driver that answers soon.

        Raises:
            HostUnreachable: it doesn't answer, or not within `ANSWER_SECONDS`.
        """
        return await self._run(ANSWER_SECONDS, partial(work, *args, **kwargs))

    async def work(
        self,
        limit_seconds: float,
        work: Callable[P, T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Call a method of the driver that may take up to so many seconds.

        A machine that hung meanwhile is found out before, not after that time.

        Raises:
            HostUnreachable: it doesn't answer.
        """
        if time.monotonic() - self._answered_at > _FRESH_SECONDS:
            await self.look()
        return await self._run(limit_seconds, partial(work, *args, **kwargs))

    async def look(self) -> bool:
        """Find out whether it answers; say whether it does."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_PING_SECONDS):
                await loop.run_in_executor(self._watch, self.driver.ping)
        except (HostUnreachable, TimeoutError):
            self._went_down()
            return False
        self._answered_at = time.monotonic()
        return True

    async def close(self) -> None:
        """Let go; threads that hang in a call are left to end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._watch.shutdown(wait=False, cancel_futures=True)
        with contextlib.suppress(StudyBotError, TimeoutError):
            async with asyncio.timeout(ANSWER_SECONDS):
                await asyncio.to_thread(self.driver.close)

    def came_up(self, facts: HostFacts) -> None:
        """Note that it answers, and what it is."""
        self.facts = facts
        self.is_up = True

    def _went_down(self) -> None:
        if self.is_up:
            log.warning("lab host unreachable", host=self.name)
        self.is_up = False

    async def _run(self, seconds: float, work: "partial[T]") -> T:
        if not self.is_up:
            raise HostUnreachable
        began = time.monotonic()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(seconds):
                result = await loop.run_in_executor(self._threads, work)
        except TimeoutError as error:
            await self.look()
            raise HostUnreachable from error
        except HostUnreachable:
            await self.look()
            raise
        ended = self._answered_at = time.monotonic()
        timings = self.call_seconds.setdefault(work.func.__name__, [])
        timings.append(ended - began)
        del timings[:-100]
        return result


class Hosts:
    """All machines of the lab, watched."""

    def __init__(self, hosts: Mapping[str, Host]) -> None:
        self._hosts = dict(hosts)
        # Told when a machine answers (again), before anything is asked of it.
        self.on_up: list[Callable[[Host], Awaitable[None]]] = []

    def __iter__(self) -> Iterator[Host]:
        return iter(list(self._hosts.values()))

    def __len__(self) -> int:
        return len(self._hosts)

    @property
    def up(self) -> list[Host]:
        """Those that answer."""
        return [host for host in self._hosts.values() if host.is_up]

    def get(self, name: str) -> Host:
        """Return one by name.

        Raises:
            HostUnreachable: the operator took it out of the file.
        """
        host = self._hosts.get(name)
        if host is None:
            raise HostUnreachable
        return host

    async def run(self) -> None:
        """Watch every machine until cancelled."""
        async with asyncio.TaskGroup() as group:
            for host in self:
                group.create_task(self._watch(host))

    async def look(self, host: Host) -> None:
        """Look after one machine once; whoever waits for it to be up is told."""
        if not await host.look() or host.is_up:
            return
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(WORK_SECONDS):
                facts = await loop.run_in_executor(None, host.driver.facts)
        except (LabError, TimeoutError) as error:
            log.warning("lab host can't be described", host=host.name, error=str(error))
            return
        host.came_up(facts)
        log.info("lab host up", host=host.name, version=facts.version)
        for told in self.on_up:
            try:
                await told(host)
            except StudyBotError as error:
                log.warning("lab host needs a look", host=host.name, error=str(error))

    async def close(self) -> None:
        """Let go of all."""
        await asyncio.gather(*(host.close() for host in self))

    async def _watch(self, host: Host) -> None:
        while True:
            try:
                await self.look(host)
            except Exception:
                log.exception("watching a lab host failed", host=host.name)
            await asyncio.sleep(_LOOK_SECONDS)
