"""Owns how old something is when the clock may have been set meanwhile. Must never believe a jump."""

BELIEVED_S = 2 * 86_400.0  # from one time to the next; a device that rests for longer ages by so much


def ages(times_s: list[float], now_s: float) -> list[float]:
    """Seconds that have passed since each time, as far as they can be believed.

    The times are in the order in which they were noted. From one to the next a clock may have been set, forward or
    back, by a month as by ten years: a step counts for at most BELIEVED_S, and a jump there and back for nothing.
    """
    passed_s, out = 0.0, []
    later_s = now_s
    for time_s in reversed(times_s):
        passed_s += max(-BELIEVED_S, min(BELIEVED_S, later_s - time_s))
        out.append(max(0.0, passed_s))
        later_s = time_s
    return out[::-1]
