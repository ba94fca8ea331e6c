"""The lab's engines: each a driver, called in threads with a time limit, and how it stands.

A machine may have two, one for containers and one for guests: they come and go by themselves.

A machine that doesn't answer is noticed within seconds and from then on refused at once, so
that nobody waits for it; a look every few seconds finds out when it is back.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from typing import Generic, ParamSpec, Protocol, TypeVar

import structlog

from bot.errors import StudyBotError
from bot.lab.drivers import ContainerDriver, GuestDriver, GuestHostFacts, HostFacts
from bot.lab.errors import HostUnreachable, LabError
from bot.lab.guest_addresses import ports_of
from bot.lab.host import cgroup_parent
from bot.lab.model import HostSettings, Kind
from bot.lab.threads import Threads, heard

log = structlog.get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

# People are answered within three seconds, also when what is wrong is all there is to say.
ANSWER_SECONDS = 2.5
# What takes long by its nature: stopping politely, making a container on a busy machine.
WORK_SECONDS = 60.0
_THREADS = 24
_LOOK_SECONDS = 4.0
# A machine that takes longer than this over something is asked for a sign of life, and again
# and again while it works; with the two seconds a driver gives it, that stays below three.
_PATIENCE_SECONDS = 0.4
_PAUSE_SECONDS = 2.0
_PING_SECONDS = 2.2
# What was silent for a while is noticed to be back within this.
_BACK_SECONDS = 15.0
_NOT_YET = "not verified yet"


class Facts(Protocol):
    """What is known of any machine."""

    @property
    def version(self) -> str:
        """The engine's version."""
        ...

    @property
    def cpus(self) -> int:
        """How many the machine has."""
        ...

    @property
    def memory_bytes(self) -> int:
        """How much the machine has."""
        ...

    @property
    def disk_total_bytes(self) -> int | None:
        """How much the place has where its disks are."""
        ...

    @property
    def can_limit_disk(self) -> bool:
        """Whether an instance can be kept from using more disk than it was promised."""
        ...


class Driver(Protocol):
    """What is asked of every engine."""

    def ping(self) -> None:
        """Ask for a sign of life."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


F = TypeVar("F", bound=Facts)
D = TypeVar("D", bound=Driver)


class Engine(Generic[D, F]):
    """One engine of one machine."""

    kind: Kind

    def __init__(self, settings: HostSettings, driver: D) -> None:
        self.settings = settings
        self.driver = driver
        self.facts: F | None = None
        self._up = asyncio.Event()
        # Whether the machine's protection was shown to hold; why not, for the operator.
        self.is_proven = False
        self.proof = _NOT_YET
        # Whether that was looked at since it came up: it may have been started anew meanwhile.
        self.is_judged = False
        self.call_seconds: dict[str, list[float]] = {}
        self._threads = Threads(_THREADS, f"lab:{self.key}")
        # A thread of its own: a hung engine may hold all the others for a while.
        self._watch = Threads(1, f"lab-watch:{self.key}")
        self._looking: asyncio.Task[bool] | None = None

    @property
    def name(self) -> str:
        """What the operator calls it."""
        return self.settings.name

    @property
    def is_up(self) -> bool:
        """Whether it answers."""
        return self._up.is_set()

    @property
    def key(self) -> str:
        """What tells it from the machine's other engine, in rows and logs."""
        return self.name if self.kind is Kind.CONTAINER else f"{self.name}/{self.kind}"

    @property
    def launches_at_once(self) -> int:
        """How many may start at the same time."""
        return self.settings.launches_at_once

    def ports(self, *, outward: bool) -> range:  # noqa: ARG002 - guests have two ranges
        """Return the ports it may give out, to those who may reach the internet or may not."""
        return range(self.settings.port_first, self.settings.port_last + 1)

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
        return await self._run(ANSWER_SECONDS, partial(work, *args, **kwargs), is_watched=True)

    async def work(
        self,
        limit_seconds: float,
        work: Callable[P, T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Call a method of the driver that may take up to so many seconds.

        A machine that hung meanwhile is found out within seconds: while it works, it is asked
        for signs of life.

        Raises:
            HostUnreachable: it doesn't answer. What was asked of it may be done all the same.
        """
        return await self._run(limit_seconds, partial(work, *args, **kwargs), is_watched=True)

    async def wait_for(
        self,
        limit_seconds: float,
        work: Callable[P, T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Call a method of the driver that finds out by itself when the machine is gone.

        It gets over a short silence, which would be a pity to lose a long pull for; when this
        returns, the machine is up again.

        Raises:
            HostUnreachable: it doesn't answer.
        """
        if not await self.look():
            raise HostUnreachable
        result = await self._run(limit_seconds, partial(work, *args, **kwargs), is_watched=False)
        try:
            async with asyncio.timeout(_BACK_SECONDS):
                await self._up.wait()
        except TimeoutError as error:
            raise HostUnreachable from error
        return result

    async def look(self) -> bool:
        """Find out whether it answers; say whether it does. All who ask now share one look."""
        looking = self._looking
        if looking is None or looking.done():
            looking = self._looking = asyncio.create_task(self._ping())
            looking.add_done_callback(heard)
        return await asyncio.shield(looking)

    async def close(self) -> None:
        """Let go; threads that hang in a call are left to end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._watch.shutdown(wait=False, cancel_futures=True)
        last = Threads(1, f"lab-close:{self.key}")
        with contextlib.suppress(StudyBotError, TimeoutError):
            async with asyncio.timeout(ANSWER_SECONDS):
                await asyncio.get_running_loop().run_in_executor(last, self.driver.close)
        last.shutdown(wait=False)

    async def describe(self) -> F:
        """Ask what machine it is.

        Raises:
            LabError: it doesn't tell. TimeoutError.
        """
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(WORK_SECONDS):
            return await loop.run_in_executor(self._threads, self._ask)

    def _ask(self) -> F:
        raise NotImplementedError

    def came_up(self, facts: F) -> None:
        """Note that it answers, and what it is."""
        self.facts = facts
        self.is_judged = False
        self._up.set()

    def _went_down(self) -> None:
        if self.is_up:
            log.warning("lab host unreachable", host=self.key)
        self._up.clear()
        self.is_proven = False
        self.proof = _NOT_YET

    async def _ping(self) -> bool:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_PING_SECONDS):
                await loop.run_in_executor(self._watch, self.driver.ping)
        except (LabError, TimeoutError):
            self._went_down()
            return False
        return True

    async def _run(self, seconds: float, work: "partial[T]", *, is_watched: bool) -> T:
        if not self.is_up:
            raise HostUnreachable
        began = time.monotonic()
        answer = asyncio.get_running_loop().run_in_executor(self._threads, work)
        # Whoever waited for it may have gone by then: what went wrong is nobody's news.
        answer.add_done_callback(heard)
        try:
            async with asyncio.timeout(seconds):
                if is_watched:
                    await self._watch_over(answer)
                result = await answer
        except TimeoutError as error:
            raise HostUnreachable from error
        except HostUnreachable:
            if self.is_up:
                await self.look()
            raise
        finally:
            answer.cancel()
        timings = self.call_seconds.setdefault(work.func.__name__, [])
        timings.append(time.monotonic() - began)
        del timings[:-100]
        return result

    async def _watch_over(self, answer: "asyncio.Future[T]") -> None:
        """Return when there is an answer.

        Raises:
            HostUnreachable: the machine gives no sign of life meanwhile.
        """
        patience = _PATIENCE_SECONDS
        while True:
            await asyncio.wait({answer}, timeout=patience)
            if answer.done():
                return
            look = asyncio.ensure_future(self.look())
            await asyncio.wait({answer, look}, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                look.cancel()
                return
            if not look.result():
                raise HostUnreachable
            patience = min(2 * patience, _PAUSE_SECONDS)


class Host(Engine[ContainerDriver, HostFacts]):
    """A machine's container engine."""

    kind = Kind.CONTAINER

    def cgroup_parent(self, *, is_lead: bool) -> str | None:
        """Return where its set-up wants containers to stand, so that the demo weighs more."""
        if not self.is_proven or self.facts is None:
            return None
        return cgroup_parent(self.facts.cgroup_driver, is_lead=is_lead)

    def _ask(self) -> HostFacts:
        return self.driver.facts()


class GuestHost(Engine[GuestDriver, GuestHostFacts]):
    """A machine's hypervisor."""

    kind = Kind.GUEST

    @property
    def launches_at_once(self) -> int:
        """How many guests may start at the same time."""
        return self.settings.guest_launches_at_once

    def ports(self, *, outward: bool) -> range:
        """Return the ports that lead to guests which may, or may not, reach the internet."""
        return ports_of(self.settings, outward=outward)

    def _ask(self) -> GuestHostFacts:
        return self.driver.facts()


AnyHost = Host | GuestHost
H = TypeVar("H", Host, GuestHost)


class Hosts(Generic[H]):
    """All engines of one kind, watched."""

    def __init__(self, hosts: Mapping[str, H]) -> None:
        self._hosts = dict(hosts)
        # Told when a machine answers (again), before anything is asked of it.
        self.on_up: list[Callable[[H], Awaitable[None]]] = []

    def __iter__(self) -> Iterator[H]:
        return iter(list(self._hosts.values()))

    def __len__(self) -> int:
        return len(self._hosts)

    @property
    def up(self) -> list[H]:
        """Those that answer."""
        return [host for host in self._hosts.values() if host.is_up]

    def get(self, name: str) -> H:
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

    async def look(self, host: H) -> None:
        """Look after one machine once; whoever waits for it to be up is told."""
        if not await host.look() or host.is_up:
            return
        try:
            facts = await host.describe()
        except (LabError, TimeoutError) as error:
            log.warning("lab host can't be described", host=host.key, error=str(error))
            return
        host.came_up(facts)  # pyright: ignore[reportArgumentType] - its own driver's
        log.info("lab host up", host=host.key, version=facts.version)
        for told in self.on_up:
            try:
                await told(host)
            except StudyBotError as error:
                log.warning("lab host needs a look", host=host.key, error=str(error))

    async def close(self) -> None:
        """Let go of all."""
        await asyncio.gather(*(host.close() for host in self))

    async def _watch(self, host: H) -> None:
        while True:
            try:
                await self.look(host)
            except Exception:
                log.exception("watching a lab host failed", host=host.key)
            await asyncio.sleep(_LOOK_SECONDS)
