"""Owns how the paho client is set up: login, TLS, the largest packet, and how long to wait after a loss.

Must never read a packet that is larger than LARGEST_PACKET, whoever sends it.
"""

import logging
import os
import random
import ssl
import time
from collections import deque
from pathlib import Path

from paho.mqtt.client import Client, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from firmware_py.config import INSTALLED, LOOPBACK, MqttConfig
from firmware_py.courier.events.certificate import wrong_dates
from sensors.advice import Failure, in_short

log = logging.getLogger(__name__)

UNSUPPORTED_VERSION, TAKEN_OVER = 132, 142  # MQTT 5 reason codes
KEEPALIVE_S = 15
LARGEST_PACKET = 65_536  # bytes; the one command has four
LARGEST_PASSWORD = 4_096  # bytes
SHORT_S = 90.0  # a connection that lasts less was lost quickly
LOSSES_STAY_S = 600.0
SEVERAL = 3  # quick losses that are no accident any more
LONGEST_WAIT_S = 60.0
SPREAD_S = (
    30.0  # in a fleet all devices lose the same broker: they come back within this time, not all at once
)


class BoundedClient(Client):
    """Closes the connection when a packet announces more than LARGEST_PACKET bytes, before any of them is read.

    A broker that speaks MQTT 5 is asked not to send such packets and never does; one that speaks 3.1.1 cannot be asked.
    """

    refused_bytes = 0  # of the last packet that was too large
    refusal = ""  # why a certificate was refused the last time, and what to do

    def reconnect(self) -> MQTTErrorCode:
        self.refusal = ""
        try:
            return super().reconnect()
        except ssl.SSLError as error:
            self.refusal = _reason(error)
            raise

    def _sock_recv(self, bufsize: int) -> bytes:
        if bufsize > LARGEST_PACKET:
            self.refused_bytes = bufsize
            raise ConnectionAbortedError(f"a packet of {bufsize} bytes")
        try:
            return super()._sock_recv(bufsize)
        except ssl.SSLError as error:  # with TLS 1.3 the broker refuses a certificate only now
            self.refusal = _reason(error)
            raise

    def speak_3_1_1(self) -> None:
        """For a broker that refuses MQTT 5; the next connection begins with it."""
        self._protocol = MQTTv311
        self._clean_session = True


def _reason(error: ssl.SSLError) -> str:
    """Why a certificate was refused, and what to do; "" when none was."""
    if isinstance(error, ssl.SSLCertVerificationError):
        if advice := wrong_dates("The broker's certificate", error):
            return str(advice)
        return (
            f"The broker's certificate cannot be checked ({error.verify_message}). Usually mqtt.ca_file is that of "
            "another authority, or mqtt.host is not the name in the certificate."
        )
    words = str(error).upper()
    if "EXPIRED" in words:
        return (
            "The broker reports that this device's certificate has expired. Enrol the device again; when the "
            "certificate is new, a clock is wrong, here or at the broker."
        )
    if "CERTIFICATE" in words or "UNKNOWN_CA" in words:
        return (
            "The broker does not take this device's certificate. Usually none is set (mqtt.cert_file), it comes from "
            "another authority, or the broker's clock is wrong. Enrol the device again."
        )
    return ""


def client_of(config: MqttConfig, client_id: str) -> BoundedClient:
    """A client that is ready to connect. Raises Failure when login or TLS cannot be set up."""
    client = BoundedClient(CallbackAPIVersion.VERSION2, client_id, protocol=MQTTv5)
    if config.user:
        client.username_pw_set(config.user, password(config))
        if not config.tls and config.host not in LOOPBACK:
            log.warning(
                "mqtt: the password goes to %s in clear text. Set mqtt.tls and, for a home-made certificate, "
                "mqtt.ca_file.",
                config.host,
            )
    if config.tls:
        try:
            context = ssl.create_default_context(cafile=config.ca_file or None)
            # Python 3.13 asks for extensions that home-made authorities rarely set. Chain, dates and the
            # broker's name are checked all the same.
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
            client.tls_set_context(context)
        except (OSError, ssl.SSLError) as error:
            raise Failure(
                f"mqtt: the certificate authority {config.ca_file} cannot be used ({in_short(error)})",
                "Usually it is no PEM file, or the user rearguard-courier may not read it",
                "check mqtt.ca_file",
            ) from None
        if config.cert_file:
            _show_certificate(context, config)
    return client


def _show_certificate(context: ssl.SSLContext, config: MqttConfig) -> None:
    """Raises Failure when certificate and key cannot be used."""
    try:
        context.load_cert_chain(config.cert_file, config.key_file)
    except (OSError, ssl.SSLError) as error:
        raise Failure(
            f"mqtt: this device's certificate {config.cert_file} cannot be used ({in_short(error)})",
            "Usually the key belongs to another certificate, or the user rearguard-courier may not read it",
            "check mqtt.cert_file and mqtt.key_file, or enrol the device again",
        ) from None


def connect(client: BoundedClient, config: MqttConfig) -> None:
    """Begin to connect on paho's own thread."""
    limits = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    limits.MaximumPacketSize = LARGEST_PACKET
    client.connect_async(config.host, config.port, KEEPALIVE_S, clean_start=True, properties=limits)
    client.loop_start()


def password(config: MqttConfig) -> str | None:
    """From mqtt.password_file, else the systemd credential `mqtt_password`; None when there is neither.

    Who is not started by systemd reads the file that the credential comes from. Raises Failure when it cannot be read;
    its message never holds the password.
    """
    path = Path(config.password_file)
    if not config.password_file:
        path = Path(os.environ.get("CREDENTIALS_DIRECTORY", INSTALLED.parent)) / "mqtt_password"
        if not path.exists():
            return None
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_PASSWORD).decode("utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(
            f"mqtt: cannot read the password file {path}: {type(error).__name__}",
            "Usually its owner or its mode is wrong",
            "check them and mqtt.password_file, or use a systemd credential",
        ) from None


class Waits:
    """How long to wait before the next connection: longer after each quick loss or failure, never two alike."""

    def __init__(self, client: Client, profile: str = "home") -> None:
        self._client = client
        self._spread_s = SPREAD_S if profile == "fleet" else 0.0
        self._since_s = 0.0
        self._quick: deque[float] = deque(maxlen=16)
        self._failed = 0

    def connected(self) -> None:
        self._since_s, self._failed = time.monotonic(), 0

    def lost(self) -> bool:
        """True when connections are lost quickly again and again."""
        now_s = time.monotonic()
        while self._quick and now_s - self._quick[0] > LOSSES_STAY_S:
            self._quick.popleft()
        if now_s - self._since_s < SHORT_S:
            self._quick.append(now_s)
        self._wait(len(self._quick))
        return len(self._quick) >= SEVERAL

    def failed(self) -> None:
        self._failed += 1
        self._wait(self._failed)

    def _wait(self, times: int) -> None:
        wait_s = min(LONGEST_WAIT_S, 2.0**times) * random.uniform(0.5, 1.0) + random.uniform(
            0.0, self._spread_s
        )
        self._client.reconnect_delay_set(wait_s, wait_s)  # type: ignore[arg-type]
