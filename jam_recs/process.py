"""A server as a process of its own, to be loaded, stalled or killed: what the demo, the load test and the fault tests stand on."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from shared.errors import LinerError

STARTS_WITHIN_S = 60.0


class ServerProcess:
    """`liner jam-recs serve` on a free port of this machine."""

    def __init__(self, home: Path) -> None:
        """home: its LINER_HOME. Returns when it answers; LinerError when it does not."""
        self.home, self.port = home, free_port()
        self.start()

    def start(self) -> None:
        """Start it (again), on its log and its port."""
        command = [sys.executable, "-m", "shared", "jam-recs", "serve", "--port", str(self.port)]
        said = self.home / "server.err"  # a pipe that nobody drains would stall it
        with said.open("wb") as errors:
            self._process = subprocess.Popen(command, env={**os.environ, "LINER_HOME": str(self.home)},
                                             stdout=subprocess.DEVNULL, stderr=errors)  # fmt: skip
        wait_for(self.port, self._process, said)

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """POST /jam-recs/…"""
        return post(self.address, path, body)

    def cpu_s(self) -> float:
        """What it has used of a core so far."""
        return cpu_s(self._process.pid)

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> "ServerProcess":
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.kill()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def cpu_s(process: int) -> float:
    """Seconds of a core that a process of this machine has used; 0 where there is no /proc (macOS)."""
    try:
        user, system = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
    except OSError:
        return 0.0
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def wait_for(port: int, process: "subprocess.Popen[bytes]", errors: Path | None = None) -> None:
    """Until somebody listens on `port`; LinerError with the last of `errors`, if `process` ends before."""
    until = monotonic() + STARTS_WITHIN_S
    while monotonic() < until:
        if process.poll() is not None:
            said = errors.read_text(errors="replace").strip().splitlines() if errors else []
            raise LinerError(f"the server ended with code {process.poll()}: {said[-1] if said else 'no word'}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            sleep(0.02)
    process.kill()
    raise LinerError(f"no server on port {port} after {STARTS_WITHIN_S:.0f} s")


def post(address: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """POST JSON to a server of this machine."""
    request = Request(
        f"http://{address}/jam-recs{path}", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    try:
        with urlopen(request, timeout=60) as response:  # noqa: S310  http, built above
            answer: dict[str, Any] = json.load(response)
            return answer
    except URLError as error:
        raise LinerError(f"POST {path}: {error}") from error
