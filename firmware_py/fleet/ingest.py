"""Owns the way from the broker into the store: a batch, one transaction, then the acknowledgements.

Must never acknowledge before the commit: what is not on disk is sent again by the broker. Must never publish.
"""

import logging
import queue
import ssl
import threading
import time
from typing import NamedTuple
from urllib.parse import urlsplit

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from firmware_py.fleet import store, topics

log = logging.getLogger(__name__)

BATCH = 500
WAIT_S = 0.1  # a batch is never older than this when it is written
RETRY_S = 1.0
KEEPALIVE_S = 30
MOST_WAITING = 20_000  # beyond this the network waits: TCP holds the rest back


class Waiting(NamedTuple):
    """One message on its way to the disk, and how to acknowledge it."""

    message: topics.Message
    mid: int
    qos: int


class Ingest:
    """One connection and one thread that writes."""

    def __init__(self, broker_url: str, root: str, engine: Engine, name: str = "rearguard-fleet") -> None:
        self._url, self._root, self._engine = urlsplit(broker_url), root, engine
        self._waiting: queue.Queue[Waiting] = queue.Queue(MOST_WAITING)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._write_all, name="fleet-ingest")
        self.connected = False
        self.problem = "not connected yet"
        self.stored = 0
        # A lasting session: the broker keeps events while this process is away.
        self._client = Client(CallbackAPIVersion.VERSION2, name, clean_session=False, manual_ack=True)
        self._client.reconnect_delay_set(1, 5)
        self._client.on_connect = lambda _c, _d, _f, code, _p: self._connected(code)
        self._client.on_disconnect = lambda _c, _d, _f, code, _p: self._disconnected(code)
        self._client.on_message = lambda _c, _d, message: self._arrived(message)

    def start(self) -> None:
        """Connects, and again after each loss; returns at once."""
        url = self._url
        if url.username:
            self._client.username_pw_set(url.username, url.password)
        if url.scheme == "mqtts":
            self._client.tls_set_context(ssl.create_default_context())
        port = 8883 if url.scheme == "mqtts" else 1883
        self._client.connect_async(url.hostname or "localhost", url.port or port, KEEPALIVE_S)
        self._client.loop_start()
        self._thread.start()

    def close(self) -> None:
        """Ends the connection, writes what waits, then ends."""
        self._client.disconnect()
        self._client.loop_stop()
        self._stopping.set()
        self._thread.join()

    # -- paho's thread -----------------------------------------------------------------------------------

    def _connected(self, code: ReasonCode) -> None:
        if code.is_failure:
            self.problem = f"the broker refuses us: {code}"
            log.error("fleet: %s. Check the address, user and password of the broker.", self.problem)
            return
        self.connected, self.problem = True, ""
        root = f"{self._root}/" if self._root else ""
        for site in ("", "+/", "+/+/"):  # with or without a site, and a chain above it
            level = f"{root}{site}rearguard/+/"
            self._client.subscribe(
                [(f"{level}{tail}", 1) for tail in ("status", "state", "health", "event/+")]
            )

    def _disconnected(self, code: ReasonCode) -> None:
        self.connected = False
        self.problem = f"the broker is away: {code}"

    def _arrived(self, message: MQTTMessage) -> None:
        read = topics.read(self._root, message.topic, bytes(message.payload))
        self._waiting.put(Waiting(read, message.mid, message.qos))

    # -- the writing thread ------------------------------------------------------------------------------

    def _write_all(self) -> None:
        while not self._stopping.is_set() or not self._waiting.empty():
            batch = self._batch()
            while batch and not self._write(batch):
                if self._stopping.wait(RETRY_S):
                    return  # not acknowledged: the broker sends it again

    def _batch(self) -> list[Waiting]:
        """What arrives within WAIT_S, at most BATCH."""
        batch: list[Waiting] = []
        end_s = time.monotonic() + WAIT_S
        while len(batch) < BATCH:
            try:
                batch.append(self._waiting.get(timeout=max(0.001, end_s - time.monotonic())))
            except queue.Empty:
                return batch
        return batch

    def _write(self, batch: list[Waiting]) -> bool:
        try:
            with self._engine.begin() as db:
                self.stored += store.write(db, [one.message for one in batch], time.time())
        except SQLAlchemyError as error:
            log.error(
                "fleet: the database cannot be used now (%s). It is tried again.", str(error).splitlines()[0]
            )
            return False
        for one in batch:
            if one.qos:
                self._client.ack(one.mid, one.qos)
        return True
