"""Whether a host's protection holds: shown by probes inside it, again and again."""

import time

import structlog

from bot.lab.errors import LabError
from bot.lab.host import Proof, check_guest_host, check_host
from bot.lab.hosts import AnyHost, GuestHost, Host, Hosts
from bot.lab.model import Kind

log = structlog.get_logger(__name__)

_FRESH_SECONDS = 15 * 60.0
_FRESH_GUEST_SECONDS = 60 * 60.0
# After a failure, and each further one twice as long.
_AGAIN_SECONDS = 60.0
_PROOF_SECONDS = 45.0
# A guest has to boot for it.
_GUEST_PROOF_SECONDS = 150.0


class Proving:
    """Proves hosts. Without a proof a host serves no attendee."""

    def __init__(self, installation: str) -> None:
        self._installation = installation
        # When each is to be looked at again, in monotonic seconds, and how often it failed so far.
        self._due: dict[str, float] = {}
        self._failures: dict[str, int] = {}
        self._under_way: set[str] = set()

    async def prove(self, host: AnyHost) -> None:
        """Probe one host and note what came of it; a host that can't be probed isn't proven."""
        self._under_way.add(host.key)
        try:
            await self._prove(host)
        finally:
            host.is_judged = True
            self._under_way.discard(host.key)
            self._schedule(host)

    async def _prove(self, host: AnyHost) -> None:
        try:
            proof = await self._look(host)
        except LabError as error:
            host.is_proven, host.proof = False, str(error)
            log.warning("lab host not proven", host=host.key, why=host.proof)
            return
        was = host.is_proven
        host.is_proven = proof.holds
        host.proof = "; ".join(one.text for one in proof.findings if not one.is_good)
        if not proof.holds:
            log.warning("lab host not proven", host=host.key, why=host.proof)
        elif not was:
            log.info("lab host proven", host=host.key)

    async def _look(self, host: AnyHost) -> Proof:
        if isinstance(host, GuestHost):
            return await self._of_guests(host)
        return await host.work(
            _PROOF_SECONDS, check_host, host.driver, host.settings, self._installation
        )

    async def _of_guests(self, host: GuestHost) -> Proof:
        return await host.wait_for(
            _GUEST_PROOF_SECONDS, check_guest_host, host.driver, host.settings, self._installation
        )

    async def prove_due(self, hosts: Hosts[Host] | Hosts[GuestHost]) -> None:
        """Probe what answers and wasn't looked at for a while.

        Rules may be gone after a change of the firewall; and a machine that was merely too busy
        for its probes shouldn't be closed to attendees for long.
        """
        for host in hosts.up:
            due = self._due.get(host.key, 0.0) <= time.monotonic()
            if due and host.key not in self._under_way:
                await self.prove(host)

    def _schedule(self, host: AnyHost) -> None:
        wait = _FRESH_SECONDS if host.kind is Kind.CONTAINER else _FRESH_GUEST_SECONDS
        failures = 0 if host.is_proven else self._failures.get(host.key, 0) + 1
        self._failures[host.key] = failures
        if failures:
            wait = min(wait, _AGAIN_SECONDS * 2 ** (failures - 1))
        self._due[host.key] = time.monotonic() + wait
