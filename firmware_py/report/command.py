"""Owns the command `rearguard report`. Must never overwrite the trace, and never send anything anywhere."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from firmware_py.config import load, load_of_device
from firmware_py.locale import use as use_language
from firmware_py.report.gather import gather
from firmware_py.report.page import reason, render, sentence
from firmware_py.storage.written import as_owner, replacing, write_text
from sensors.advice import Failure, in_short

LAST = "last"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_PNG_WIDTH = 1000
_PNG_HEIGHT, _PNG_ROW = 2560, 16  # enough for the page without its list of events, and for one event more


def report(
    incident: Annotated[
        Path, typer.Argument(help="An incident, any trace with a stop (.mcap, .csv, .csv.gz), or `last`.")
    ],
    html: Annotated[
        Path | None, typer.Option(help="Where to write the page; default: beside the trace.")
    ] = None,
    png: Annotated[Path | None, typer.Option(help="Also a picture of it; needs Chromium.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="TOML file; default: what the trace was recorded with.")
    ] = None,
) -> None:
    """Explain a stop on one page that anybody can open, print and send: what happened, why, and whether replay agrees.

    `rearguard report last` takes the newest stop of this device.

    Example: sudo rearguard report /var/lib/rearguard/incidents/2026-05-04T10-11-12Z-drift_rear.mcap --html stop.html
    """
    if str(incident) == LAST:
        device = load_of_device(config).courier
        use_language(device.language)
        incident, config = newest(Path(device.state_dir) / "incidents"), None
    page = html or incident.with_name(incident.name.split(".")[0] + ".html")
    settings = load(config) if config else None
    with as_owner(incident.parent):
        found = gather(incident, settings)
    use_language(found.config.courier.language)
    text, written = render(found), f"{page}{f' and {png}' if png else ''}"
    try:
        write_text(page, text)
        if png is not None:
            picture(text, png, _PNG_HEIGHT + _PNG_ROW * len(found.events))
    except OSError as error:
        raise Failure(
            f"report: cannot write {written} ({in_short(error)})",
            "Usually the folder is missing or belongs to another user",
            "name another file",
        ) from None
    typer.echo(f"{sentence(found)} {reason(found)}")
    typer.echo(found.verdict)
    typer.echo(written, err=True)


def newest(folder: Path) -> Path:
    """The latest incident in `folder`; their names begin with their time. Raises Failure when there is none."""
    found = max(folder.glob("*.mcap"), key=lambda path: path.name, default=None)
    if found is None:
        raise Failure(
            f"report: no stop is recorded in {folder}",
            "Nothing has stopped the belt yet, or --config names another courier.state_dir",
            "name a file instead",
        )
    return found


def html_of(folder: Path, name: str) -> bytes | None:
    """The page of the incident called `name`, for the courier's own server; None when there is no such incident."""
    if name not in {
        path.stem for path in folder.glob("*.mcap")
    }:  # a name from the network is never made a path
        return None
    try:
        return render(gather(folder / f"{name}.mcap")).encode()
    except (Failure, OSError):
        return None


def picture(page: str, png: Path, height: int) -> None:
    """Have a browser on this computer draw the page. Raises Failure with what to do when there is none.

    The browser sees a folder of its own only: nobody else can change there what it opens or writes.
    """
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        raise Failure(
            "report: no Chromium on this computer to draw the picture",
            do="install it (apt install chromium), or open the page and print it to a file",
        )
    with tempfile.TemporaryDirectory() as folder:
        html, drawing = Path(folder) / "page.html", Path(folder) / "page.png"
        html.write_text(page, encoding="utf-8")
        drawn = subprocess.run(
            [
                browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars",
                "--disable-background-networking", f"--user-data-dir={folder}/profile",
                "--force-device-scale-factor=1", f"--window-size={_PNG_WIDTH},{height}",
                f"--screenshot={drawing}", html.as_uri(),
            ],
            capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        if drawn.returncode or not drawing.exists():
            sys.stderr.write(drawn.stderr.decode(errors="replace")[-500:])
            raise Failure(f"report: {browser} could not draw {png}", "Usually it lacks a library or memory")
        with replacing(png) as file:
            file.write(drawing.read_bytes())
