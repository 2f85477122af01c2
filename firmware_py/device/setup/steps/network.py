"""Step 3: the device's name and who may see its page. Must never keep a password anywhere but in its own file."""

import re
from pathlib import Path

from firmware_py.config.services import PageConfig
from firmware_py.device.settings import write_whole
from firmware_py.device.setup import questions as ask
from firmware_py.device.setup.engine import Outcome, Setup
from firmware_py.device.setup.machine import Machine
from firmware_py.locale import translate as _

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")
LEAST = 8  # characters of the page's password


def network(setup: Setup) -> Outcome:
    """Name, page and password. Walking needs none of it."""
    talk, machine = setup.talk, setup.machine
    while not NAME.fullmatch(name := talk.ask(ask.NAME, setup.config.courier.device_id).lower()):
        talk.send("refused", key="name", text=_("Letters a to z, digits and -, at most 32, are expected."))
    if not talk.ask(ask.PAGE):
        setup.change(courier={"device_id": name}, page={"host": "127.0.0.1", "password_file": ""})
        return Outcome(
            True, _("The device is called {name}. Its page is shown on the device alone.").format(name=name)
        )
    file = setup.path.with_name("page_password")
    _write_password(setup, file)
    named = machine.name() == name or machine.set_name(name)
    setup.change(courier={"device_id": name}, page={"host": "0.0.0.0", "password_file": str(file)})
    machine.show_page()
    parts = [_("The device is called {name}.").format(name=name)]
    if not named:
        parts.append(_("The network still knows it as {name}.").format(name=machine.name()))
    if machine.address() is None:
        parts.append(_("There is no network now; walking needs none."))
    else:
        parts.append(_("Its page: {address}").format(address=address(setup.machine, setup.config.page)))
        talk.show(_("The page shows these steps, too: open it on a tablet or phone at the treadmill."))
    return Outcome(True, " ".join(parts))


def address(machine: Machine, page: PageConfig) -> str:
    """Where the page is, as a number: phones often cannot find a name."""
    host = machine.address() or f"{machine.name()}.local"
    return f"http://{'127.0.0.1' if page.host == '127.0.0.1' else host}:{page.port}/"


def _write_password(setup: Setup, file: Path) -> None:
    talk = setup.talk
    while True:
        password = talk.ask(ask.PASSWORD)
        if len(password.strip()) < LEAST:
            talk.send("refused", key="password", text=_("8 characters or more are expected."))
        elif talk.ask(ask.PASSWORD_AGAIN) != password:
            talk.send("refused", key="password_again", text=_("The two are not the same. Type both again."))
        else:
            write_whole(
                file, password.strip() + "\n", 0o640, lambda new: setup.machine.give(new, "rearguard")
            )
            return
