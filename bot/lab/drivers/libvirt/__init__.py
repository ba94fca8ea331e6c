"""Hypervisors behind libvirt: QEMU with KVM or emulation first of all."""

from bot.lab.drivers.libvirt.driver import LibvirtDriver

__all__ = ["LibvirtDriver"]
