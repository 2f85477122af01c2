"""Owns how old something is when the clock may have been set meanwhile. Must never believe a jump."""

BELIEVED = 2  # times what is kept; a device that rested for longer deletes by its quota alone


def ages(times_s: list[float], now_s: float, keep_s: float) -> list[float]:
    """Seconds that have passed since each time, as far as they can be believed.

    The times are in the order in which they were noted. From one to the next a clock may have been set: a step back, or
    one of more than BELIEVED times `keep_s`, counts as nothing.
    """
    passed_s, out = 0.0, []
    later_s = now_s
    for time_s in reversed(times_s):
        step_s = later_s - time_s
        passed_s += step_s if 0 < step_s <= BELIEVED * keep_s else 0.0
        out.append(passed_s)
        later_s = time_s
    return out[::-1]
