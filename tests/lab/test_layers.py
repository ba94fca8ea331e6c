"""What lies under an instance, told from what its host says of itself."""

from dataclasses import replace

from bot.lab.drivers.fake_guest import GUEST_FACTS
from bot.lab.drivers.guests import Accelerator
from bot.lab.layers import Layers, container_layers, guest_layers
from bot.lab.model import GuestFacts, Kind
from bot.localization import words
from tests.lab.things import FACTS, instance

EN, JA = words("en"), words("ja")
RUNTIMES = ("io.containerd.runc.v2", "runc", "runsc")
KVM = replace(
    GUEST_FACTS, accelerator=Accelerator.KVM, has_virtualization=True, virtual_functions={"eth0": 7}
)


def guest(**given: object):
    facts = {"guest": GuestFacts(system="Debian GNU/Linux 12 (bookworm)"), "process_id": 7001}
    return instance(**{"kind": Kind.GUEST, "template": "debian-12", **facts, **given})


def detail(layers: Layers, name: str) -> str:
    return next(one.detail for one in layers.layers if one.name == name)


def test_a_guest_on_kvm_is_the_talks_own_picture():
    layers = guest_layers(KVM, guest(), EN)

    assert layers.line == "HW → Linux → KVM → QEMU → vHW → Debian"
    assert layers.call_path.endswith("QEMU → /dev/kvm → KVM → vmx/svm")


def test_where_instructions_are_translated_there_is_no_kvm_in_the_picture():
    layers = guest_layers(GUEST_FACTS, guest(), EN)

    assert layers.line == "HW → Linux → QEMU → vHW → Debian"
    assert "TCG" in layers.call_path
    assert "no vmx or svm" in detail(layers, "HW")
    assert "no KVM here" in detail(layers, "QEMU")


def test_a_guest_that_was_started_otherwise_than_its_host_would_now_says_so():
    running = guest(guest=GuestFacts(accelerator="emulation", system="Debian"))

    assert "KVM" not in guest_layers(KVM, running, EN).line


def test_what_was_found_stands_at_its_layer():
    layers = guest_layers(KVM, guest(guest=GuestFacts(machine="pc-q35-7.2")), EN)

    assert "eth0: 7" in detail(layers, "HW")
    assert "vmx/svm" in detail(layers, "HW")
    assert "process 7001" in detail(layers, "QEMU")
    assert "seccomp" in detail(layers, "QEMU")
    assert "pc-q35-7.2" in detail(layers, "vHW")


def test_without_an_agent_the_catalogue_tells_the_system():
    silent = guest(guest=GuestFacts())

    assert guest_layers(KVM, silent, EN, system="Ubuntu 24.04").line.endswith("vHW → Ubuntu")
    assert guest_layers(KVM, silent, EN).line.endswith("vHW → debian-12")


def test_a_hypervisor_on_the_hardware_has_no_linux_below():
    xen = replace(KVM, hypervisor="Xen 4.17", accelerator=Accelerator.EMULATION)

    layers = guest_layers(xen, guest(), EN)

    assert layers.line == "HW → Xen → vHW → Debian"


def test_a_host_is_described_without_a_guest_too_in_ones_own_language():
    assert guest_layers(KVM, None, EN).line.endswith("vHW → guest system")
    assert guest_layers(KVM, None, JA).line.endswith("vHW → 仮想マシンのシステム")


def test_a_container_is_a_process_of_the_hosts_linux():
    layers = container_layers(FACTS, instance(), EN)

    assert layers.line == "HW → Linux → containerd → runc → namespaces → process 100"
    assert "shared by all containers" in detail(layers, "Linux")
    assert "cgroup v2 (systemd)" in detail(layers, "namespaces")
    assert "user" not in detail(layers, "namespaces")


def test_user_namespaces_and_another_runtime_show_where_they_are():
    facts = replace(FACTS, user_namespaces=True, runtimes=RUNTIMES, cgroup_version="1")

    layers = container_layers(facts, instance(), EN, runtime="runsc")

    assert "→ runsc →" in layers.line
    assert detail(layers, "runsc") == "this host also has runc"
    assert ", user ·" in detail(layers, "namespaces")
    assert ", cgroup," not in detail(layers, "namespaces")
