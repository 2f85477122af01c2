"""The fleet page under load: many devices, killed brokers and processes, a million events. One JSON line a run.

    .venv/bin/python -m tests.proof.fleet load --devices 10000 --seconds 120 --broker mosquitto --store postgresql
    .venv/bin/python -m tests.proof.fleet load --devices 1000 --broker nats --store postgresql --kill-node 30 --kill 20
    .venv/bin/python -m tests.proof.fleet million --store sqlite --devices 50

Everything real: broker, database, `rearguard fleet run` in a process of its own, its pages over HTTP. Every event has a
number, so what is lost or stored twice is found by asking the database. `fresh_s`: from a change of a treadmill's state
to its tile, asked ten times a second. Without the servers it prints why it was not run.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Engine, func, select, update

from firmware_py.fleet import access, keep, topics
from firmware_py.fleet.schema import events, incidents, metadata
from firmware_py.fleet.store import open_store
from tests.proof.load import Device, Gym, Load, Result
from tests.support.broker import FOUND, free_port, mosquitto
from tests.support.engines import Nats, Postgres, missing_nats, missing_postgres, nats, postgres

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "long enough"
BROKER = "allow_anonymous true\nmax_inflight_messages 1000\nmessage_size_limit 65536\nset_tcp_nodelay true"
START_S, DRAIN_S = 60.0, 120.0
LATE_S = 10.0  # a tile that takes longer is not waited for
YEAR_S = 365 * 86_400.0
COPIES = 10
MOMENTS = ("time_s", "arrived_s", "seen_s", "closed_s")


def quantile(values: list[float], share: float) -> float | None:
    return round(sorted(values)[min(len(values) - 1, int(len(values) * share))], 3) if values else None


class Fleet:
    """`rearguard fleet run` as a process that can be killed, and a browser that is logged in."""

    def __init__(self, folder: Path, broker: str, store: str) -> None:
        self.port = free_port()
        self.store = store
        self.config = folder / "fleet.toml"
        self.config.write_text(
            f'broker = "{broker}"\nstore = "{store}"\nroot = "chain"\nport = {self.port}\n'
            f'secret_file = "{folder}/secret"\n',
            encoding="utf-8",
        )
        self._log = (folder / "fleet.log").open("ab")
        self.engine = open_store(store)
        with self.engine.begin() as db:
            access.add(db, "owner", access.Role.OWNER, "*", PASSWORD)
        self.start()
        self.browser = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=5.0)
        self.until_it_answers()
        self.browser.post("/login", data={"name": "owner", "password": PASSWORD})

    def until_it_listens(self) -> None:
        """What is published before the broker knows of the fleet is nobody's."""
        end_s = time.monotonic() + START_S
        while "No news from the treadmills" in self.browser.get("/").text:
            assert time.monotonic() < end_s, "the fleet does not reach its broker"
            time.sleep(0.1)

    def start(self) -> None:
        words = [sys.executable, "-m", "firmware_py", "fleet", "run", "--config", str(self.config)]
        self._process = subprocess.Popen(words, cwd=ROOT, stdout=self._log, stderr=self._log)
        self.started_s = time.monotonic()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def until_it_answers(self) -> float:
        """Seconds since its start."""
        while True:
            with contextlib.suppress(httpx.TransportError):
                self.browser.get("/login")
                return time.monotonic() - self.started_s
            assert time.monotonic() - self.started_s < START_S, "the fleet page does not start"
            time.sleep(0.05)

    def rss_mb(self) -> float:
        with contextlib.suppress(OSError, IndexError):
            text = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
            return int(text.split("VmRSS:")[1].split()[0]) / 1024
        return 0.0

    def cpu_s(self) -> float:
        with contextlib.suppress(OSError):
            words = (
                Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
            )
            return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
        return 0.0

    def close(self) -> None:
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()
        self.browser.close()
        self.engine.dispose()
        self._log.close()


class Probe:
    """Somebody who looks: how old a tile is, how long the floor takes, how much memory the process holds."""

    def __init__(self, fleet: Fleet, gym: Gym) -> None:
        self._fleet, self._gym = fleet, gym
        self._browser = httpx.Client(
            base_url=fleet.browser.base_url, cookies=fleet.browser.cookies, timeout=LATE_S
        )
        self._chance = random.Random(7)
        self.fresh_s: list[float] = []
        self.through_a_kill_s: list[float] = []
        self.floor_ms: list[float] = []
        self.rss_mb = 0.0
        self.kills = 0  # of anything, counted by the killers
        self.away = 0  # what is killed at present
        self.ending = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self.ending:
            self.rss_mb = max(self.rss_mb, self._fleet.rss_mb())
            kills, away = self.kills, self.away
            took_s = self._tile()
            if took_s is not None:
                calm = not away and kills == self.kills
                (self.fresh_s if calm else self.through_a_kill_s).append(took_s)
            began_s = time.monotonic()
            if self._ask("/"):
                self.floor_ms.append(1000 * (time.monotonic() - began_s))
            time.sleep(0.5)

    def _ask(self, path: str) -> str:
        with contextlib.suppress(httpx.TransportError):
            answer = self._browser.get(path)
            return answer.text if answer.status_code == 200 else ""
        return ""

    def _tile(self) -> float | None:
        """From a change of state to the tile that shows it; None when the device had no connection."""
        number = self._chance.randrange(len(self._gym.devices))
        device = self._gym.devices[number]
        began_s, warning = time.monotonic(), not device.warning
        if not self._gym.warn(number, warning):
            return None
        word = "tile warning" if warning else "tile walking"
        while time.monotonic() - began_s < LATE_S:
            for tile in self._ask(f"/tiles?site={device.site}").split("<li ")[1:]:
                if f">{device.name}</a>" in tile and (word in tile or "tile help" in tile):
                    return time.monotonic() - began_s
            time.sleep(0.1)
        return LATE_S

    def close(self) -> None:
        self.ending = True
        self._thread.join()
        self._browser.close()


def killer(
    probe: Probe, ending: threading.Event, wait_s: Callable[[], float], act: Callable[[], None]
) -> threading.Thread:
    """Does something terrible again and again."""

    def run() -> None:
        while not ending.wait(wait_s()):
            probe.kills, probe.away = probe.kills + 1, probe.away + 1
            act()
            probe.away -= 1

    made = threading.Thread(target=run)
    made.start()
    return made


def count(engine: Engine, ledger: dict[tuple[str, str], int]) -> dict[str, int]:
    """What the database holds of what was sent."""
    query = select(
        events.c.device, events.c.boot_id, func.count(), func.min(events.c.seq), func.max(events.c.seq)
    ).group_by(events.c.device, events.c.boot_id)
    with engine.connect() as db:
        found = {(device, boot): (number, low, high) for device, boot, number, low, high in db.execute(query)}
        rows, ids = db.execute(select(func.count(), func.count(func.distinct(events.c.id)))).one()
    stored = sum(number for number, _, _ in found.values())
    whole = all(
        found.get(name) == (sent, 1, sent) for name, sent in ledger.items()
    )  # numbers without a gap, and the last is there
    lost = sum(max(0, sent - found.get(name, (0, 0, 0))[0]) for name, sent in ledger.items())
    assert whole == (lost == 0) or stored != sum(ledger.values())
    return {"stored": stored, "lost": lost, "twice": rows - ids + max(0, stored - sum(ledger.values()))}


@contextlib.contextmanager
def servers(broker: str, store: str, folder: Path) -> Iterator[tuple[str, str, Nats | None, Postgres | None]]:
    """The two addresses, and what can be killed."""
    with contextlib.ExitStack() as stack:
        base = stack.enter_context(postgres(folder)) if store == "postgresql" else None
        store_url = base.url if base else f"sqlite:///{folder}/fleet.sqlite"
        if broker == "nats":
            cluster = stack.enter_context(nats(folder))
            yield cluster.url, store_url, cluster, base
        else:
            one = stack.enter_context(mosquitto(folder, BROKER))
            yield f"mqtt://127.0.0.1:{one.port}", store_url, None, base


def why_not(broker: str, store: str) -> str:
    """What is missing here; "" when nothing is."""
    if broker == "mosquitto" and not FOUND:
        return "not run: mosquitto is not installed (tests/system-packages.sh test)"
    missing = missing_postgres() if store == "postgresql" else ""
    return missing or (missing_nats() if broker == "nats" else "")


def run_load(
    folder: Path, broker: str, store: str, load: Load, kill_s: float = 0.0, kill_node_s: float = 0.0
) -> dict[str, Any]:
    """One run; `kill_s` and `kill_node_s`: the mean time between kills of the fleet process and of a node, 0 none."""
    chance = random.Random(load.seed)
    with servers(broker, store, folder) as (broker_url, store_url, cluster, _):
        fleet = Fleet(folder, broker_url, store_url)
        fleet.until_it_listens()
        gym = Gym(broker_url, load)
        results: list[Result] = []
        work = threading.Thread(target=lambda: results.append(asyncio.run(gym.run(DRAIN_S))))
        work.start()
        began_s = time.monotonic()
        while gym.connected < len(gym.lines) and work.is_alive():
            time.sleep(0.2)
        connect_s = time.monotonic() - began_s
        probe, ending = Probe(fleet, gym), threading.Event()
        began_s, cpu_s = time.monotonic(), fleet.cpu_s()
        back_s: list[float] = []
        nodes = {"killed": 0}

        def kill_fleet() -> None:
            fleet.kill()
            fleet.start()
            back_s.append(fleet.until_it_answers())

        def kill_node() -> None:
            assert cluster
            node = nodes["killed"] % len(cluster.mqtt_ports)
            cluster.kill(node)
            nodes["killed"] += 1
            ending.wait(min(8.0, kill_node_s / 3))
            cluster.start(node)

        killers = []
        if kill_s:
            killers.append(
                killer(probe, ending, lambda: min(60.0, max(1.0, chance.expovariate(1 / kill_s))), kill_fleet)
            )
        if kill_node_s and cluster:
            killers.append(killer(probe, ending, lambda: kill_node_s, kill_node))
        while work.is_alive() and time.monotonic() - began_s < load.seconds:
            time.sleep(0.2)
        took_s = time.monotonic() - began_s
        ending.set()
        for one in killers:
            one.join()
        used = (fleet.cpu_s() - cpu_s) / took_s if not kill_s else None
        probe.close()
        work.join()
        (result,) = results
        end_s = time.monotonic() + DRAIN_S
        found = count(fleet.engine, result.ledger)
        while found["lost"] and time.monotonic() < end_s:
            time.sleep(1.0)
            found = count(fleet.engine, result.ledger)
        fleet.close()
    return {
        "broker": broker,
        "store": store,
        "seconds": round(took_s),
        **result.figures,
        "kills": len(back_s),
        "nodes_killed": nodes["killed"],
        **found,
        "fresh_median_s": quantile(probe.fresh_s, 0.5),
        "fresh_p99_s": quantile(probe.fresh_s, 0.99),
        "fresh_max_s": quantile(probe.fresh_s, 1.0),
        "fresh_n": len(probe.fresh_s),
        "through_a_kill_max_s": quantile(probe.through_a_kill_s, 1.0),
        "back_max_s": quantile(back_s, 1.0),
        "floor_median_ms": quantile(probe.floor_ms, 0.5),
        "floor_p99_ms": quantile(probe.floor_ms, 0.99),
        "rss_mb": round(probe.rss_mb),
        "fleet_cores": round(used, 2) if used is not None else None,
        "connect_s": round(connect_s, 1),
        "load_average": round(os.getloadavg()[0], 1),
    }


# -- a million events ----------------------------------------------------------------------------------------------


def fill(engine: Engine, devices: int, number: int, end_s: float, over_s: float) -> None:
    """`number` events of `devices` treadmills over a time: the last tenth made, the others copies of it.

    Stops go the way that an ingest writes them; what makes no incident is put straight into the table.
    """
    _fill_newest(engine, devices, number // COPIES, end_s, over_s / COPIES)
    for k in range(1, COPIES):
        back_s, since_s = k * over_s / COPIES, end_s - over_s / COPIES - 1
        for table, renamed in (("events", ("boot_id", "id")), ("incidents", ("id",))):
            names = [column.name for column in metadata.tables[table].columns]
            new = [
                f"{name} || '-{k}'" if name in renamed else f"{name} - {back_s}" if name in MOMENTS else name
                for name in names
            ]
            copy = f"insert into {table} ({', '.join(names)}) select {', '.join(new)} from {table}"
            with engine.begin() as db:
                db.exec_driver_sql(f"{copy} where arrived_s >= {since_s}")
    with engine.begin() as db:
        seen = update(incidents).where(incidents.c.arrived_s < end_s - over_s / 1000)
        db.execute(seen.values(seen_by="anna", seen_s=end_s))
        word = "stumbled, went on"
        closed = seen.where(func.length(incidents.c.id) % 3 != 0)
        db.execute(
            closed.values(closed_by="anna", closed_s=end_s, word=word, find=incidents.c.find + f" {word}")
        )


def _fill_newest(engine: Engine, devices: int, number: int, end_s: float, over_s: float) -> None:
    chance = random.Random(3)
    load = Load(devices, 0, 0)
    gym = [Device(load, n, chance) for n in range(devices)]
    maker = Device(load, 0, chance)
    whole = [maker.event(chance) for _ in range(2_000)]
    shapes = [(topic.rpartition("/")[2], text.decode()) for topic, text in whole]
    seqs = [0] * devices
    made = 0
    while made < number:
        now_s = end_s - over_s * (1 - made / number)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now_s))
        rows, stops = [], []
        for _ in range(min(2_000, number - made)):
            n = chance.randrange(devices)
            device, seqs[n] = gym[n], seqs[n] + 1
            kind, text = shapes[int(chance.random() * len(shapes))]
            boot, seq, name = f"{device.stamp.boot_id}-{seqs[n] // 500}", seqs[n] % 500, f"{n}-{seqs[n]}"
            text = text.replace("/rearguard/deck-0/", f"/rearguard/{device.name}/", 1)
            cause = "drift_rear" if kind == "stopped" else ""
            if kind == "stopped" and '"fall"' in text:
                cause = "fall"
            one = topics.Event(
                device.site,
                device.name,
                boot,
                seq,
                "guard",
                name,
                kind,
                cause,
                device.stamp.version,
                now_s,
                text,
            )
            if kind == "stopped":
                stops.append(one._replace(text=json.dumps(json.loads(text) | {"id": name, "time": stamp})))
            else:
                rows.append({**one._asdict(), "arrived_s": now_s})
        for row in rows:
            del row["part"]
        with engine.begin() as db:
            db.execute(events.insert(), rows)
            keep.write(db, stops, now_s)
        made += len(rows) + len(stops)
    pictures = [
        topics.read("chain", f"{d.base}/{what}", payload)
        for d in gym
        for what, payload in (("state", d.state()), ("health", d.health()))
    ]
    with engine.begin() as db:
        for n in range(0, len(pictures), 500):
            keep.write(db, pictures[n : n + 500], end_s)


PAGES = {
    "floor": "/",
    "tiles": "/tiles",
    "site": "/?site=site-0",
    "incidents": "/incidents",
    "open": "/incidents?open=on",
    "search_name": "/incidents?word=deck-17",
    "search_word": "/incidents?word=stumbled",
    "search_nothing": "/incidents?word=no+such+word",
    "old_page": "/incidents?page=300",
    "device": "/device/deck-1",
    "versions": "/versions",
}


def run_million(folder: Path, store: str, devices: int, number: int, times: int = 20) -> dict[str, Any]:
    """The pages over a store that holds `number` events."""
    with contextlib.ExitStack() as stack:
        base = stack.enter_context(postgres(folder)) if store == "postgresql" else None
        url = base.url if base else f"sqlite:///{folder}/fleet.sqlite"
        engine = open_store(url)
        fill(engine, devices, number, time.time(), YEAR_S if devices <= 100 else 2 * 86_400.0)
        with engine.connect() as db:
            kept = db.execute(select(func.count()).select_from(incidents)).scalar()
            if base:
                base.sql(
                    "vacuum analyze", user="admin"
                )  # as its own daemon does some time after so many rows
                size_mb = db.exec_driver_sql("select pg_database_size('fleet') / 1e6").scalar()
        if not base:
            size_mb = (folder / "fleet.sqlite").stat().st_size / 1e6
        engine.dispose()
        fleet = Fleet(folder, "mqtt://127.0.0.1:1", url)
        stack.callback(fleet.close)
        took: dict[str, float] = {}
        for name, path in PAGES.items():
            ms = []
            for _ in range(times):
                began_s = time.monotonic()
                answer = fleet.browser.get(path)
                ms.append(1000 * (time.monotonic() - began_s))
                assert answer.status_code == 200, (path, answer.status_code)
            took[f"{name}_ms"] = round(sorted(ms)[len(ms) // 2])
            took[f"{name}_max_ms"] = round(max(ms))
        rss_mb = fleet.rss_mb()
    return {
        "store": store,
        "devices": devices,
        "events": number,
        "incidents": kept,
        "size_mb": round(float(size_mb or 0)),
        **took,
        "rss_mb": round(rss_mb),
        "load_average": round(os.getloadavg()[0], 1),
    }


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["load", "million"])
    parser.add_argument("--devices", type=int, nargs="+", default=[1000])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument(
        "--events", type=float, default=0, help="a second; 0: a fifteenth of the devices' messages"
    )
    parser.add_argument("--connections", type=int, default=0, help="0: one a device")
    parser.add_argument("--broker", choices=["mosquitto", "nats"], default="mosquitto")
    parser.add_argument("--store", choices=["sqlite", "postgresql"], nargs="+", default=["postgresql"])
    parser.add_argument(
        "--kill", type=float, default=0, help="seconds between kills of the fleet process, mean"
    )
    parser.add_argument("--kill-node", type=float, default=0, help="seconds between kills of a node")
    parser.add_argument("--number", type=int, default=1_000_000)
    given = parser.parse_args(words)
    for store in given.store:
        for devices in given.devices:
            if why := why_not(given.broker if given.what == "load" else "", store):
                print(json.dumps({"store": store, "devices": devices, "result": why}), flush=True)
                continue
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                folder.chmod(0o755)
                if given.what == "million":
                    row = run_million(folder, store, devices, given.number)
                else:
                    load = Load(
                        devices, given.seconds, given.events or max(0.2, devices / 300), given.connections
                    )
                    row = run_load(folder, given.broker, store, load, given.kill, given.kill_node)
            print(json.dumps(row), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
