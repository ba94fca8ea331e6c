"""What can stand in the way of a guest beside what `bot.lab.errors` has."""

from bot.errors import N_, BadInput, Conflict, LimitReached, NotAllowed, NotFound
from bot.lab.errors import LabError

# --- the host and its hypervisor (raised by drivers) ---


class NotSupported(LabError):
    """This hypervisor can't; another could."""

    message = N_("The lab's hypervisor ({hypervisor}) can't do this: {what}.")


class NoLibvirt(LabError):
    """The library is an extra."""

    message = N_(
        "Virtual machines need libvirt-python, which isn't installed here. The one who runs this"
        " bot installs it with: pip install 'study-session-bot[kvm]'."
    )


class NetworkInactive(LabError):
    """Nothing starts before the host's rules stand; they start the network."""

    message = N_(
        "The lab host isn't ready for virtual machines: its network “{name}” isn't up. The one"
        " who runs this bot starts it with: study-bot lab setup-host."
    )


class PoolInactive(LabError):
    """No place for disks."""

    message = N_(
        "The lab host isn't ready for virtual machines: its storage pool “{name}” isn't there or"
        " isn't active. The one who runs this bot mends that with: study-bot lab setup-host."
    )


class AddressTaken(Conflict):
    """Somebody else's guest on this host has it."""

    message = N_("The address {address} is taken on the lab's host.")


class CantType(BadInput):
    """Not on a US keyboard."""

    message = N_("“{characters}” can't be typed on a US keyboard, which is what the guest sees.")


class NoSuchSnapshot(NotFound):
    """None of that name."""

    message = N_("There is no snapshot “{name}”. /vm snapshot list shows those there are.")


# --- people and rules ---


class NoGuests(LabError):
    """No host of the lab has a hypervisor."""

    message = N_(
        "There are no virtual machines in this lab: no host in lab.toml has libvirt set. Containers"
        " work: /container run."
    )


class NoSuchGuestTemplate(NotFound):
    """Not in the catalogue."""

    message = N_("The catalogue has no virtual machine “{name}”. It has: {names}.")


class LeadOnly(NotAllowed):
    """An installer with a screen is for the demo."""

    message = N_("“{name}” is for those who run the talk. You can create: {names}.")


class NoSuchIso(NotFound):
    """Not in the catalogue."""

    message = N_("The catalogue has no ISO “{name}”. It has: {names}.")


class IsoNotHere(BadInput):
    """Only installers take one."""

    message = N_("“{template}” doesn't start from an ISO. Leave it out, or choose an ISO template.")


class DiskTooSmall(BadInput):
    """Smaller than what it starts from."""

    message = N_("“{template}” needs a disk of at least {least}; {wanted} is too small.")


class DownloadFailed(LabError):
    """An image of the catalogue can't be had."""

    message = N_(
        "“{name}” can't be downloaded: {why} The staff can tell the one who runs this bot."
    )


class ChecksumWrong(LabError):
    """Not what the operator (or its distribution) says it is: never started."""

    message = N_(
        "“{name}” isn't what it should be: its checksum is another. It was thrown away; the one"
        " who runs this bot should look at its source."
    )


class NoAgent(Conflict):
    """Something was to be run in a guest in which nobody answers the host."""

    message = N_("{name} has no agent that answers the host, so nothing can be run in it.")


class NotAGuest(BadInput):
    """A container was named."""

    message = N_("“{name}” is a container: use the /container commands for it.")


class NotAContainer(BadInput):
    """A guest was named."""

    message = N_("“{name}” is a virtual machine: use the /vm commands for it.")


class Paused(Conflict):
    """Its owner paused it."""

    message = N_("“{name}” is paused. /vm resume lets it go on.")


class NotPaused(Conflict):
    """There is nothing to resume."""

    message = N_("“{name}” isn't paused.")


class TooManySnapshots(LimitReached):
    """They take disk space that was not promised."""

    message = N_("“{name}” has {n} snapshots, and {most} is the most. Delete one first.")


class BadSnapshotName(BadInput):
    """Not a name we can use."""

    message = N_("A snapshot's name has 1 to 32 letters, digits, hyphens and underscores.")


# --- SSH keys ---


class BadKey(BadInput):
    """Not a public key."""

    message = N_(
        "That is no public SSH key. Paste the one line of your .pub file: ssh-ed25519 AAAA… you."
    )


class PrivateKey(BadInput):
    """The wrong file: said at once, since it is no secret any more."""

    message = N_(
        "That is a private key. Never give it to anybody: make a new one, and paste the one line"
        " of its .pub file here."
    )


class WeakKey(BadInput):
    """Too short, or of a kind that is broken."""

    message = N_("A {kind} key of {bits} bits is too weak. Ed25519 is best: ssh-keygen -t ed25519.")


class KeyThere(Conflict):
    """The same key again."""

    message = N_("You have that key already, as “{name}”.")


class NoSuchKey(NotFound):
    """None of theirs is called that."""

    message = N_("You have no key “{name}”. /ssh-key list shows yours.")


class TooManyKeys(LimitReached):
    """Nobody needs more."""

    message = N_("You have {n} keys, and {most} is the most. Remove one first: /ssh-key remove.")
