"""Step 10: who is sent a message when somebody may have fallen. Must never put an address into the configuration.

Nothing is written before the channel has taken a test message and a person has seen it arrive.
"""

import time

from firmware_py.alerts import channels, people
from firmware_py.alerts.classes import ALARM_TEST, Urgency
from firmware_py.device.settings import write_whole
from firmware_py.device.setup import questions as ask
from firmware_py.device.setup.engine import Outcome, Setup
from firmware_py.device.setup.talk import A_TEXT
from firmware_py.locale import mark, spoken
from firmware_py.locale import translate as _

NONE = "-"
MODE = 0o640
LONGEST_NAME = 60
EXPECTED = {
    "webhook": mark("An address that begins with http:// or https:// is expected."),
    "ntfy": mark("An address that begins with http:// or https:// is expected."),
    "mail": mark("Mail addresses with an @ and the mail server's name are expected."),
}


def alerts(setup: Setup) -> Outcome:
    """Proved when a test message has arrived, or when nobody is to be sent any."""
    talk, config = setup.talk, setup.config
    if not talk.ask(ask.ALERTS, config.alerts.enabled or None):
        setup.change(alerts={"enabled": False})
        return Outcome(True, _("Nobody is sent an alert."))
    file = setup.path.with_name("alerts.toml")
    others = people.load(file).to if file.exists() else ()
    person = _person(setup)
    try:
        channels.send(person, _test(config.courier.device_id))
    except channels.Unsent as error:
        text = _("The test message was not taken: {reason}. Nothing was changed. Walking does not need it.")
        return Outcome(False, text.format(reason=spoken(str(error))))
    if not talk.ask(ask.ARRIVED):
        return Outcome(False, _("It was sent, but not to the right place. Nothing was changed."))
    everybody = people.People(to=(*(one for one in others if one.name != person.name), person))
    write_whole(file, people.text(everybody), MODE, lambda new: setup.machine.give(new, "rearguard"))
    setup.change(alerts={"enabled": True, "people_file": str(file)})
    text = _("The test message has arrived. For somebody else, too: `sudo rearguard setup alerts`.")
    return Outcome(True, text)


def _person(setup: Setup) -> people.Person:
    """Asked for until it is whole. What is secret is asked without a default."""
    talk = setup.talk
    while len(name := talk.ask(ask.ALERT_NAME)) > LONGEST_NAME:
        talk.send("refused", key="alert_name", text=_(A_TEXT))
    channel = talk.ask(ask.ALERT_CHANNEL)
    while True:
        given = {"name": name, "channel": channel, "address": talk.ask(ask.ALERT_ADDRESS[channel])}
        if channel == "mail":
            given |= {"server": talk.ask(ask.MAIL_SERVER), "sender": talk.ask(ask.MAIL_SENDER)}
            user = talk.ask(ask.MAIL_USER)
            if user != NONE:
                given |= {"user": user, "password": talk.ask(ask.MAIL_PASSWORD)}
        else:
            given["token"] = talk.ask(ask.ALERT_TOKEN)
        try:
            return people.Person.model_validate(given)
        except ValueError:
            talk.send("refused", key="alert_address", text=_(EXPECTED[channel]))


def _test(device: str) -> channels.Message:
    now_s = time.time()
    when = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(now_s))
    title, text = map(_, ALARM_TEST)
    return channels.Message(f"setup-{now_s:.3f}", Urgency.LOOK, when, device, title, text, False, False, "")
