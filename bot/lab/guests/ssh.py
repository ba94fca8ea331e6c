"""Whether a guest's SSH server answers, and with which host key."""

import asyncio
import base64
import hashlib
import socket

import paramiko

_BANNER = b"SSH-"


async def answers(address: str, port: int, seconds: float) -> bool:
    """Say whether somebody who speaks SSH answers there: accepting alone proves nothing."""
    writer = None
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(address, port)
            return await reader.readexactly(len(_BANNER)) == _BANNER
    except (OSError, EOFError, TimeoutError):
        return False
    finally:
        if writer is not None:
            writer.transport.abort()


def host_key(address: str, port: int, seconds: float) -> str | None:
    """Return the fingerprint of a server's host key as `ssh` shows it; None: it doesn't tell.

    Blocking: for a thread.
    """
    try:
        with socket.create_connection((address, port), seconds) as there:
            transport = paramiko.Transport(there)
            try:
                transport.start_client(timeout=seconds)
                key = transport.get_remote_server_key()
            finally:
                transport.close()
    except (OSError, paramiko.SSHException, EOFError):
        return None
    digest = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
    return f"{key.get_name()} SHA256:{digest}"
