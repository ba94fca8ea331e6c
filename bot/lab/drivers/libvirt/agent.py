"""What a guest's agent is asked: it may lie, be slow, or never answer."""

import base64
import contextlib
import json
import time
from collections.abc import Sequence
from typing import Any

from bot.lab.drivers.base import ExecResult
from bot.lab.drivers.guests import GuestSystem
from bot.lab.drivers.libvirt.library import Domain, libvirt, libvirt_qemu
from bot.lab.drivers.refusals import one_line

_ANSWER_SECONDS = 2
_LONGEST = 80
_LOOK_SECONDS = 0.2


def system_of(one: Domain) -> GuestSystem | None:
    """Ask what runs inside; None where no agent says so."""
    with contextlib.suppress(libvirt.libvirtError):
        one.agentSetResponseTimeout(_ANSWER_SECONDS, 0)
        told = one.guestInfo(libvirt.VIR_DOMAIN_GUEST_INFO_OS, 0)
        name = told.get("os.pretty-name") or told.get("os.name") or ""
        return GuestSystem(_short(name), _short(told.get("os.kernel-release", "")))
    return None


def address_of(one: Domain, mac: str) -> str | None:
    """Ask for the IPv4 address of its card; None where no agent says so."""
    source = libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT
    with contextlib.suppress(libvirt.libvirtError):
        one.agentSetResponseTimeout(_ANSWER_SECONDS, 0)
        for card in one.interfaceAddresses(source, 0).values():
            if (card.get("hwaddr") or "").lower() != mac.lower():
                continue
            for address in card.get("addrs") or ():
                if address["type"] == libvirt.VIR_IP_ADDR_TYPE_IPV4:
                    return _short(address["addr"])
    return None


def execute(
    one: Domain, command: Sequence[str], *, seconds: float, most_bytes: int
) -> ExecResult | None:
    """Have it run a command, and wait; None where no agent answers, or says nothing of use.

    What takes longer goes on inside: an agent ends nothing that it started.
    """
    began = time.monotonic()
    try:
        path, *arguments = command
        wish = {"path": path, "arg": arguments, "capture-output": True}
        process_id = int(_ask(one, "guest-exec", wish)["pid"])
        while True:
            told = _ask(one, "guest-exec-status", {"pid": process_id})
            took = time.monotonic() - began
            if told.get("exited") or took > seconds:
                break
            time.sleep(_LOOK_SECONDS)
        output = base64.b64decode(str(told.get("out-data", "")))
        code = told.get("exitcode") if told.get("exited") else None
    except (libvirt.libvirtError, ValueError, KeyError, TypeError, AttributeError):
        return None  # Not there, or what it says is no answer.
    return ExecResult(
        exit_code=code if isinstance(code, int) else None,
        output=output[:most_bytes],
        is_truncated=len(output) > most_bytes or bool(told.get("out-truncated")),
        seconds=took,
    )


def _ask(one: Domain, what: str, arguments: dict[str, Any]) -> dict[str, Any]:
    wish = json.dumps({"execute": what, "arguments": arguments})
    return json.loads(libvirt_qemu.qemuAgentCommand(one, wish, _ANSWER_SECONDS, 0))["return"]


def shut_down(one: Domain) -> None:
    """Tell it to shut down; this returns when it has, or when it never will."""
    with contextlib.suppress(libvirt.libvirtError):
        one.shutdownFlags(libvirt.VIR_DOMAIN_SHUTDOWN_GUEST_AGENT)


def reboot(one: Domain) -> None:
    """Tell it to reboot; the reset button is pressed where it doesn't."""
    try:
        one.reboot(libvirt.VIR_DOMAIN_REBOOT_GUEST_AGENT)
    except libvirt.libvirtError:
        with contextlib.suppress(libvirt.libvirtError):
            one.reset(0)


def _short(text: str) -> str:
    return one_line(text)[:_LONGEST]
