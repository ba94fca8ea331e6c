"""libvirt of this very machine, as root sets the host up: the guests' networks and their pool.

Spoken to through `virsh`, which comes with libvirt: the host needs no Python library for it.
"""

import hashlib
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from bot.errors import N_, OperatorError
from bot.lab.drivers.guests import BRIDGE_GUESTS_CLOSED, BRIDGE_GUESTS_OPEN
from bot.lab.guest_addresses import GuestNetwork
from bot.lab.host.programs import run

LOCAL_URI = "qemu:///system"
_OURS = "https://study-session-bot.invalid/lab/1"
_DNSMASQ = "http://libvirt.org/schemas/network/dnsmasq/1.0"
_ROUTE_LOCALNET = Path("/proc/sys/net/ipv4/conf")
# dnsmasq's own, beside what libvirt has words for: no ping before each lease, no names of this
# machine's, and no answers that lead into a private network.
_OPTIONS = ("no-ping",)
_NAME_OPTIONS = ("no-ping", "no-hosts", "stop-dns-rebind", "bogus-priv")

ET.register_namespace("lab", _OURS)
ET.register_namespace("dnsmasq", _DNSMASQ)


class NoHypervisorHere(OperatorError):
    """No libvirt answers on this machine."""

    message = N_(
        "No libvirt answers on {uri}: {why} This is run as root on the lab host itself, with its"
        " libvirt running."
    )


class HypervisorSaidNo(OperatorError):
    """It answers, but won't."""

    message = N_("libvirt refused: {why}")


class NotTheLabs(OperatorError):
    """Somebody else's has the name."""

    message = N_(
        "libvirt has a {what} “{name}” that isn't the lab's. Rename it, or give the lab another"
        " in lab.toml; it is left alone."
    )


class GuestsInTheWay(OperatorError):
    """They would lose their network."""

    message = N_(
        "The network “{name}” has to be laid anew, but {n} virtual machines run in it. Stop them,"
        " and run this again."
    )


@dataclass(frozen=True, slots=True)
class Removed:
    """What became of something that was to go: `kept` is how much of others is in it."""

    changed: bool
    kept: int = 0


class LocalHypervisor:
    """libvirt on a socket of this machine."""

    def __init__(self, uri: str = LOCAL_URI) -> None:
        self._uri = uri

    def answers(self) -> None:
        """See that it does.

        Raises:
            NoHypervisorHere.
        """
        said = self._virsh("version")
        if said is None:
            raise NoHypervisorHere(uri=self._uri, why=self._complaint)

    # --- networks ---

    def lay_network(self, network: GuestNetwork) -> bool:
        """Have a network stand and be up; say whether anything had to change."""
        text, digest = _network_text(network)
        changed = False
        laid = self._laid(network.name)
        if laid != digest:
            if laid is not None:
                self._end(network.name)
            self._must("net-define", "/dev/stdin", text=text)
            changed = True
        if network.name not in self._names("net-list"):
            self._must("net-start", network.name)
            changed = True
        # Loopback's ports lead into this bridge; see `guest_rules` for what keeps that safe.
        switch = _ROUTE_LOCALNET / bridge_of(network) / "route_localnet"
        if switch.read_text().strip() != "1":
            switch.write_text("1")
            changed = True
        return changed

    def remove_network(self, name: str) -> Removed:
        """Take a network of the lab's away, under running guests too: they lose their link."""
        try:
            laid = self._laid(name)
        except NotTheLabs:
            return Removed(False)
        if laid is None:
            return Removed(False)
        users = self._users(name)
        if name in self._names("net-list"):
            self._must("net-destroy", name)
        self._must("net-undefine", name)
        return Removed(True, users)

    def _end(self, name: str) -> None:
        if users := self._users(name):
            raise GuestsInTheWay(name=name, n=users)
        self.remove_network(name)

    def _users(self, name: str) -> int:
        return len(self._names("net-port-list", name)) if name in self._names("net-list") else 0

    def _laid(self, name: str) -> str | None:
        """Return the digest of what was laid as this network; None: there is none."""
        if name not in self._names("net-list", "--all"):
            return None
        found = _read(self._must("net-dumpxml", name, "--inactive"))
        mark = found.find(f"metadata/{{{_OURS}}}laid")
        if mark is None:
            raise NotTheLabs(what="network", name=name)
        return mark.get("digest", "")

    # --- the storage pool ---

    def lay_pool(self, name: str, folder: str) -> bool:
        """Have a storage pool stand and be up; say whether anything had to change."""
        changed = False
        if name not in self._names("pool-list", "--all"):
            made = Path(folder)
            made.mkdir(mode=0o711, parents=True, exist_ok=True)
            # QEMU's user has to get through to its own disks, and nobody may list the others'.
            made.chmod(0o711)
            self._must("pool-define-as", name, "dir", "--target", folder)
            changed = True
        elif self._folder(name) != folder:
            raise NotTheLabs(what="storage pool", name=name)
        if name not in self._names("pool-list"):
            self._must("pool-start", name)
            changed = True
        return changed

    def remove_pool(self, name: str, folder: str) -> Removed:
        """Take the pool away unless disks are in it."""
        if name not in self._names("pool-list", "--all") or self._folder(name) != folder:
            return Removed(False)
        if name in self._names("pool-list"):
            self._must("pool-refresh", name)
            if volumes := self._volumes(name):
                return Removed(False, len(volumes))
            self._must("pool-destroy", name)
        self._must("pool-undefine", name)
        path = Path(folder)
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
        return Removed(True)

    def put_volume(self, pool: str, name: str, content: bytes, source: Path) -> bool:
        """Have a volume hold this, which `source` holds as well; say whether it was changed."""
        if name in self._volumes(pool):
            path = Path(self._must("vol-path", name, "--pool", pool).strip())
            if path.read_bytes() == content:
                return False
            self.delete_volume(pool, name)
        size = f"{len(content)}B"
        self._must("vol-create-as", pool, name, size, "--format", "raw")
        self._must("vol-upload", name, str(source), "--pool", pool)
        return True

    def delete_volume(self, pool: str, name: str) -> bool:
        """Delete a volume; say whether it was there."""
        if pool not in self._names("pool-list") or name not in self._volumes(pool):
            return False
        self._must("vol-delete", name, "--pool", pool)
        return True

    def _folder(self, pool: str) -> str:
        found = _read(self._must("pool-dumpxml", pool))
        return found.findtext("target/path", "")

    def _volumes(self, pool: str) -> list[str]:
        lines = self._must("vol-list", pool).splitlines()
        return [line.split()[0] for line in lines if line.strip()]

    # --- asking ---

    def _names(self, command: str, *more: str) -> list[str]:
        by = ("--uuid",) if command == "net-port-list" else ("--name",)
        return self._must(command, *more, *by).split()

    def _must(self, *arguments: str, text: str = "") -> str:
        said = self._virsh(*arguments, text=text)
        if said is None:
            raise HypervisorSaidNo(why=self._complaint)
        return said

    def _virsh(self, *arguments: str, text: str = "") -> str | None:
        done = run(["virsh", "--quiet", "--connect", self._uri, *arguments], text)
        self._complaint = done.complaint
        return done.output if done.is_good else None

    _complaint = ""


def bridge_of(network: GuestNetwork) -> str:
    """Return the name of a network's bridge, which carries its policy."""
    return BRIDGE_GUESTS_OPEN if network.outward else BRIDGE_GUESTS_CLOSED


def _read(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - libvirt's own, no stranger's


def _network_text(network: GuestNetwork) -> tuple[str, str]:
    """Return a network as libvirt reads it, and the digest it is known by."""
    root = ET.Element("network")
    ET.SubElement(root, "name").text = network.name
    # libvirt lays no rules of its own: ours stand already, by the bridge's name.
    ET.SubElement(root, "forward", mode="open")
    ET.SubElement(root, "bridge", name=bridge_of(network), stp="off", delay="0")
    ET.SubElement(root, "dns", enable="yes" if network.outward else "no")
    # No guest reaches another one, whoever's it is.
    ET.SubElement(root, "port", isolated="yes")
    address = ET.SubElement(root, "ip", address=network.gateway, netmask=network.netmask)
    # Nobody is served but by a reservation: a guest's address is given to it alone.
    ET.SubElement(address, "dhcp")
    options = ET.SubElement(root, f"{{{_DNSMASQ}}}options")
    for value in _NAME_OPTIONS if network.outward else _OPTIONS:
        ET.SubElement(options, f"{{{_DNSMASQ}}}option", value=value)
    digest = hashlib.sha256(ET.tostring(root)).hexdigest()
    metadata = ET.SubElement(root, "metadata")
    ET.SubElement(metadata, f"{{{_OURS}}}laid", digest=digest)
    return ET.tostring(root, encoding="unicode"), digest
