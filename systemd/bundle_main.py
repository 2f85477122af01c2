"""Runs inside a bundle: unpacks what this computer needs, checks each file, and starts the installer in it.

Only the standard library: it runs before anything is installed. Must never start a file whose sum is wrong.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOM = "/var/tmp"  # on the disk; /tmp may be memory, and the wheels do not fit there on a small Pi


def refused(why: str) -> int:
    sys.stderr.write(f"refused: {why}. Nothing was changed.\n")
    return 1


def fits(wheel: str, python: str) -> bool:
    """Can this Python use this wheel? name-version-python-abi-platform.whl"""
    if not wheel.endswith(".whl"):
        return True
    tags, abi = wheel.removesuffix(".whl").split("-")[-3:-1]
    return abi in ("none", "abi3") or f"cp{python.replace('.', '')}" in tags.split(".")


def main(bundle: str, words: list[str]) -> int:
    python = "{}.{}".format(*sys.version_info)
    try:
        with zipfile.ZipFile(bundle) as archive:
            manifest = json.loads(archive.read("manifest.json"))
            if python not in manifest["pythons"]:
                known = " and ".join(manifest["pythons"])
                return refused(f"this bundle is for Python {known} and this system has {python}")
            if sys.maxsize < 2**32:
                return refused("this system is a 32-bit one; Rearguard needs the 64-bit Raspberry Pi OS")
            with tempfile.TemporaryDirectory(dir=ROOM, prefix="rearguard-") as room:
                for name, wanted in manifest["files"].items():
                    if not fits(name, python):
                        continue
                    data = archive.read(name)
                    if hashlib.sha256(data).hexdigest() != wanted:
                        return refused(f"{name} in this bundle is damaged; copy or download it again")
                    path = Path(room) / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(data)
                (Path(room) / "version").write_text(manifest["version"], encoding="utf-8")
                (Path(room) / "systemd/make-venv").chmod(0o755)
                command = [sys.executable, f"{room}/systemd/install.py", *words]
                return subprocess.run([*command, "--wheels", f"{room}/wheels"], check=False).returncode
    except OSError as error:
        return refused(f"it cannot be unpacked in {ROOM} ({error.strerror}); free some space there")
    except (zipfile.BadZipFile, KeyError, ValueError):
        return refused("this file is damaged; copy or download it again")


if __name__ == "__main__":
    sys.exit(main(sys.argv[0], sys.argv[1:]))
