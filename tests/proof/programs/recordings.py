"""Recordings of every origin for the checks: live, killed, rewritten, imported."""

import shutil
from pathlib import Path

from mcap.writer import CompressionType

from firmware_py.traces.command import import_trace
from tests.support.guard_tape import Guard, tape_in
from tests.traces.test_mcap_rewritten import rewrite, rows_of, shuffled

TRACES = Path(__file__).resolve().parents[2] / "traces"


def make(folder: Path) -> dict[str, Path]:
    """Name -> file. The incident begins while the belt runs, so it holds a state."""
    tape = tape_in(folder)
    Guard(55.0, (45.0,)).into(tape)
    (under_way,) = (folder / "recordings").glob("*.part")
    killed = folder / "killed.mcap"
    shutil.copy(under_way, killed)
    tape.close()
    (live,) = (folder / "recordings").glob("*.mcap")
    (incident,) = (folder / "incidents").glob("*.mcap")
    imported = folder / "imported.mcap"
    import_trace(TRACES / "rig-fall.csv.gz", imported)
    rows = rows_of(incident)
    return {
        "live": live,
        "incident": incident,
        "killed": killed,
        "imported": imported,
        "lz4": rewrite(folder / "lz4.mcap", rows, compression=CompressionType.LZ4),
        "unpacked": rewrite(folder / "plain.mcap", rows, compression=CompressionType.NONE, enable_crcs=False),
        "without-chunks": rewrite(folder / "loose.mcap", rows, use_chunking=False),
        "shuffled": rewrite(folder / "shuffled.mcap", shuffled(rows), number=False),
    }
