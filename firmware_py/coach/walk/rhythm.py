"""Owns beat, softness and evenness: figures against the walker's own usual. Must never say more than a hip can show.

Metronome  off unless somebody switches it on. One beat a step at 95, 100 or 105 % of the walker's own cadence in the
           last good set. Only while the guard knows the gait, never in the first 60 s of a set, 3 min on and 1 min off,
           and off for the rest of the set when Ad2 falls 0.1 below its baseline: it does not help this walker.
           A fixed beat of 80 a minute makes gait less steady; one's own cadence or 110 % calms the trunk (Minino 2021,
           forward walking). Nobody has tried it backward.
Softness   RMS jerk over RMS acceleration, against the walker's own earlier sets at the same speed: its noise within
           one walker is 4.5 %. No published threshold tells toe first from heel first at the hip.
"""

from dataclasses import dataclass

NOT_FIRST_S = 60.0
ON_S, OFF_S = 180.0, 60.0
HELPS_NOT_AD2 = 0.1
SHARES = (0.95, 1.0, 1.05)  # what a person may choose
SHARE_SPAN = (0.9, 1.1)
CADENCE_SPAN_HZ = (0.5, 3.0)
JERK_NOISE = 0.045  # standard deviation of 30 s windows within one walker
BAND = 2.0  # standard deviations: a change inside is no change


def beat_s(cadence_hz: float, share: float) -> float:
    """Seconds from beat to beat, one a step. Raises ValueError for what no walker may be given."""
    if not SHARE_SPAN[0] <= share <= SHARE_SPAN[1]:
        raise ValueError(f"the beat is {SHARE_SPAN[0]:.0%} to {SHARE_SPAN[1]:.0%} of the own cadence")
    if not CADENCE_SPAN_HZ[0] <= cadence_hz <= CADENCE_SPAN_HZ[1]:
        raise ValueError(f"nobody walks {cadence_hz:.1f} steps a second")
    return 1.0 / (cadence_hz * share)


@dataclass(slots=True)
class Metronome:
    """One set. `sounds` says whether the beat is to be heard now."""

    gave_up: bool = False

    def sounds(
        self, walked_s: float, guarding: bool, ad2: float | None = None, ad2_usual: float | None = None
    ) -> bool:
        if ad2 is not None and ad2_usual is not None and ad2 <= ad2_usual - HELPS_NOT_AD2:
            self.gave_up = True
        since_s = walked_s - NOT_FIRST_S
        return guarding and not self.gave_up and since_s >= 0.0 and since_s % (ON_S + OFF_S) < ON_S


def softness(jerk_per_s: float, usual_per_s: float) -> str:
    """Against the walker's own usual at the same speed."""
    change = jerk_per_s / usual_per_s - 1.0
    if abs(change) <= BAND * JERK_NOISE:
        return "as usual"
    return "softer than your usual" if change < 0.0 else "firmer than your usual"
