"""Owns the terminal picture of a gym: a tile a treadmill, the phone, and where the pages are. Must never judge."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from firmware_py.core.frame import Decision
from firmware_py.messages import tone_and_message
from firmware_py.rig.demo.view import COLOURS, INK
from firmware_py.rig.gym.machine import Machine
from firmware_py.rig.gym.phone import Got, Phone

COLUMNS, FEW = 4, 12
MESSAGES = 3
GAP = 2


@dataclass(slots=True)
class Seen:
    """What can be shown."""

    machines: Sequence[Machine]
    phone: Phone
    faller: str
    page: str
    phone_page: str
    login: str
    answered: bool = False
    over: bool = False


def picture(seen: Seen, width: int) -> RenderableType:
    """One moment; at most 24 lines of 80 columns for 12 treadmills."""
    inner = width - 6
    body: list[RenderableType] = [_floor(seen, inner), Text(), _phone(seen, inner), Text(_now(seen), "bold")]
    body += [
        Text(f"floor  {seen.page}  ({seen.login})", overflow="fold"),
        Text(f"phone  {seen.phone_page}", overflow="fold"),
    ]
    foot = "Press Enter to end" if seen.over else "Ctrl-C ends"
    title = f"[bold]Rearguard[/] · a gym with {len(seen.machines)} treadmills"
    return Panel(Group(*body), title=title, subtitle=foot, box=box.ROUNDED, padding=(0, 2))


def _floor(seen: Seen, width: int) -> Table:
    few = len(seen.machines) <= FEW
    cell = (width - GAP * (COLUMNS - 1)) // COLUMNS
    table = Table.grid(padding=(0, GAP, 0, 0))
    tiles = [_tile(machine, seen, cell, few) for machine in seen.machines]
    for start in range(0, len(tiles), COLUMNS):
        if few and start:
            table.add_row()
        table.add_row(*tiles[start : start + COLUMNS])
    return table


def _tile(machine: Machine, seen: Seen, width: int, few: bool) -> Text:
    tone, word = _tone(machine.decision)
    if machine.name == seen.faller and machine.fell_ns is not None:
        tone, word = ("warning", "On the way") if seen.answered else ("stopped", "GO AND HELP")
    style = f"bold {INK[tone]} on {COLOURS[tone]}"
    lines = [machine.name, word] if few else [f"{machine.name} {word}"]
    return Text("\n".join(f" {line[: width - 2]}".ljust(width) for line in lines), style)


def _tone(decision: Decision | None) -> tuple[str, str]:
    tone, message = tone_and_message(decision)
    return {
        "stopped": ("warning", "Stopped"),  # red is a call for help and nothing else
        "running": (tone, "Guarding"),
        "warning": (tone, "Warning"),
        "fault": (tone, "Needs care"),
        "ready": ("offline", "Belt off"),
    }.get(tone, (tone, message.title))


def _phone(seen: Seen, width: int) -> Panel:
    got = list(seen.phone.got)[-MESSAGES:]
    lines = [_message(one, width - 4) for one in reversed(got)]
    lines += [Text(" ")] * (MESSAGES - len(lines))
    return Panel(Group(*lines), title="phone at the front desk", title_align="left", box=box.SQUARE)


def _message(got: Got, width: int) -> Text:
    text = f"{got.body['time'][11:19]}  {got.body['title']}"
    return Text(
        text if len(text) <= width else f"{text[: width - 1]}…",
        "bold red" if got.body["urgency"] == "help" else "",
    )


def _now(seen: Seen) -> str:
    fell_ns = next((m.fell_ns for m in seen.machines if m.name == seen.faller), None)
    if fell_ns is None:
        return "Everybody walks backward."
    if seen.answered:
        return f"Somebody is on the way to {seen.faller}. The reminders stop."
    if not seen.phone.help():
        return f"Somebody has fallen on {seen.faller}. The belt is off."
    ago_s = round((time.monotonic_ns() - fell_ns) / 1e9)
    return f"Somebody has fallen on {seen.faller}, {ago_s} s ago. Answer it on the phone."
