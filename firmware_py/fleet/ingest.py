"""Owns the way from the broker into the store: a batch, one transaction, then the acknowledgements.

Must never acknowledge before the commit: what is not on disk is sent again by the broker. Must never publish.
"""

import logging
import queue
import ssl
import threading
import time
from collections.abc import Callable
from itertools import cycle
from typing import NamedTuple, TypeVar
from urllib.parse import unquote, urlsplit

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import InterfaceError, OperationalError

from firmware_py.fleet import keep, topics
from firmware_py.fleet.keep import Keep
from firmware_py.fleet.topics import Message, Refused
from firmware_py.fleet.watch import Watch
from firmware_py.locale import mark

log = logging.getLogger(__name__)
T = TypeVar("T")

BATCH = 500
WAIT_S = 0.1  # a batch is never older than this when it is written
PAUSE_S = (
    0.01  # and no longer waited for than this: a broker may wait for our acknowledgement before it sends more
)
RETRY_S = 1.0
LOOK_S = 5.0  # between two looks for stops without a sign of life
KEEPALIVE_S = 30
MOST_WAITING = 1_000  # beyond this the network waits: TCP and the broker hold the rest back
FORGET_S = 3600.0
FORGET_MORE_S = 0.5  # while there is much to forget


class Waiting(NamedTuple):
    """One message on its way to the disk, and how to acknowledge it: on the connection that it came by."""

    message: Message
    mid: int
    qos: int
    connection: int


class Ingest:
    """One connection and one thread that writes. `broker_url` may name several brokers of one cluster."""

    def __init__(
        self,
        broker_url: str,
        root: str,
        engine: Engine,
        bounds: Keep = Keep(),  # noqa: B008
        name: str = "rearguard-fleet",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._url, self._root, self._engine, self._bounds = urlsplit(broker_url), root, engine, bounds
        self._tls = tls
        self._brokers = cycle(_addresses(broker_url))
        self._waiting: queue.Queue[Waiting] = queue.Queue(MOST_WAITING)
        self._watch = Watch()
        self._known: set[tuple[str, str]] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._write_all, name="fleet-ingest")
        self._forget_s = time.monotonic() + FORGET_S  # not at once: by then the clock is right
        self._look_s = 0.0
        self._connection = 0
        self._asked: int | None = None
        self._broker_problem, self._store_problem = mark("not connected yet"), ""
        self.stored = 0
        # A lasting session: the broker keeps events while this process is away.
        self._client = Client(CallbackAPIVersion.VERSION2, name, clean_session=False, manual_ack=True)
        self._client.reconnect_delay_set(1, 5)
        self._client.on_connect = lambda _c, _d, flags, code, _p: self._connected(code, flags.session_present)
        self._client.on_subscribe = lambda _c, _d, mid, codes, _p: self._subscribed(mid, codes)
        self._client.on_connect_fail = lambda _c, _d: self._failed()
        self._client.on_disconnect = lambda _c, _d, _f, code, _p: self._disconnected(code)
        self._client.on_message = lambda _c, _d, message: self._arrived(message)

    @property
    def problem(self) -> str:
        """What keeps news away; "" when nothing does."""
        return self._broker_problem or self._store_problem

    def start(self) -> None:
        """Connects, and again after each loss; returns at once."""
        if self._url.username:
            self._client.username_pw_set(unquote(self._url.username), self._url.password)
        if self._url.scheme == "mqtts":
            self._client.tls_set_context(self._tls or ssl.create_default_context())
        self._another()
        self._client.loop_start()
        self._thread.start()

    def close(self) -> None:
        """Ends the connection, writes what waits, then ends."""
        self._client.disconnect()
        self._client.loop_stop()
        self._stopping.set()
        self._thread.join()

    # -- paho's thread -----------------------------------------------------------------------------------

    def _connected(self, code: ReasonCode, known: bool) -> None:
        if code.is_failure:
            self._broker_problem = mark("the broker refuses this page")
            log.error(
                "fleet: the broker refuses us: %s. Check the address, user and password of the broker.", code
            )
            return
        if self._connection and not known:
            log.warning(
                "fleet: the broker has forgotten this connection. Events of the time without it may be missing; each "
                "treadmill's page counts them. Let the broker keep its sessions on disk (docs/fleet.md)."
            )
        self._connection += 1
        self._broker_problem = mark("the broker has not confirmed our subscriptions yet")
        root = f"{self._root}/" if self._root else ""
        levels = [
            f"{root}{site}rearguard/+/" for site in ("", "+/", "+/+/")
        ]  # without a site, with, a chain above it
        wanted = [(f"{level}event/+", 1) for level in levels]
        wanted += [(f"{level}{tail}", 0) for level in levels for tail in ("status", "state", "health")]
        self._asked = self._client.subscribe(wanted)[1]

    def _subscribed(self, mid: int, codes: list[ReasonCode]) -> None:
        """Only now nothing is missed. A broker may refuse what this user may not read."""
        if mid == self._asked:
            refused = any(code.is_failure for code in codes)
            self._broker_problem = mark("the broker refuses our subscriptions") if refused else ""
            if refused:
                log.error("fleet: %s. Usually its access list: rearguard fleet acl.", self._broker_problem)

    def _failed(self) -> None:
        self._broker_problem = mark("the broker does not answer")
        self._another()

    def _disconnected(self, code: ReasonCode) -> None:
        self._broker_problem = mark("the broker is away")
        if not self._stopping.is_set():
            log.warning("fleet: the broker is away: %s", code)
            self._another()

    def _another(self) -> None:
        """The next attempt goes to the next broker."""
        self._client.connect_async(*next(self._brokers), KEEPALIVE_S)

    def _arrived(self, message: MQTTMessage) -> None:
        read = topics.read(self._root, message.topic, bytes(message.payload), message.retain)
        self._waiting.put(Waiting(read, message.mid, message.qos, self._connection))

    # -- the writing thread ------------------------------------------------------------------------------

    def _write_all(self) -> None:
        while not self._stopping.is_set() or not self._waiting.empty():
            batch = self._batch()
            messages = [self._watch.judge(one.message, time.time()) for one in batch]
            while batch and not self._write(batch, messages):
                if self._stopping.wait(RETRY_S):
                    return  # not acknowledged: the broker sends it again
            if time.monotonic() >= self._look_s:
                self._look_s = time.monotonic() + LOOK_S
                self._change(lambda db: keep.call_for_help(db, time.time()))
            if time.monotonic() >= self._forget_s:
                more = self._change(lambda db: keep.forget(db, time.time(), self._bounds))
                self._forget_s = time.monotonic() + (FORGET_MORE_S if more else FORGET_S)

    def _batch(self) -> list[Waiting]:
        """What arrives within WAIT_S, at most BATCH; less when nothing more comes."""
        batch: list[Waiting] = []
        end_s = time.monotonic() + WAIT_S
        while len(batch) < BATCH:
            wait_s = min(PAUSE_S, end_s - time.monotonic()) if batch else WAIT_S
            try:
                batch.append(self._waiting.get(timeout=max(0.0, wait_s)))
            except queue.Empty:
                return batch
        return batch

    def _write(self, batch: list[Waiting], messages: list[Message]) -> bool:
        """False: the database cannot be used now, and nothing was acknowledged."""
        try:
            self._store(messages)
        except (OperationalError, InterfaceError) as error:
            self._away(error)
            return False
        except Exception:
            log.exception("fleet: one of %d messages cannot be stored; each is tried by itself", len(batch))
            if not self._store_singly(messages):
                return False
        self._store_problem = ""
        for one in batch:
            if one.qos and one.connection == self._connection:
                self._client.ack(one.mid, one.qos)
        return True

    def _store(self, messages: list[Message]) -> None:
        with self._engine.begin() as db:
            new = keep.write(db, messages, time.time(), self._bounds, self._known)
        self.stored += len(new)
        if found := self._watch.twins(new):
            with self._engine.begin() as db:
                keep.write(db, found, time.time(), self._bounds)

    def _store_singly(self, messages: list[Message]) -> bool:
        """A message that the database does not take is counted and goes; it must not stop the others."""
        for one in messages:
            try:
                self._store([one])
            except (OperationalError, InterfaceError) as error:
                self._away(error)
                return False
            except Exception as error:
                log.error("fleet: a message of %s cannot be stored: %s", one.device, type(error).__name__)
                self._store([Refused(one.site, one.device, "cannot be stored")])
        return True

    def _away(self, error: Exception) -> None:
        self._store_problem = mark("the database cannot be used now")
        log.error("fleet: %s (%s). It is tried again.", self._store_problem, str(error).splitlines()[0])

    def _change(self, change: Callable[[Connection], T]) -> T | None:
        """A change of our own; None when the database cannot be used now."""
        try:
            with self._engine.begin() as db:
                done = change(db)
        except (OperationalError, InterfaceError) as error:
            self._away(error)
            return None
        self._store_problem = ""
        return done


def _addresses(url: str) -> list[tuple[str, int]]:
    """The brokers of mqtt://USER:PASSWORD@HOST:PORT,HOST:PORT,..."""
    parts = urlsplit(url)
    usual = 8883 if parts.scheme == "mqtts" else 1883
    found = []
    for address in parts.netloc.rpartition("@")[2].split(","):
        host, _, port = address.rpartition(":") if ":" in address else (address, "", "")
        found.append((host or "localhost", int(port) if port.isdecimal() else usual))
    return found
