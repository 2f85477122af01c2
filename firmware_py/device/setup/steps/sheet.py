"""Step 11: the sheet to print and put on the treadmill. Must never show what was not measured as if it were."""

import time
from importlib.resources import files
from pathlib import Path
from typing import Any

import segno
from jinja2 import Environment

from firmware_py import __version__
from firmware_py.config import Config
from firmware_py.core.deck.stopping import mark_m, safe_speed_m_s, zone_m
from firmware_py.device.commission.deck_drawing import KM_H, MPH, at_most
from firmware_py.device.settings import write_whole
from firmware_py.device.setup.engine import Outcome, Setup
from firmware_py.device.setup.steps.network import address
from firmware_py.locale import current, mark
from firmware_py.locale import translate as _

STEPS = {
    "treadmill": mark("Treadmill suitable"),
    "board": mark("Raspberry Pi"),
    "network": mark("Name and page"),
    "chips": mark("Sensors found"),
    "check": mark("Wiring, buttons, sensors"),
    "selftest": mark("Stop"),
    "calibrate": mark("Pod"),
    "commission": mark("Treadmill measured"),
    "mqtt": mark("Messages"),
    "alerts": mark("Alerts"),
}


def sheet(setup: Setup) -> Outcome:
    """Writes sheet.html beside the progress; the page serves it."""
    config = setup.config
    url = address(setup.machine, config.page)
    file = Path(config.courier.state_dir) / "setup" / "sheet.html"
    results = {_(title): setup.progress.result(step) for step, title in STEPS.items()}
    write_whole(file, page(config, url, results, time.strftime("%Y-%m-%d")))
    text = _("Print it from {address}, or from {file}.")
    return Outcome(True, text.format(address=f"{url}sheet", file=file))


def page(config: Config, url: str, results: dict[str, Any], date: str) -> str:
    """The sheet as one self-contained HTML file."""
    drift = config.monitor_params().drift
    way = (drift.stop_latency_s, drift.coast_down_m_s2)
    safe_m_s = safe_speed_m_s(drift.rear_line_m, drift.front_line_m, *way)
    speed_m_s = min(safe_m_s, config.belt_ceiling_m_s)
    zone = zone_m(drift.rear_line_m, drift.front_line_m, speed_m_s, *way)
    template = Environment(autoescape=True).from_string(
        files("firmware_py.device.setup").joinpath("sheet.html").read_text(encoding="utf-8")
    )
    return template.render(
        _=_,
        language=current(),
        name=config.courier.device_id,
        date=date,
        version=__version__,
        config_hash=config.hash,
        commissioned=config.belt.commissioned,
        length_mm=config.deck.length_mm,
        front_mm=round(drift.front_line_m * 1000),
        rear_mm=round(drift.rear_line_m * 1000),
        mark_mm=round(mark_m(drift) * 1000),
        zone_mm=[round(place * 1000) for place in zone],
        safe_km_h=at_most(speed_m_s, KM_H),
        safe_mph=at_most(speed_m_s, MPH),
        results=results,
        url=url,
        code=segno.make(url, micro=False).svg_inline(scale=4, omitsize=False),
    )
