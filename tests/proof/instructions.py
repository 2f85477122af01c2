"""Owns the cost of a tick in instructions: the same on every computer, however busy, so that a change can be seen.

    .venv/bin/python -m tests.proof.instructions            amd64 and arm64, JSON lines

The bench's own loop (real drivers, monitor, relay on mock pins, panel, link) runs in qemu-user, where a plugin of ours
(count.c) counts every instruction of the interpreter and of everything below it; the emulated bus is taken out.
arm64 is the interpreter that Raspberry Pi OS ships, fetched from the distribution; nothing of it is installed.
"""

import argparse
import json
import mmap
import os
import platform
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "instructions"
GOAL = 15_000
SECONDS = 10.0  # of simulated walking
PACKAGES = "libpython3.11-stdlib,python3.11-minimal,libc6,zlib1g,libexpat1,libffi8,libssl3,libuuid1,libbz2-1.0,liblzma5"


def guest(counter: Path, seconds: float) -> dict[str, Any]:
    """Inside qemu: instructions of each tick and step (reading the counter is some hundred of them)."""
    from firmware_py.config import Config
    from firmware_py.rig.bench.bench import tick_and_step

    with counter.open("r+b") as file, tempfile.TemporaryDirectory() as room:
        view = memoryview(mmap.mmap(file.fileno(), 8)).cast("Q")

        def clock() -> int:
            return view[0]

        tick, step, _ = tick_and_step(Config(), Path(room), clock, seconds)
        return {
            "tick": round(median(tick)),
            "tick_p99": sorted(tick)[len(tick) * 99 // 100],
            "step": round(median(step)),
            "step_p99": sorted(step)[len(step) * 99 // 100],
            "ticks": len(tick),
            "python": platform.python_version(),
        }


def plugin() -> Path:
    """count.c, compiled."""
    built = CACHE / "count.so"
    source = Path(__file__).with_name("count.c")
    CACHE.mkdir(parents=True, exist_ok=True)
    if not built.exists() or built.stat().st_mtime < source.stat().st_mtime:
        subprocess.run(["gcc", "-O2", "-Wall", "-shared", "-fPIC", "-o", str(built), str(source)], check=True)
    return built


def arm64() -> tuple[list[str], list[str]]:
    """qemu with Debian's Python for arm64, and where its own packages are."""
    root, wheels = CACHE / "arm64", CACHE / "arm64-wheels"
    if not root.exists():
        part = CACHE / "arm64.part"
        words = [
            "mmdebstrap",
            "--quiet",
            "--arch=arm64",
            "--variant=extract",
            "--skip=check/qemu",
            f"--include={PACKAGES}",
        ]
        subprocess.run([*words, "bookworm", str(part)], check=True, stdout=sys.stderr)
        part.rename(root)
    if not wheels.exists():
        words = [sys.executable, "-m", "pip", "install", "-q", "--target", str(wheels), "--only-binary=:all:"]
        words += ["--platform", "manylinux2014_aarch64", "--python-version", "3.11", "pydantic", "zstandard"]
        subprocess.run(words, check=True, stdout=sys.stderr)
    return ["qemu-aarch64", "-L", str(root)], [str(root / "usr/bin/python3.11"), str(wheels)]


def measured(machine: str, seconds: float) -> dict[str, Any]:
    """One line of figures for one kind of computer."""
    if machine == "arm64":
        qemu, (python, *paths) = arm64()
    else:
        qemu, python, paths = ["qemu-x86_64"], sys.executable, []
    site = sysconfig.get_path("purelib")
    with tempfile.NamedTemporaryFile() as counter:
        counter.write(bytes(8))
        counter.flush()
        words = [
            *qemu,
            "-plugin",
            f"{plugin()},count={counter.name}",
            python,
            "-m",
            "tests.proof.instructions",
        ]
        paths = [*paths, str(ROOT), site]
        environment = {
            **os.environ,
            "PYTHONPATH": ":".join(paths),
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        done = subprocess.run([*words, "--guest", counter.name, "--seconds", str(seconds)], cwd=ROOT, env=environment,
                              stdout=subprocess.PIPE, text=True, check=True)  # fmt: skip
    return {"machine": machine, **json.loads(done.stdout), "goal": GOAL}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("machines", nargs="*", default=["amd64", "arm64"])
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--guest", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.guest:
        print(json.dumps(guest(options.guest, options.seconds)))
        return 0
    for machine in options.machines:
        print(json.dumps(measured(machine, options.seconds)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
