"""PostgreSQL and three nats-servers on free loopback ports, for a test; nothing of them is left afterwards.

.venv/bin/python -m tests.support.engines     starts both, prints the two addresses for fleet.toml
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

from tests.support.broker import free_port

_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
NATS = shutil.which("nats-server") or (
    "/usr/sbin/nats-server" if Path("/usr/sbin/nats-server").exists() else None
)
NODES = 3
START_S = 30.0

NATS_SETTINGS = """\
server_name: n{node}
listen: "127.0.0.1:{client}"
jetstream {{ store_dir: "{folder}/n{node}", max_file_store: 4GB, max_memory_store: 64MB }}
cluster {{ name: gym, listen: "127.0.0.1:{route}", routes: [{routes}] }}
mqtt {{ listen: "127.0.0.1:{mqtt}", ack_wait: "10s", max_ack_pending: 1000 }}
"""


def missing_postgres() -> str:
    """Why there is no PostgreSQL here; "" when there is one."""
    if not _BINARIES:
        return "not run: PostgreSQL is not installed (tests/system-packages.sh proof)"
    return "" if find_spec("psycopg") else "not run: psycopg is not installed (pip install -e '.[fleet]')"


def missing_nats() -> str:
    return "" if NATS else "not run: nats-server is not installed (tests/system-packages.sh proof)"


def _until(holds: Callable[[], bool], what: str) -> None:
    end_s = time.monotonic() + START_S
    while not holds():
        assert time.monotonic() < end_s, f"{what} did not start"
        time.sleep(0.05)


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 0.2).close()
        return True
    return False


class Postgres:
    """One cluster with one ordinary user, `fleet`, who owns one database. Never runs as root: PostgreSQL refuses."""

    def __init__(self, folder: Path, *settings: str) -> None:
        self._folder, self.port = folder / "postgres", free_port()
        self._folder.mkdir()
        self._as = (
            ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
        )
        if self._as:
            shutil.chown(self._folder, "postgres", "postgres")
        self._bin = _BINARIES[-1].parent
        data = str(self._folder / "data")
        self._run("initdb", "-D", data, "-U", "admin", "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
        options = [
            f"port={self.port}",
            "listen_addresses=127.0.0.1",
            f"unix_socket_directories={self._folder}",
        ]
        flags = [word for line in (*options, *settings) for word in ("-c", line)]
        self._process = subprocess.Popen(
            [*self._as, str(self._bin / "postgres"), "-D", data, *flags],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
        )
        _until(
            lambda: self._run("pg_isready", "-h", "127.0.0.1", "-p", str(self.port), check=False) == 0,
            "PostgreSQL",
        )
        for line in ("create role fleet login", "create database fleet owner fleet"):
            self.sql(line, "postgres", "admin")
        self.url = f"postgresql+psycopg://fleet@127.0.0.1:{self.port}/fleet"

    @property
    def pid(self) -> int:
        return self._process.pid

    def _run(self, name: str, *words: str, check: bool = True) -> int:
        return subprocess.run(
            [*self._as, str(self._bin / name), *words],
            cwd=self._folder,
            check=check,
            stdout=subprocess.DEVNULL,
        ).returncode

    def sql(self, line: str, database: str = "fleet", user: str = "fleet") -> None:
        self._run("psql", "-qX", "-h", "127.0.0.1", "-p", str(self.port), "-U", user, "-c", line, database)

    def close(self) -> None:
        self._process.send_signal(signal.SIGINT)  # a fast end: nobody is waited for
        self._process.wait(START_S)


class Nats:
    """A cluster whose nodes can be killed and started again, always at the same ports."""

    def __init__(self, folder: Path) -> None:
        ports = [[free_port() for _ in range(3)] for _ in range(NODES)]
        self.mqtt_ports = [mqtt for _, _, mqtt in ports]
        routes = ", ".join(f'"nats://127.0.0.1:{route}"' for _, route, _ in ports)
        self._files = []
        for node, (client, route, mqtt) in enumerate(ports):
            file = folder / f"n{node}.conf"
            text = NATS_SETTINGS.format(
                node=node, client=client, route=route, mqtt=mqtt, routes=routes, folder=folder
            )
            file.write_text(text, encoding="utf-8")
            self._files.append(file)
        self._processes: list[subprocess.Popen[bytes] | None] = [None] * NODES
        for node in range(NODES):
            self.start(node, wait=False)
        for port in self.mqtt_ports:
            _until(lambda port=port: _answers(port), "nats-server")  # type: ignore[misc]
        self.url = "mqtt://" + ",".join(f"127.0.0.1:{port}" for port in self.mqtt_ports)

    def pids(self) -> list[int]:
        return [one.pid for one in self._processes if one]

    def start(self, node: int, wait: bool = True) -> None:
        assert NATS
        self._processes[node] = subprocess.Popen(
            [NATS, "-c", str(self._files[node]), "-l", str(self._files[node].with_suffix(".log"))]
        )
        if wait:
            _until(lambda: _answers(self.mqtt_ports[node]), f"nats-server {node}")

    def kill(self, node: int) -> None:
        process, self._processes[node] = self._processes[node], None
        if process:
            process.kill()
            process.wait()

    def close(self) -> None:
        for node in range(NODES):
            self.kill(node)


@contextlib.contextmanager
def postgres(folder: Path, *settings: str) -> Iterator[Postgres]:
    made = Postgres(folder, *settings)
    try:
        yield made
    finally:
        made.close()


@contextlib.contextmanager
def nats(folder: Path) -> Iterator[Nats]:
    made = Nats(folder)
    try:
        yield made
    finally:
        made.close()


def main() -> int:
    if why := missing_postgres() or missing_nats():
        print(why, file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        with postgres(folder) as store, nats(folder) as broker:
            print(f'broker = "{broker.url}"\nstore = "{store.url}"', flush=True)
            with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C ends both
                signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(main())
