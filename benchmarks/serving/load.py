"""Requests as fast as they are answered, over a number of connections that stay open."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

__all__ = ["load", "tool"]

_LUA = Path(__file__).with_name("apps") / "wrk.lua"


def tool() -> str:
    """What makes the load."""
    return "wrk" if shutil.which("wrk") else "asyncio"


def load(port: int, route: str, bodies: Sequence[str], connections: int, seconds: float) -> dict[str, Any]:
    """Requests per second, p50 and p99 in ms, and how many were not answered with 200."""
    if tool() == "asyncio":
        return asyncio.run(_asyncio(port, route, bodies, connections, seconds))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bodies"
        path.write_text("\n".join(bodies) + "\n", encoding="utf-8")
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "10s", "-s", str(_LUA)]
        told = subprocess.run(
            [*command, f"http://127.0.0.1:{port}"], env={**os.environ, "BODIES": str(path), "ROUTE": route},
            capture_output=True, text=True, timeout=seconds + 60, check=True,
        ).stdout  # fmt: skip
    return json.loads(next(line[5:] for line in told.splitlines() if line.startswith("JSON ")))


async def _asyncio(
    port: int, route: str, bodies: Sequence[str], connections: int, seconds: float
) -> dict[str, Any]:
    """Where there is no wrk; it takes a part of the machine, and asks some thousands a second."""
    times: list[float] = []
    errors = 0
    over = time.perf_counter() + seconds
    requests = [
        f"POST {route} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body.encode())}\r\n\r\n{body}".encode()
        for body in bodies
    ]

    async def one(first: int) -> None:
        nonlocal errors
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        at = first
        while time.perf_counter() < over:
            began = time.perf_counter()
            writer.write(requests[at % len(requests)])
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            await reader.readexactly(int(head.partition("content-length:")[2].split("\r\n")[0]))
            errors += " 200 " not in head.split("\r\n")[0] + " "
            times.append(time.perf_counter() - began)
            at += 1
        writer.close()

    await asyncio.gather(*(one(7 * at) for at in range(connections)))
    cuts = statistics.quantiles(times, n=100)
    return {
        "requests": len(times), "rps": len(times) / seconds, "p50_ms": 1e3 * statistics.median(times),
        "p99_ms": 1e3 * cuts[98], "errors": errors,
    }  # fmt: skip
