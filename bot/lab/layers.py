"""What lies under an instance, from the machine up, as its host was really found to be.

The talk's own picture: `HW → Linux → KVM → QEMU → vHW → Debian` for a virtual machine,
`HW → Linux → containerd → runc → namespaces → process` for a container.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.lab.drivers import HostFacts
from bot.lab.drivers.guests import Accelerator, GuestHostFacts
from bot.lab.model import Instance
from bot.lab.sizes import spoken_cpus, spoken_size
from bot.localization import Words

# Hypervisors that lie on the hardware themselves; the others are programs of a system's.
_ON_HARDWARE = ("xen", "esx", "vmware esx", "hyper-v", "hyperv")
_RUNC = "runc"
_ARROW = " → "


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: what the talk calls it, and what was found there (may be empty)."""

    name: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Layers:
    """The layers from the hardware up, and the way a call takes from the chat down to them."""

    layers: tuple[Layer, ...]
    call_path: str

    @property
    def line(self) -> str:
        """The layers in one line."""
        return _ARROW.join(layer.name for layer in self.layers)


def guest_layers(
    facts: GuestHostFacts, instance: Instance | None, _: Words, *, system: str = ""
) -> Layers:
    """Describe what lies under a guest (None: under any of that host).

    `system`: what the catalogue says runs inside; what its agent tells goes before that.
    """
    accelerator = str(facts.accelerator)
    if instance is not None and instance.guest.accelerator:
        accelerator = instance.guest.accelerator
    is_kvm = accelerator == Accelerator.KVM
    name = facts.hypervisor.partition(" ")[0] or "?"
    on_hardware = facts.hypervisor.casefold().startswith(_ON_HARDWARE)
    layers = [
        Layer(
            "HW",
            _hardware(
                facts.cpu_model, facts.architecture, facts.cpus, facts.memory_bytes,
                _virtualization(facts.has_virtualization, _),
                _virtual_functions(facts, _),
            ),
        )
    ]  # fmt: skip
    if not on_hardware:
        layers.append(Layer("Linux", facts.kernel))
    if is_kvm:
        layers.append(Layer("KVM", _("the processor runs the guest's instructions itself")))
    layers.append(Layer(name, _hypervisor(facts, instance, _, is_kvm=is_kvm)))
    layers.append(Layer("vHW", _virtual_hardware(facts, instance, _)))
    layers.append(_inside(instance, system, _))
    down = [name, "/dev/kvm", "KVM", "vmx/svm"] if is_kvm else [name]
    if not is_kvm and name == "QEMU":
        down.append("TCG")
    path = ["/vm create", f"libvirt {facts.version}".strip(), facts.uri, *down]
    return Layers(tuple(layers), _ARROW.join(filter(None, path)))


def container_layers(
    facts: HostFacts, instance: Instance | None, _: Words, *, runtime: str | None = None
) -> Layers:
    """Describe what lies under a container (None: under any of that host).

    `runtime`: what the catalogue has it run by, where that isn't the engine's usual one.
    """
    runtime = runtime or _RUNC
    namespaces = ["mnt", "pid", "net", "ipc", "uts"]
    if facts.cgroup_version == "2":
        namespaces.append("cgroup")  # its own by default only there
    if facts.user_namespaces:
        namespaces.append("user")
    # Docker also lists containerd's own names for the same ones.
    others = [
        one for one in facts.runtimes if one != runtime and not one.startswith("io.containerd.")
    ]
    kernel = _("{kernel}, shared by all containers", kernel=facts.kernel)
    layers = (
        Layer("HW", _hardware("", facts.architecture, facts.cpus, facts.memory_bytes)),
        Layer("Linux", f"{kernel} · {facts.operating_system}"),
        Layer("containerd", f"Docker Engine {facts.version}, API {facts.api_version}"),
        Layer(
            runtime,
            _("this host also has {names}", names=", ".join(others)) if others else "",
        ),
        Layer(
            "namespaces",
            " · ".join(
                (
                    ", ".join(namespaces),
                    f"cgroup v{facts.cgroup_version} ({facts.cgroup_driver})",
                    facts.storage_driver,
                    *_security(facts.security_options),
                )
            ),
        ),
        _process(instance, _),
    )
    path = (
        "/container run",
        f"Docker API {facts.api_version}",
        "dockerd",
        "containerd",
        "containerd-shim",
        runtime,
        "clone(), cgroups",
        layers[-1].name,
    )
    return Layers(layers, _ARROW.join(path))


def _hardware(model: str, architecture: str, cpus: int, memory_bytes: int, *more: str) -> str:
    parts = (
        model,
        architecture,
        f"{cpus} CPU" + ("s" if cpus != 1 else ""),
        spoken_size(memory_bytes),
        *more,
    )
    return " · ".join(part for part in parts if part)


def _virtualization(has: bool | None, _: Words) -> str:
    if has is None:
        return ""
    return "vmx/svm" if has else _("no vmx or svm")


def _virtual_functions(facts: GuestHostFacts, _: Words) -> str:
    if not facts.virtual_functions:
        return _("no SR-IOV functions")
    each = (f"{device}: {count}" for device, count in sorted(facts.virtual_functions.items()))
    return "SR-IOV " + ", ".join(each)


def _hypervisor(facts: GuestHostFacts, instance: Instance | None, _: Words, *, is_kvm: bool) -> str:
    parts = [facts.hypervisor]
    if not is_kvm and facts.accelerator is Accelerator.EMULATION:
        parts.append(_("translates each instruction: no KVM here"))
    if instance is not None and instance.process_id is not None:
        parts.append(_("process {id} of the host", id=instance.process_id))
    return " · ".join((*parts, *facts.security))


def _virtual_hardware(facts: GuestHostFacts, instance: Instance | None, _: Words) -> str:
    if instance is None:
        return facts.machine
    limits = instance.resources
    return " · ".join(
        (
            instance.guest.machine or facts.machine,
            _("{cpus} vCPU", cpus=spoken_cpus(limits.cpus)),
            _("{size} memory", size=spoken_size(limits.memory_bytes)),
            _("{size} disk", size=spoken_size(limits.disk_bytes)),
        )
    )


def _inside(instance: Instance | None, system: str, _: Words) -> Layer:
    if instance is None:
        return Layer(_("guest system"))
    told = instance.guest.system or ""
    name = told or system or instance.template or instance.image
    # "Debian GNU/Linux 12 (bookworm)" is "Debian" in a line.
    return Layer(name.split()[0] if name.split() else name, told or system)


def _process(instance: Instance | None, _: Words) -> Layer:
    if instance is None or instance.process_id is None:
        return Layer(_("process"))
    return Layer(
        _("process {id}", id=instance.process_id),
        _("an ordinary process of the host's Linux"),
    )


def _security(options: Sequence[str]) -> list[str]:
    """Name what confines containers: "name=seccomp,profile=default" is "seccomp"."""
    names = (one.removeprefix("name=").partition(",")[0] for one in options)
    return [name for name in names if name not in ("userns", "cgroupns")]
