"""Step 9: messages to a broker, if wanted. Must never put the password into the configuration.

Nothing is written before the broker has taken the login and passed a test message on.
"""

import socket
from contextlib import closing

from firmware_py.config import Config
from firmware_py.device.settings import write_whole
from firmware_py.device.setup import questions as ask
from firmware_py.device.setup.engine import UNCHANGED, Outcome, Setup
from firmware_py.locale import spoken
from firmware_py.locale import translate as _
from sensors.advice import in_short

TIMEOUT_S = 3.0
TLS_PORT = 8883


def mqtt(setup: Setup) -> Outcome:
    """Proved when the broker does what the device needs, or when none is wanted."""
    talk, before = setup.talk, setup.config.mqtt
    if not talk.ask(ask.MQTT, before.enabled or None):
        setup.change(mqtt={"enabled": False})
        return Outcome(True, _("No messages are sent."))
    host = talk.ask(ask.BROKER, before.host if before.enabled else None)
    port = round(talk.ask(ask.PORT, before.port))
    user = talk.ask(ask.BROKER_USER, before.user or None)
    user, password = ("", None) if user == "-" else (user, talk.ask(ask.BROKER_PASSWORD))
    tls = before.tls if port == before.port else port == TLS_PORT
    wanted = {"enabled": True, "host": host, "port": port, "tls": tls, "user": user, "password_file": ""}
    problem = _problem(setup.changed(mqtt=wanted), password)
    if problem:
        text = _("{host} at port {port} {problem}. Walking does not need it.")
        return Outcome(False, f"{text.format(host=host, port=port, problem=problem)} {_(UNCHANGED)}")
    if password is not None:
        write_whole(setup.path.with_name("mqtt_password"), password + "\n", 0o600)
    setup.change(mqtt=wanted)
    return Outcome(
        True, _("{host} at port {port} takes this device's messages.").format(host=host, port=port)
    )


def _problem(config: Config, password: str | None) -> str:
    """What the broker does not do, as the end of a sentence; "" when it does all. Raises Failure."""
    from firmware_py.courier.events.login import attempt  # paho, only where there is a broker

    try:
        with closing(socket.create_connection((config.mqtt.host, config.mqtt.port), TIMEOUT_S)):
            pass
    except (OSError, UnicodeError) as error:  # a name that is none cannot be encoded
        return _("does not answer ({error})").format(error=in_short(error))
    return spoken(attempt(config.mqtt, config.courier.device_id, secret=password))
