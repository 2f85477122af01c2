"""Step 6: the contacts are pulled and dropped, and their times are measured. Must never be skipped."""

from pathlib import Path

from firmware_py.device.language import in_words
from firmware_py.device.selftest import DROP_LIMIT_MS, judge, measure, remember
from firmware_py.device.setup import questions as ask
from firmware_py.device.setup.engine import Outcome, Setup
from firmware_py.guard.service import only_instance
from firmware_py.locale import translate as _

ROUNDS = 3


def selftest(setup: Setup) -> Outcome:
    """Proved when every drop is in time."""
    setup.talk.ask(ask.KEY_OUT)
    config, machine = setup.config, setup.machine
    with only_instance(config.guard_lock):
        machine.take_pins()
        done = measure(config, ROUNDS, machine.clock_ns, machine.sleep)
    wrong = judge(done)
    if wrong:
        return Outcome(False, in_words(wrong[0]))
    remember(Path(config.courier.state_dir) / "selftest.jsonl", done)
    slowest_ms = max(one.drop_ms for one in done if one.drop_ms is not None)
    text = _("The contacts dropped {times} times, within {slowest} ms; {limit} are allowed.")
    return Outcome(
        True, text.format(times=len(done), slowest=f"{slowest_ms:.0f}", limit=f"{DROP_LIMIT_MS:.0f}")
    )
