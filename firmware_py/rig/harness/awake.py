"""Keeps a virtual machine's processors from idling while something is to happen in time.

A virtual machine that idles is descheduled by its host and comes back milliseconds late, again and again; the host
counts that as stolen. On a real computer this does nothing. Must never take time from another program.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

# The lowest class there is: any other program goes first. Ends with the process that started it, however that ends.
SPIN = """
import os, sys
os.sched_setaffinity(0, {int(sys.argv[1])})
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
while os.getppid() == int(sys.argv[2]):
    for _ in range(100_000):
        pass
"""


def is_virtual() -> bool:
    """True when the processor reports that it is a virtual one, as those of x86 do."""
    with contextlib.suppress(OSError):
        return " hypervisor " in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    return False


@contextlib.contextmanager
def awake() -> Iterator[list[int]]:
    """On a virtual machine, one spinner behind everything else on each of our processors; yields their process ids."""
    spinners = [
        subprocess.Popen(
            [sys.executable, "-S", "-c", SPIN, str(cpu), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            process_group=0,
        )
        for cpu in (os.sched_getaffinity(0) if is_virtual() else ())
    ]
    try:
        yield [spinner.pid for spinner in spinners]
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.wait()
