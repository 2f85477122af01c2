"""Step 8: the deck, the sensor's place, how the belt comes to rest, the safe speed. Must never measure by itself."""

from typing import Any

from firmware_py.device.commission.command import DeviceBench
from firmware_py.device.commission.deck_drawing import KM_H, at_most
from firmware_py.device.commission.guide import guide
from firmware_py.device.settings import save
from firmware_py.device.setup import questions as ask
from firmware_py.device.setup.engine import Outcome, Setup
from firmware_py.device.setup.talk import Question, Talk
from firmware_py.guard.relay import Relay
from firmware_py.guard.service import only_instance
from firmware_py.locale import translate as _
from firmware_py.storage.record import keep

ASKED = {"length": ask.DECK_LENGTH, "ceiling": ask.CEILING}


class Person:
    """The person of the guide, through the conversation of set-up."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk

    def show(self, text: str) -> None:
        self._talk.show(text)

    def ask(self, key: str, question: str, default: float) -> float:
        return float(self._talk.ask(ASKED[key]._replace(text=question), default))

    def confirm(self, key: str, request: str) -> None:
        self._talk.ask(Question(key, f"{request} {_('Press Enter.')}"))


def commission(setup: Setup) -> Outcome:
    """Writes what was measured, for `setup.sheet` too."""
    before, machine = setup.config, setup.machine
    with only_instance(before.guard_lock):
        machine.take_pins()
        with Relay(before.relay.pin, before.relay.drive, None) as relay:
            bench = DeviceBench(before, relay, machine.open_bus, machine.clock_ns, machine.sleep)
            after, figures = guide(bench, Person(setup.talk), before)
    keep(after, setup.path)  # first: a configuration that does not have its figures yet does not arm
    save(after, setup.path)
    return Outcome(True, sentence(figures))


def sentence(figures: dict[str, Any]) -> str:
    """The safe speed in words."""
    safe, ceiling = figures["safe_speed_m_s"], figures["ceiling_m_s"]
    text = _("Safe up to {speed} km/h: even a walker who stands still is stopped in time.").format(
        speed=at_most(safe, KM_H)
    )
    if ceiling > safe:
        faster = _("Your {speed} km/h is faster: stay below the safe speed.")
        text += " " + faster.format(speed=f"{ceiling / KM_H:.1f}")
    return text
