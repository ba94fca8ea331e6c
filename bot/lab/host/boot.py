"""A systemd unit that lays the host's set-up anew at each boot, where there is a systemd."""

import shlex
import sys
from pathlib import Path

from bot.lab.host.cgroups import systemctl
from bot.lab.host.guest_probe import ProbeSystem
from bot.lab.host.hypervisor import LOCAL_URI
from bot.lab.model import HostSettings

UNIT = "study-bot-lab.service"
_UNITS = Path("/etc/systemd/system")
_RUNS = Path("/run/systemd/system")  # there only while systemd is the machine's init


def has_systemd() -> bool:
    """Say whether systemd runs this machine."""
    return _RUNS.is_dir()


def unit(settings: HostSettings, program: str, system: ProbeSystem | None = None) -> str:
    """Return the unit's text. It follows engine, hypervisor, every firewall that might flush."""
    command = shlex.join(
        [
            *(program, "-m", "bot", "lab", "setup-host", "--quiet"),
            *("--subnet", settings.subnet),
            *("--reserve-memory", f"{settings.reserve_memory_share:g}"),
            *("--reserve-cpus", f"{settings.reserve_cpus:g}"),
            *(() if settings.docker is not None else ("--no-docker",)),
            *(_guest_words(settings, system) if settings.libvirt is not None else ()),
        ]
    )
    first = " ".join(
        name
        for name, uri in (
            ("docker.service", settings.docker),
            ("libvirtd.service", settings.libvirt),
        )
        if uri is not None
    )
    others = "ufw.service firewalld.service nftables.service netfilter-persistent.service"
    return (
        "# Laid by `study-bot lab setup-host`; `remove-host` takes it away.\n"
        "[Unit]\n"
        "Description=Firewall rules and cgroups of the study lab\n"
        f"After={first} {others}\n"
        f"PartOf={first} {others}\n"
        "\n[Service]\nType=oneshot\nRemainAfterExit=yes\n"
        # `-m bot` finds the program in the folder it is started from, installed or not.
        f"WorkingDirectory={Path(__file__).resolve().parents[3]}\n"
        f"ExecStart={command}\n"
        f"\n[Install]\nWantedBy={first}\n"
    )


def _guest_words(settings: HostSettings, system: ProbeSystem | None) -> list[str]:
    words = [
        *("--libvirt", LOCAL_URI),
        *("--pool", settings.pool, "--pool-folder", settings.pool_folder),
        *("--guest-ports", f"{settings.guest_port_first}-{settings.guest_port_last}"),
        *("--guest-subnet", settings.guest_subnet),
        *("--address", settings.bind_address),
    ]
    if system is not None:
        words += ["--guest-kernel", str(system.kernel), "--guest-modules", str(system.modules)]
    return words


def lay(settings: HostSettings, system: ProbeSystem | None = None) -> bool:
    """Write and enable it; say whether anything changed.

    Raises:
        CgroupRefused: systemd says no.
    """
    path, text = _UNITS / UNIT, unit(settings, sys.executable, system)
    if path.exists() and path.read_text() == text:
        return False
    path.write_text(text)
    systemctl("daemon-reload")
    systemctl("enable", UNIT)
    return True


def take_away() -> bool:
    """Remove it; say whether it was there."""
    path = _UNITS / UNIT
    if not path.exists():
        return False
    systemctl("disable", UNIT)
    path.unlink()
    systemctl("daemon-reload")
    return True
