"""What must fit together in lab.toml about virtual machines."""

from collections.abc import Iterator, Sequence

from bot.lab.labfile.lines import KeyPath
from bot.lab.labfile.tables import GuestTable, IsoTable, LabFile
from bot.lab.labfile.values import origin_is_address

# What each source needs, and what only it can use.
_NEEDS = {"cloud-image": ("image",), "iso": ("iso",), "kernel": ("kernel", "initrd")}
_OWN = {
    "image": "cloud-image",
    "iso": "iso",
    "kernel": "kernel",
    "initrd": "kernel",
    "command_line": "kernel",
}


def problems_of_guests(file: LabFile) -> Iterator[tuple[KeyPath, str]]:
    """Yield what doesn't fit together, each with the key it is best mended at."""
    yield from _twice("guests", [one.name for one in file.guests])
    yield from _twice("isos", [one.name for one in file.isos])
    isos = {one.name for one in file.isos}
    for number, guest in enumerate(file.guests):
        for key, what in _guest(guest, isos):
            yield ("guests", number, key), what
    for number, iso in enumerate(file.isos):
        for key, what in _sums(iso.file, iso):
            yield ("isos", number, key), what


def _twice(table: str, names: Sequence[str]) -> Iterator[tuple[KeyPath, str]]:
    for number, name in enumerate(names):
        first = names.index(name)
        if first < number:
            yield (table, number, "name"), f'"{name}" is {table}[{first}] already'


def _guest(guest: GuestTable, isos: set[str]) -> Iterator[tuple[str, str]]:
    for key in _NEEDS[guest.source]:
        if getattr(guest, key) is None:
            yield key, f'is missing: source = "{guest.source}" needs it'
    for key, source in _OWN.items():
        if source != guest.source and getattr(guest, key):
            yield key, f'belongs to source = "{source}" only'
    if guest.iso is not None and guest.iso not in isos:
        known = ", ".join(sorted(isos)) or "none"
        yield "iso", f'[[isos]] has no "{guest.iso}" (it has: {known})'
    if guest.source == "iso" and guest.seeded:
        yield "seeded", "is for systems that read a cloud-init seed, not for installers"
    if guest.source == "kernel":
        yield from _kernel(guest)
    elif guest.image is not None:
        yield from _sums(guest.image, guest)


def _kernel(guest: GuestTable) -> Iterator[tuple[str, str]]:
    for key, place in (("kernel", guest.kernel), ("initrd", guest.initrd)):
        if place is not None and origin_is_address(place):
            yield key, "must be a file's path on the bot's machine"
    if guest.sha512 or guest.sums:
        yield "sha512", "belongs to an image from the web"


def _sums(place: str, entry: GuestTable | IsoTable) -> Iterator[tuple[str, str]]:
    if entry.sha512 is not None and entry.sums is not None:
        yield "sums", "is one too many beside sha512: either is enough"
    if origin_is_address(place) and entry.sha512 is None and entry.sums is None:
        what = "is missing: what comes from the web is checked. Give its SHA-512 sum, or with"
        yield "sha512", f"{what} sums = the address of the published SHA512SUMS"
