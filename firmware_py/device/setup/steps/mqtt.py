"""Step 9: messages to a broker, if wanted. Must never put the password into the configuration."""

import socket
from contextlib import closing

from firmware_py.device.settings import write_whole
from firmware_py.device.setup import questions as ask
from firmware_py.device.setup.engine import Outcome, Setup

TIMEOUT_S = 3.0
TLS_PORT = 8883


def mqtt(setup: Setup) -> Outcome:
    """Proved when the broker answers, or when none is wanted."""
    talk, before = setup.talk, setup.config.mqtt
    if not talk.ask(ask.MQTT, before.enabled or None):
        setup.change(mqtt={"enabled": False})
        return Outcome(True, "No messages are sent.")
    host = talk.ask(ask.BROKER, before.host if before.enabled else None)
    port = round(talk.ask(ask.PORT, before.port))
    user = talk.ask(ask.BROKER_USER, before.user or None)
    if user != "-":
        password = talk.ask(ask.BROKER_PASSWORD)
        write_whole(setup.path.with_name("mqtt_password"), password + "\n", 0o600)
    setup.change(
        mqtt={
            "enabled": True,
            "host": host,
            "port": port,
            "tls": port == TLS_PORT,
            "user": "" if user == "-" else user,
        }
    )
    try:
        with closing(socket.create_connection((host, port), TIMEOUT_S)):
            return Outcome(True, f"{host} answers at port {port}.")
    except OSError as error:
        why = error.strerror or error
        return Outcome(False, f"{host} does not answer at port {port} ({why}). Walking does not need it.")
