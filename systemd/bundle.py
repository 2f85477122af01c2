"""Builds one self-contained file that installs Rearguard without a network; used by `make bundle`.

Usage: bundle.py [--machine aarch64|x86_64] [--python 3.11 --python 3.13] [--out DIR]
The file is a shell script with a zip behind it: the installer, its own pip, and wheels for each Python. Its checksum
shows damage, not who made it. Must never put anything into the bundle that is not in the source tree or an index.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import install

SOURCE = Path(__file__).resolve().parent.parent
PYTHONS = ("3.11", "3.13")  # Bookworm, Trixie
# Bookworm's C library is 2.36; packages name the oldest that they need.
GLIBC = ("manylinux2014", *(f"manylinux_2_{minor}" for minor in range(17, 37)))
LGPIO = {"3.11": ("lgpio==0.2.2.0",)}  # 3.13 has no wheel: Raspberry Pi OS brings python3-lgpio
OLDEST = (1980, 1, 1, 0, 0, 0)  # a zip's first date: the same content makes the same file
HEAD = """#!/bin/sh
# Rearguard {version} for {machine}. Install, without a network: sudo sh {name}
set -eu
version={version}
machine={machine}
payload_bytes={size}
payload_sha256={digest}
refuse() {{
    echo "refused: $1. Nothing was changed." >&2
    exit 1
}}
this=$(uname -m)
[ "$this" = "$machine" ] || refuse "this bundle is for $machine and this computer is $this; take the one for it"
command -v python3 >/dev/null || refuse "there is no python3; Raspberry Pi OS has it, elsewhere install it first"
sum=$(tail -c "$payload_bytes" "$0" | sha256sum | cut -d' ' -f1)
[ "$sum" = "$payload_sha256" ] || refuse "this file is damaged; copy or download it again"
[ $# -gt 0 ] || set -- install
exec python3 -I "$0" "$@"
"""


def build(machine: str, pythons: list[str], out: Path) -> Path:
    """The path of the bundle. Raises CalledProcessError when a package cannot be had."""
    version = install.version_id(SOURCE)
    with tempfile.TemporaryDirectory() as room:
        wheels = Path(room) / "wheels"
        _wheels(machine, pythons, wheels, Path(room))
        payload = Path(room) / "payload"
        _zip(payload, wheels, {"version": version, "machine": machine, "pythons": pythons})
        data = payload.read_bytes()
    out.mkdir(parents=True, exist_ok=True)
    file = out / f"rearguard-{version}-{machine}.run"
    head = HEAD.format(
        version=version,
        machine=machine,
        name=file.name,
        size=len(data),
        digest=hashlib.sha256(data).hexdigest(),
    )
    new = file.with_name(file.name + ".new")
    new.write_bytes(head.encode() + data)
    new.chmod(0o755)
    new.replace(file)
    return file


def _wheels(machine: str, pythons: list[str], wheels: Path, room: Path) -> None:
    """Our own wheel, pip's, and every package for each Python."""
    copy = room / "source"
    copy.mkdir()
    for name in install.PACKAGED:  # building leaves files, and not in the user's folder
        tree = (SOURCE / name).is_dir()
        (shutil.copytree if tree else shutil.copy2)(SOURCE / name, copy / name)
    _pip("wheel", "--no-deps", "--wheel-dir", str(wheels), str(copy))
    ours = next(wheels.glob("rearguard-*.whl"))
    for python in pythons:
        places = [word for glibc in GLIBC for word in ("--platform", f"{glibc}_{machine}")]
        abi = f"cp{python.replace('.', '')}"
        _pip(
            "download", "--only-binary", ":all:", "--dest", str(wheels), *places,
            *("--implementation", "cp", "--python-version", python, "--abi", abi, "--abi", "abi3", "--abi", "none"),
            str(ours), "pip", *LGPIO.get(python, ()),
        )  # fmt: skip


def _pip(*words: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *words], check=True
    )


def _zip(payload: Path, wheels: Path, manifest: dict[str, object]) -> None:
    """What install.py needs beside it, the wheels, and the sum of each file."""
    files = {f"systemd/{name}": SOURCE / "systemd" / name for name in install.SHARED}
    files |= {name: SOURCE / name for name in ("pyproject.toml", "hardware.md")}
    files |= {f"wheels/{wheel.name}": wheel for wheel in wheels.glob("*.whl")}
    sums = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in sorted(files.items())}
    with zipfile.ZipFile(payload, "w", zipfile.ZIP_STORED) as archive:
        for name, path in [("__main__.py", SOURCE / "systemd/bundle_main.py"), *sorted(files.items())]:
            archive.writestr(zipfile.ZipInfo(name, OLDEST), path.read_bytes())
        archive.writestr(zipfile.ZipInfo("manifest.json", OLDEST), json.dumps({**manifest, "files": sums}))


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--machine", choices=("aarch64", "x86_64"), default="aarch64")
    parser.add_argument("--python", action="append", choices=("3.11", "3.12", "3.13"))
    parser.add_argument("--out", type=Path, default=SOURCE / "out")
    asked = parser.parse_args(argv)
    try:
        file = build(asked.machine, asked.python or list(PYTHONS), asked.out)
    except subprocess.CalledProcessError:
        sys.stderr.write(
            "bundle: a package could not be had. Usually there is no network. Nothing was written\n"
        )
        return 1
    sys.stdout.write(f"{file} {file.stat().st_size // 1_000_000} MB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
