"""Step 1: can this treadmill have Rearguard at all? Must never soften a no: there is then nothing to build."""

from firmware_py import locale
from firmware_py.device.setup import questions as ask
from firmware_py.device.setup.engine import Outcome, Setup
from firmware_py.locale import mark
from firmware_py.locale import translate as _

SHORTEST_MM, LONGEST_MM = 800, 2200  # what deck.length_mm takes

NO_KEY = {
    "mains": mark("The key switches the mains. Rearguard may only be wired to a low-voltage key circuit."),
    "rfid": mark("A card or app has no circuit that a contact could open."),
    "none": mark("Without a safety key there is nothing that Rearguard could open to stop the belt."),
}
STAYS = mark("This treadmill is not for Rearguard. Do not buy or build anything for it.")


def treadmill(setup: Setup) -> Outcome:
    """Questions whose first no ends it."""
    language = setup.talk.ask(ask.LANGUAGE, setup.config.courier.language)
    setup.change(courier={"language": language})
    locale.use(language)
    if not setup.talk.ask(ask.MOTOR):
        return _no(_("Without a motor there is nothing to stop."))
    kind = setup.talk.ask(ask.KEY)
    if kind in NO_KEY:
        return _no(_(NO_KEY[kind]))
    if not setup.talk.ask(ask.KEY_STOPS):
        return _no(_("A belt that runs on without its key would run on with Rearguard, too."))
    if not setup.talk.ask(ask.LOW_VOLTAGE):
        return _no(
            _("Only a key circuit that was measured, below 24 V and apart from the mains, may be opened.")
        )
    measured_mm = setup.config.deck.length_mm if setup.config.belt.commissioned else None
    length_mm = round(setup.talk.ask(ask.DECK, measured_mm))
    if not SHORTEST_MM <= length_mm <= LONGEST_MM:
        return _no(_("The running surface must be 800 to 2200 mm long."))
    if not setup.talk.ask(ask.BY_THEMSELVES):
        return _no(
            _("Nobody who cannot step off alone, and no child, may walk backward with or without Rearguard.")
        )
    if measured_mm not in (None, length_mm):  # another treadmill: what was measured does not hold for it
        setup.change(belt={"commissioned": False})
        setup.progress.forget("commission")
    setup.change(deck={"length_mm": length_mm})
    return Outcome(True, _("This treadmill is suitable."))


def _no(why: str) -> Outcome:
    return Outcome(False, f"{why} {_(STAYS)}")
