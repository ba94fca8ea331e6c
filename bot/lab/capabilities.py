"""What a container may do beyond an ordinary process, and where it may write."""

from bot.lab.model import Template

# Everything is dropped, then these are added back, so that ordinary servers start.
DEFAULT_CAPABILITIES = {
    "CHOWN": "start scripts give the data folder to the server's own user",
    "SETUID": "servers start as root and go on as a user of their own",
    "SETGID": "the same for its group",
    "NET_BIND_SERVICE": "web servers listen on port 80, which is below 1024",
    "DAC_OVERRIDE": "root inside reads and writes folders that belong to the server's user",
    "FOWNER": "start scripts set the modes of files that belong to the server's user",
}

# What a template may have on top. Everything else is out of reach for good: the rest speaks to
# the host's kernel (SYS_ADMIN, SYS_MODULE, BPF, NET_ADMIN, SYS_PTRACE, …), makes devices (MKNOD),
# or gets around a limit (SYS_RESOURCE, SYS_NICE, IPC_LOCK's huge pages).
MORE_CAPABILITIES = {
    "KILL": "a server that runs as root signals workers of another user",
    "FSETID": "keeps the set-group-id bit of files that change",
    "SETPCAP": "lets a program give up capabilities of its own",
    "SETFCAP": "package managers unpack files that carry capabilities",
    "SYS_CHROOT": "sshd and mail servers lock themselves into a folder",
    "AUDIT_WRITE": "sshd and su write a record of each login",
    "NET_RAW": "ping and tcpdump, within the owner's own network",
}

# Writable where the root file system is read-only. Not /var/log: images of servers keep links
# to standard output there (nginx, php), and an empty folder over them would hide the links.
# Not /home either: it would hide what the image has there.
DEFAULT_WRITABLE = (
    "/tmp",  # noqa: S108 - a folder inside the container
    "/run",
    "/var/tmp",  # noqa: S108 - inside the container
    "/root",
    # nginx, from the hub and from Debian
    "/var/cache/nginx",
    "/var/lib/nginx",
    # httpd's process id, from the hub and from Debian
    "/usr/local/apache2/logs",
    "/run/apache2",
    # MySQL's socket; its image has the folder, which an empty /run hides
    "/run/mysqld",
)


def capabilities_of(template: Template | None = None) -> tuple[str, ...]:
    """Return the whole list that a container gets; None: one that is no template."""
    if template is None:
        return tuple(DEFAULT_CAPABILITIES)
    given = [*DEFAULT_CAPABILITIES, *template.capabilities_add]
    return tuple(dict.fromkeys(one for one in given if one not in template.capabilities_drop))


def writable_of(template: Template | None = None) -> tuple[str, ...]:
    """Return the folders that are writable where the root file system isn't."""
    return tuple(dict.fromkeys((*DEFAULT_WRITABLE, *(template.writable if template else ()))))
