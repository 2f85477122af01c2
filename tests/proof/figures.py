"""Runs the commands behind the published figures and writes docs/figures.md from what they printed.

    .venv/bin/python -m tests.proof.figures                 all of them but those for a night (three hours on 2 cores)
    REARGUARD_REPETITIONS=1000 .venv/bin/python -m tests.proof.figures      all of them (a night)
    .venv/bin/python -m tests.proof.figures faults bench    these again; the others stay as they are
    .venv/bin/python -m tests.proof.figures soak -- --hours 1   with other options, and the page says with which

Each command's lines are kept in out/NAME.jsonl. A figure that was not measured stays as it is in the page. Data sets
are looked for in REARGUARD_DATA or ../shared/data; without them the commands on people are left out and it says so.
What looks at the clock runs by itself, one command after another; two of the others run behind it, at the lowest
priority, which also keeps a virtual machine's processors awake.
"""

import json
import os
import platform
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "out"
DATA = Path(os.environ.get("REARGUARD_DATA", ROOT.parent / "shared" / "data"))
REARGUARD = str(ROOT / ".venv/bin/rearguard")

# name -> heading, what it is made of and its limits, the words of the command ("DATA" stands for the data folder).
COMMANDS: dict[str, tuple[str, str, list[str]]] = {
    "bench": (
        "Real time",
        "This computer, not a Pi: a Zero 2 W is some ten times slower. `tick_us`: without the emulated bus.",
        ["bench", "--json"],
    ),
    "latency": (
        "Beside cyclictest",
        "Microseconds late, same priority, in turn; the machine is a shared virtual one.",
        ["bench", "--latency", "--json"],
    ),
    "instructions": (
        "Instructions of a tick",
        "Every instruction of the interpreter and of all below it, counted in qemu-user, without the emulated bus: the "
        "same on every computer, however busy. The goal of 15,000 was set for the tick and is missed: an interpreter "
        "needs some hundred instructions for a line.",
        ["python", "-m", "tests.proof.instructions"],
    ),
    "fuzz": (
        "Bytes from outside",
        "Coverage-guided fuzzing of every decoder; `broken_by`: what broke it, nothing if the column is missing. "
        "`branches` are those of our own code that were reached.",
        ["python", "-m", "tests.proof.fuzz", "--seconds", "60"],
    ),
    "model": (
        "Every word over ten letters",
        "All sequences of what can happen (a press, a dead sensor, a late tick, a contact that disagrees, ...), 0.15 s "
        "each, played through the monitor beside a model of the promises; one contradiction fails.",
        ["pytest", "tests/proof/test_monitor_model.py"],
    ),
    "mutants": (
        "Small mistakes in what decides",
        "One operator, comparison, constant or condition changed at a time in the core, the relay and the sensors' "
        "decoders. `survive`: no test noticed; each has its reason in tests/proof/survivors.txt, or is `unexplained`.",
        ["python", "-m", "tests.proof.mutate", "--jobs", "1", "--json"],
    ),
    "soak": (
        "A working day",
        "The guard's own loop on emulated chips and a simulated clock, lateness planted; memory from a fifth of the "
        "way on, that of the simulated treadmill included. `wrong`: counts that did not come out as they must, nothing "
        "if the column is missing.",
        ["python", "-m", "tests.proof.soak", "--hours", "8", "--real-minutes", "0"],
    ),
    "soak-real": (
        "Ten minutes of it in real time",
        "The guard process, seen from outside; the simulated world it runs in shares this computer. `wrong`: as above.",
        ["python", "-m", "tests.proof.soak", "--hours", "0", "--real-minutes", "10"],
    ),
    "replay": (
        "Shipped traces",
        "tests/traces: a recorded walk of a person after a stroke on a treadmill, position added; rig traces.",
        ["replay", "tests/traces", "--json"],
    ),
    "demo": (
        "Demonstration",
        "Real processes in real time, uncommissioned defaults.",
        ["demo", "--headless", "--scenario", "all", "--json"],
    ),
    "faults": (
        "Faults",
        "A whole device in simulated time, pulse drive; planted at random moments of walking, drifting, falling. "
        "`cut_s`: to the decision and the last edge; `open_s`: to open contacts, through a 50 ms pulse watchdog and "
        "10 ms of contacts. Stops that the hazard itself brings are not unexpected.",
        ["rig", "campaign", "faults", "--runs", "1000", "--seed", "1", "--json"],
    ),
    "pairs": (
        "Hazards beside other trouble",
        "Simulated walker. `commissioned`: a measured belt at its fastest safe speed, of which a stop before the lines "
        "is promised; `defaults, 1 mph`: one that nobody measured, half as fast again, of which nothing is. `missed`: "
        "not cut before the impact, not within 300 ms of stepping off, or at rest beyond a line.",
        ["rig", "campaign", "pairs", "--runs", "10", "--seed", "1", "--json"],
    ),
    "lock-outs": (
        "Lock-outs in the middle of a hazard",
        "Simulated walker; the contacts weld, or the belt moves on, at most 20 ms after the hazard has begun. "
        "`cut_later`: later than the same hazard alone; `shown_s`: the longest from the cut until the lock-out is "
        "named; `hidden`: runs in which it was hidden again within 8 s. Only a hall switch sees a belt that moves on "
        "with open contacts.",
        ["rig", "campaign", "lock-outs", "--runs", "1", "--seed", "1", "--json"],
    ),
    "programs": (
        "In the real programs",
        "Programs of other people open what Rearguard writes and sends. `not run`: it could not be had here.",
        ["python", "-m", "tests.proof.programs.versions"],
    ),
    "processes": (
        "The guard killed, hung, starved and blinded",
        "The real guard on a simulated Pi, the blow at a random phase of the tick: from the blow until the pulse "
        "watchdog outside (50 ms, the longest that its tolerances allow) has dropped; with the level drive, until the "
        "program behind ExecStopPost has driven the pin low, without systemd's own time. A shared virtual machine, "
        "simulations of the lowest priority beside it. `while_host_took`: those over the bound during which the host "
        "took processor time; it excuses none.",
        ["pytest", "tests/system/test_guard_dies.py", "tests/system/test_guard_stays_safe.py"],
    ),
    "signals": (
        "The guard killed a thousand times",
        "As above, for the three ways in which a process ends or hangs from one instruction to the next.",
        ["pytest", "tests/system/test_guard_dies.py", "-k", "SIGKILL or SIGSTOP or SIGSEGV"],
    ),
    "kills": (
        "Courier and broker killed",
        "SIGKILL at random moments of a stream with stops, a real mosquitto. `events`: told by the guard; `kept`: rows "
        "in the database, the courier's own events included, every id once; `unheard`: not heard by a subscriber that "
        "was there all the time (a broker that is killed forgets its subscribers, too).",
        ["pytest", "tests/courier/test_kills.py"],
    ),
    "alerts": (
        "From a fall to a phone",
        "The guard's own link, a real courier, mosquitto, the alerts process, a webhook on loopback. `calls` for "
        "help one by one, then around kills at random moments; the network refuses, fails or takes and never "
        "answers. Seconds from the return of what was away (a process: when it says that it is ready) until the "
        "last call was on the phone; a fifth of them was older than ten minutes and must be marked late.",
        ["pytest", "tests/alerts/test_alarm.py"],
    ),
    "storage": (
        "The guard beside a courier in trouble",
        "The real guard with real-time priority in the rig's world; the courier's disk is full, refuses (read-only), "
        "stalls, or the courier itself hangs, from arming until after the stop. `decisions_differing`: those that the "
        "frames alone do not give. `spoiled`: runs repeated because this shared machine held up the guard.",
        ["pytest", "tests/courier/test_guard_beside.py"],
    ),
    "courier": (
        "The courier with five viewers",
        "Five minutes of walking at 200 Hz, ten updates a second to each viewer, then the report of a stop is opened.",
        ["pytest", "tests/courier/test_cost.py"],
    ),
    "day": (
        "A day of recording",
        "24 h of walking at 200 Hz through the recorder, an incident an hour, simulated clock, as fast as it goes.",
        ["pytest", "tests/courier/test_day.py"],
    ),
    "fleet": (
        "The fleet page: treadmills and their messages",
        "Simulated treadmills speak the devices' MQTT to mosquitto, a connection each; `rearguard fleet run` stores in "
        "PostgreSQL; load, servers and page on one computer. `fresh`: from a change of state to the tile on the page; "
        "`floor`: the page of every site. `twice`: rows too many.",
        ["python", "-m", "tests.proof.fleet", "load", "--devices", "10", "1000", "10000", "--seconds", "60"],
    ),
    "fleet-storm": (
        "The fleet page: nodes and the process killed",
        "Three nats-servers, one killed with SIGKILL every 30 s and back after 8 s; the fleet process at random, on "
        "average every 30 s; PostgreSQL. 10,000 treadmills over 300 connections. `fresh`: away from kills; "
        "`through_a_kill`: during one, at most 10 s waited; `back`: from a kill until the page answers.",
        ["python", "-m", "tests.proof.fleet", "load", "--broker", "nats", "--devices", "10000", "--connections", "300",
         "--seconds", "600", "--kill", "30", "--kill-node", "30"],
    ),
    "fleet-sqlite": (
        "The fleet page: fifty treadmills for a year, SQLite",
        "Medians and maxima of 20 requests over HTTP, one after the other. One event in 25 is a stop: ten times as "
        "many incidents as are expected.",
        ["python", "-m", "tests.proof.fleet", "million", "--store", "sqlite", "--devices", "50"],
    ),
    "fleet-postgresql": (
        "The fleet page: a million events of 10,000 treadmills, PostgreSQL",
        "As above, two days of a chain.",
        ["python", "-m", "tests.proof.fleet", "million", "--store", "postgresql", "--devices", "10000"],
    ),
    "drift": (
        "Drift",
        "Simulated walkers, belts and sensors; every detector on the same runs (docs/drift.md lists the assumptions).",
        ["rig", "campaign", "drift", "--runs", "5000", "--seed", "1", "--json"],
    ),
    "standstill": (
        "Standing still",
        "Simulated; `detect_s` counts from the moment the feet stay down.",
        ["rig", "campaign", "standstill", "--runs", "600", "--seed", "1", "--json"],
    ),
    "walking": (
        "Ordinary walking",
        "Simulated walkers with 5 cm and 8 cm of wander who are never in danger: every stop is false.",
        ["rig", "campaign", "walking", "--hours", "100", "--seed", "1", "--json"],
    ),
    "silence": (
        "Silences of the range sensor",
        "The hazards of the drift campaign; the range sensor does not answer for 0.1 to 0.5 s just then.",
        ["rig", "campaign", "silence", "--runs", "5000", "--seed", "1", "--json"],
    ),
    "acts": (
        "What people do while they walk",
        "Simulated acts and the decision on each; `wrong` names repetitions that were decided otherwise.",
        ["rig", "campaign", "acts", "--runs", "1000", "--seed", "1", "--json"],
    ),
    "sisfall": (
        "SisFall",
        "26 development people (38 in the set), waist, acted falls, overground forward walking.",
        ["evaluate", "sisfall", "DATA/sisfall", "--peers", "--protocol", "both", "--json"],
    ),
    "fallalld": (
        "FallAllD",
        "6 development people, waist, acted falls, another laboratory and sensor.",
        ["evaluate", "fallalld", "DATA/fallalld", "--peers", "--protocol", "both", "--json"],
    ),
    "movingreality": (
        "MovingReality",
        "6 people after a stroke on an instrumented treadmill, walking only.",
        ["evaluate", "movingreality", "DATA/movingreality", "--peers", "--protocol", "both", "--json"],
    ),
    "fit": (
        "Cross-validation of the balance rule",
        "Six of its figures searched anew from a rough start on one group of the development people, scored by the "
        "product on people who took no part; `every first`: every second person of each set, from the first on.",
        ["python", "-m", "tests.proof.fit", "DATA"],
    ),
}  # fmt: skip

# Nothing may run beside these.
ALONE = ("bench", "latency")
# These wait for each other, and for nothing else.
ON_THE_CLOCK = (
    *("fleet", "fleet-storm", "fleet-sqlite", "fleet-postgresql"),
    *("alerts", "programs", "soak-real", "demo", "processes", "signals", "storage", "courier"),
)
# They take an hour or two each: a thousand repetitions of what runs a few times in `make test` already, and the fit.
NIGHT = ("signals", "kills", "day", "fit")
REPETITIONS = os.environ.get("REARGUARD_REPETITIONS", "60")


def measure(name: str, instead: list[str], behind: bool = False) -> bool:
    """Runs one command and keeps it and its lines: `instead` in place of its own options, `behind` all others.

    False when it failed. A test in its long form keeps its own lines (tests/proof/keep.py), and none when it fails.
    """
    words = COMMANDS[name][2]
    if any("DATA" in w for w in words) and not DATA.exists():
        print(f"{name}: left out, no data sets in {DATA}", file=sys.stderr)
        return True
    if instead:
        words = words[: next(n for n, w in enumerate([*words, "--"]) if w.startswith("--"))] + instead
    OUT.mkdir(exist_ok=True)
    kept = OUT / f"{name}.jsonl"
    kept.unlink(missing_ok=True)
    said = shlex.join(w.replace("DATA", "../shared/data") for w in words)
    by_test = words[0] == "pytest"
    environment = dict(os.environ)
    if by_test:
        environment |= {"REARGUARD_REPETITIONS": REPETITIONS, "REARGUARD_FIGURE": str(kept)}
        program, said = [sys.executable, "-m"], f"REARGUARD_REPETITIONS={REPETITIONS} {said}"
    elif words[0] == "python":
        program, words = [sys.executable], words[1:]
    else:
        program, said = [REARGUARD], f"rearguard {said}"
    program += [w.replace("DATA", str(DATA)) for w in words]
    print(f"{name}: {said}", file=sys.stderr, flush=True)
    done = subprocess.run(
        ["nice", "-n", "19", *program] if behind else program,
        cwd=ROOT,
        env=environment,
        stdout=None if by_test else subprocess.PIPE,
        text=True,
        check=False,
    )
    lines = kept.read_text() if by_test and kept.exists() else done.stdout or ""
    kept.unlink(missing_ok=True)
    if lines.strip() and not (by_test and done.returncode):
        kept.write_text(json.dumps({"record": "command", "command": said}) + "\n" + lines)
    print(f"{name}: exit {done.returncode}", file=sys.stderr, flush=True)
    return done.returncode == 0


def page() -> str:
    """docs/figures.md from what lies in out/; a section that was not measured here stays as it is."""
    standing = _standing((ROOT / "docs/figures.md").read_text())
    text = [
        "# Figures",
        "",
        "Written by `make proof` (tests/proof/figures.py) from what the commands printed; no figure is typed in.",
        f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores.",
    ]
    for name, (heading, limits, _) in COMMANDS.items():
        kept = OUT / f"{name}.jsonl"
        rows = (
            [json.loads(line) for line in kept.read_text().splitlines() if line[:1] == "{"]
            if kept.exists()
            else []
        )
        command = next((row["command"] for row in rows if row.get("record") == "command"), None)
        if command is None:
            text += standing.get(heading, [])
            continue
        rows = [
            row for row in rows if row.get("record", "summary") == "summary"
        ]  # the others: for the reports
        text += ["", f"## {heading}", "", limits, "", f"`{command}`", "", *_tables(rows)]
        rates = [r for r in rows if r.get("group", "").startswith(("walking", "stumbles", "leaves"))]
        if rates:
            text += ["", "The upper bounds are exact Poisson bounds, 95 %, one-sided."]
    return "\n".join(text) + "\n"


def _standing(before: str) -> dict[str, list[str]]:
    """The sections of a page, by heading, each as the lines that `page` would write."""
    sections = before.rstrip("\n").split("\n\n## ")[1:]
    return {section.split("\n", 1)[0]: ["", *f"## {section}".split("\n")] for section in sections}


def _tables(rows: list[dict[str, Any]]) -> list[str]:
    """One table for all lines with the same keys; what is the same in every row is left out."""
    out: list[str] = []
    for keys in dict.fromkeys(tuple(row) for row in rows):
        some = [row for row in rows if tuple(row) == keys]
        shown = [k for k in keys if k not in HIDDEN and any(row[k] not in (None, {}, []) for row in some)]
        out += ["| " + " | ".join(shown) + " |", "|" + "---|" * len(shown)]
        out += ["| " + " | ".join(_cell(row[k]) for k in shown) + " |" for row in some]
        out.append("")
    return out[:-1]


HIDDEN = {
    *(
        "campaign",
        "seed",
        "decisions_sha256",
        "dataset",
        "record",
        "variant",
        "stopped",
        "trials_with_false_stop",
    ),
    *("people", "falls", "by"),  # by hazard: docs/drift.md
}


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {_cell(v)}" for k, v in value.items() if v is not None)
    if isinstance(value, list):
        return "; ".join(_cell(v) for v in value)
    if isinstance(value, float):
        return f"{value:.4g}"
    return "-" if value is None else str(value)


def main(names: list[str]) -> int:
    instead: list[str] = []
    if "--" in names:
        names, instead = names[: names.index("--")], names[names.index("--") + 1 :]
    unknown = [n for n in names if n not in COMMANDS and n != "page"]
    if unknown or (instead and len(names) != 1):
        print(
            f"figures: {', '.join(unknown) or 'what comes after -- is for one'}: {', '.join(COMMANDS)}",
            file=sys.stderr,
        )
        return 2
    night = int(REPETITIONS) >= 1000
    chosen = [n for n in names or COMMANDS if n != "page" and (names or night or n not in NIGHT)]
    well = [measure(name, instead) for name in chosen if name in ALONE]
    with ThreadPoolExecutor(2) as pool:
        queue = [name for name in chosen if name not in ALONE + ON_THE_CLOCK]
        behind = pool.map(partial(measure, instead=instead, behind=True), queue)
        well += [measure(name, instead) for name in chosen if name in ON_THE_CLOCK]
        well += behind
    (ROOT / "docs/figures.md").write_text(page())
    return 0 if all(well) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
