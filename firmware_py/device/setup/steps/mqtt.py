"""Step 9: messages to a broker, if wanted. Must never put the password into the configuration."""

import socket
from contextlib import closing

from firmware_py.device.settings import write_whole
from firmware_py.device.setup import questions as ask
from firmware_py.device.setup.engine import Outcome, Setup
from firmware_py.locale import translate as _

TIMEOUT_S = 3.0
TLS_PORT = 8883


def mqtt(setup: Setup) -> Outcome:
    """Proved when the broker answers, or when none is wanted."""
    talk, before = setup.talk, setup.config.mqtt
    if not talk.ask(ask.MQTT, before.enabled or None):
        setup.change(mqtt={"enabled": False})
        return Outcome(True, _("No messages are sent."))
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
            return Outcome(True, _("{host} answers at port {port}.").format(host=host, port=port))
    except OSError as error:
        text = _("{host} does not answer at port {port} ({error}). Walking does not need it.")
        return Outcome(False, text.format(host=host, port=port, error=error.strerror or error))
