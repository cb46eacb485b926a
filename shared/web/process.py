"""A service's process: its HTTP server and its loops, started together, drained together, never outliving each other."""

import asyncio
import gc
import signal
import socket
from collections.abc import Sequence
from typing import Any

import structlog
import uvicorn

from shared.errors import ConfigurationError
from shared.loops import Loop
from shared.web.connection import Connection
from shared.web.health import Health

log = structlog.get_logger()


async def run_process(app: Any, *, host: str, port: int, loops: Sequence[Loop], health: Health, drain_seconds: float) -> int:
    """Serve `app` and run `loops` until SIGTERM or SIGINT, then finish requests first and loops second.

    Returns the exit code: 0 after a drain, 1 when a loop ended by itself or did not drain in time. Raises
    ConfigurationError when the port is taken.
    """
    listening = _listen(host, port)
    stop = asyncio.Event()
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", loop="none", http=Connection, ws="none",
                            proxy_headers=False, timeout_graceful_shutdown=max(1, int(drain_seconds / 2)), server_header=False,
                            backlog=4096)  # fmt: skip
    server = uvicorn.Server(config)
    _spare_the_garbage_collector()
    tasks = {asyncio.create_task(loop.run(stop, health.beater(loop.name)), name=loop.name) for loop in loops}
    serving = asyncio.create_task(_serve(server, listening), name="http")
    await asyncio.wait({serving, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    ended = [task for task in (serving, *tasks) if task.done()]
    log.info("draining", action="draining", because=[task.get_name() for task in ended])
    server.should_exit = True
    await asyncio.wait({serving})
    stop.set()
    late = (await asyncio.wait(tasks, timeout=drain_seconds))[1] if tasks else set()
    for task in late:
        task.cancel()
        log.error("loop did not drain", action="drain_failed", loop=task.get_name())
    crashed = [task for task in (serving, *tasks) if task.done() and not task.cancelled() and task.exception() is not None]
    for task in crashed:
        log.critical("loop crashed", action="loop_crashed", loop=task.get_name(), exc_info=task.exception())
    log.info("stopped", action="stopped")
    ended_early = any(task is not serving for task in ended)
    return 1 if crashed or late or ended_early or not server.started else 0


def _spare_the_garbage_collector() -> None:
    """What exists now stays for good: leave it out of every collection, and collect the rest less often.

    Nothing is collected before: some hundred objects are garbage here, and to find them is a tenth of the start.
    """
    gc.freeze()
    gc.set_threshold(250_000, 20, 20)


async def _serve(server: uvicorn.Server, listening: socket.socket) -> None:
    """Serve until a signal. uvicorn raises the signal again when it has stopped: that is taken here, so that loops drain."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    await server.serve(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise ConfigurationError(
            f"cannot listen on {host}:{port} ({error.strerror}): stop what uses the port, or set another one"
        ) from None
    return listening
