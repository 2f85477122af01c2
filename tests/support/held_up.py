"""Owns the account of processor time that this computer's host took for others: what a late guard may be due to.

Must never excuse a guard on a computer that nobody takes time from: a real one counts none.
"""

import os
from pathlib import Path
from typing import NamedTuple

STOLEN_FIELD = 8  # of the line "cpu" of /proc/stat, after that word: proc_stat(5)
TAKEN_S = 0.1  # ten times what /proc/stat can tell


class Drop(NamedTuple):
    """How long the belt could still move after a blow, and what the host took of all processors meanwhile.

    The second is told beside the first and excuses nothing: it is counted in 10 ms and over all processors, so that in
    a bad hour most drops have some of it, the late ones and the others.
    """

    took_ms: float
    taken_ms: float


class Busy(AssertionError):
    """This computer does not let the guard run in time: says nothing about the guard."""


def stolen_s() -> float:
    """Processor time, of all processors and since the start, in which the host let this virtual machine wait."""
    line = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0]
    return int(line.split()[STOLEN_FIELD]) / os.sysconf("SC_CLK_TCK")
