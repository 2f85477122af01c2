"""Every program of other people that the checks here run, with its version and what came out: one JSON line each.

.venv/bin/python -m tests.proof.programs.versions
"""

import contextlib
import json
import re
import subprocess
import sys
from importlib.metadata import version

from tests.proof.programs.cache import CACHE
from tests.proof.programs.home_assistant import VERSION
from tests.proof.programs.test_live_events import SDK

HERE = "tests/proof/programs/test_"
EVENTS = [f"{HERE}events.py", f"{HERE}live_events.py", "-k", "ajv"]
VIEWERS = f"{HERE}viewers.py"
# program -> its version, or its package in the cache; and the tests that run it
PROGRAMS: dict[str, tuple[str, list[str]]] = {
    "Home Assistant": (VERSION, [f"{HERE}home_assistant.py"]),
    "Foxglove Studio": ("foxglove-1.48/node_modules/@foxglove/studio-base", [VIEWERS, "-k", "foxglove"]),
    "MCAP reader, Python": (version("mcap"), [VIEWERS, "-k", "python"]),
    "MCAP reader, JavaScript": ("mcap-readers/node_modules/@mcap/core", [VIEWERS, "-k", "javascript"]),
    "ajv": ("events/node_modules/ajv", EVENTS),
    "CloudEvents SDK, JavaScript": ("events/node_modules/cloudevents", EVENTS),
    "CloudEvents SDK, Python": (SDK.partition("==")[2], [f"{HERE}live_events.py", "-k", "python"]),
}


def outcome(tests: list[str]) -> tuple[str, str]:
    """ "passed", "not run" or "failed", and pytest's own line."""
    words = [sys.executable, "-m", "pytest", "-q", "-rs", "-m", "longer", *tests]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    skipped = re.findall(r"^SKIPPED.*not run: (.*)$", done.stdout, re.MULTILINE)
    if done.returncode:
        return "failed", done.stdout.strip().splitlines()[-1]
    return ("not run", skipped[0]) if skipped else ("passed", "")


def version_of(package: str) -> str:
    with contextlib.suppress(OSError):
        return str(json.loads((CACHE / package / "package.json").read_text())["version"])
    return package


def main() -> int:
    failed = False
    for program, (package, tests) in PROGRAMS.items():
        result, why = outcome(tests)
        failed |= result == "failed"
        row = {"program": program, "version": version_of(package), "tests": " ".join(tests), "result": result}
        print(json.dumps(row | {"why": why}), flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
