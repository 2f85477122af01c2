"""Owns where programs of other people are kept: a folder outside the repository, one for each set of versions.

`npm(...)` installs packages by name. It raises NotRun when they cannot be had: such a check was "not run".
"""

import os
import shutil
import subprocess
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rearguard-programs"


class NotRun(Exception):
    """Why a check could not be run."""


def npm(name: str, *packages: str) -> Path:
    """The folder `node_modules` that holds exactly these packages ("name@version"). Raises NotRun."""
    folder = CACHE / name
    wanted, done = "\n".join(packages), folder / "installed"
    if done.exists() and done.read_text() == wanted:
        return folder / "node_modules"
    if shutil.which("npm") is None:
        raise NotRun("npm is not installed (Debian: apt-get install npm)")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    words = [
        "npm",
        "install",
        "--prefix",
        str(folder),
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        *packages,
    ]
    try:
        result = subprocess.run(words, capture_output=True, text=True, timeout=900, cwd=folder, check=False)
    except subprocess.TimeoutExpired:
        raise NotRun(f"npm did not finish within 15 minutes: {' '.join(packages)}") from None
    if result.returncode:
        raise NotRun(f"npm could not install {' '.join(packages)}: {result.stderr.strip()[-300:]}")
    done.write_text(wanted)
    return folder / "node_modules"
