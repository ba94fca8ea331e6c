"""The one place that knows libvirt-python; without it importing this fails.

Its own annotations are wrong in many places, so nothing here relies on them; and it is an extra,
which need not be there for the types of all else to be checked.
"""

from typing import Any

import libvirt as _libvirt  # pyright: ignore[reportMissingImports, reportMissingTypeStubs]
import libvirt_qemu as _libvirt_qemu  # pyright: ignore[reportMissingImports, reportMissingTypeStubs]

libvirt: Any = _libvirt
libvirt_qemu: Any = _libvirt_qemu
# A connection, a domain, a pool…: what they are said to be tells nothing.
Connection = Any
Domain = Any
Pool = Any
Stream = Any
Volume = Any
