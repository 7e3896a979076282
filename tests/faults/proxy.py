"""A network that can be hurt: a TCP proxy before a broker, slowed, silenced and cut on command.

What it cannot show: lost packets and a connection that is refused by a router. A silent network is one whose packets
wait: TCP sends them again once it heals, as it would.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Literal, Self

HOST: Final = "127.0.0.1"
CHUNK: Final = 16_384
IN_FLIGHT: Final = 8
"""Chunks of one connection and direction that are under way; then the sender has to wait, as for a full window."""

RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER: closing sends a reset (RST) and not an orderly end."""

Direction = Literal["requests", "answers"]


@dataclass
class Way:
    """One direction: seconds of `delay`, `bytes_per_second` (0: no limit), and whether it is `silent`."""

    delay: float = 0.0
    bytes_per_second: float = 0.0
    silent: bool = False


class Proxy:
    """Listens on `port` of loopback while it is entered, and passes everything on to the port that `to` names.

    Args:
        port: where it listens.
        target: the port of the broker's listener that advertises the proxy's.
    """

    def __init__(self, port: int, target: int) -> None:
        self.port = port
        self._target = target
        self._ways: dict[Direction, Way] = {"requests": Way(), "answers": Way()}
        self._refusing = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._changed = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    def slow(self, delay: float, bytes_per_second: float, *directions: Direction) -> None:
        """From now on, of each connection; both ways when none is named; zeros take it away."""
        for direction in directions or self._ways:
            self._ways[direction].delay, self._ways[direction].bytes_per_second = delay, bytes_per_second

    def silence(self, *directions: Direction) -> None:
        """Nothing goes through in these directions, and nobody is told."""
        for direction in directions:
            self._ways[direction].silent = True

    def cut(self) -> None:
        """Reset every connection, and each new one, until `heal`."""
        self._refusing = True
        self._run(self._reset())

    def heal(self) -> None:
        """Everything goes through again; what was silenced arrives now."""
        self._refusing = False
        for way in self._ways.values():
            way.silent = False
        self._loop.call_soon_threadsafe(self._changed.set)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._connected, HOST, self.port)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        if self._refusing:
            return self._abort(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection(HOST, self._target)
        except OSError:
            return self._abort(writer)
        self._writers.add(far_writer)
        try:
            async with asyncio.TaskGroup() as group:
                self._pass_on(group, reader, far_writer, self._ways["requests"])
                self._pass_on(group, far_reader, writer, self._ways["answers"])
        except* OSError:
            pass  # one end has gone, so the other goes too
        finally:
            self._abort(writer)
            self._abort(far_writer)

    def _pass_on(
        self, group: asyncio.TaskGroup, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Way
    ) -> None:
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(IN_FLIGHT)
        group.create_task(self._receive(reader, under_way, way))
        group.create_task(self._deliver(under_way, writer, way))

    async def _receive(
        self, reader: asyncio.StreamReader, under_way: "asyncio.Queue[tuple[float, bytes]]", way: Way
    ) -> None:
        while chunk := await reader.read(CHUNK):
            await under_way.put((self._loop.time() + way.delay, chunk))
        raise ConnectionResetError

    async def _deliver(
        self, under_way: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter, way: Way
    ) -> None:
        while True:
            due, chunk = await under_way.get()
            await asyncio.sleep(max(0.0, due - self._loop.time()))
            while way.silent:
                self._changed.clear()
                await self._changed.wait()
            if way.bytes_per_second:
                await asyncio.sleep(len(chunk) / way.bytes_per_second)
            writer.write(chunk)
            await writer.drain()

    async def _reset(self) -> None:
        for writer in list(self._writers):
            self._abort(writer)

    def _abort(self, writer: asyncio.StreamWriter) -> None:
        self._writers.discard(writer)
        with contextlib.suppress(OSError):
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        writer.transport.abort()

    def _run(self, job: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(job, self._loop).result()

    async def _close(self) -> None:
        self._server.close()
        await self._reset()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._listen())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
