"""Whether a published port really answers."""

import asyncio
import contextlib

_TRY_SECONDS = 1.0
_HOLD_SECONDS = 0.25
_PAUSE_SECONDS = 0.2


async def answers(address: str, port: int) -> bool:
    """Say whether something behind a TCP port takes a connection and keeps it.

    Accepting proves nothing: the engine's own proxy accepts for a container that doesn't
    listen, and hangs up at once.
    """
    try:
        async with asyncio.timeout(_TRY_SECONDS):
            reader, writer = await asyncio.open_connection(address, port)
    except (OSError, TimeoutError):
        return False
    try:
        async with asyncio.timeout(_HOLD_SECONDS):
            # A server that speaks first answers; an end says that nobody is there.
            return bool(await reader.read(1))
    except TimeoutError:
        return True
    except OSError:
        return False
    finally:
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_TRY_SECONDS):
                await writer.wait_closed()


async def wait_until_it_answers(address: str, port: int, seconds: float) -> bool:
    """Try for so long; say whether it answered."""
    end = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end:
        if await answers(address, port):
            return True
        await asyncio.sleep(_PAUSE_SECONDS)
    return False
