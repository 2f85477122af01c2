"""Installs, upgrades, rolls back and removes Rearguard on a Raspberry Pi, and prints every file that it touches.

Usage: install.py install|rollback|uninstall|preflight [--wheels DIR] [--root DIR] [--dry-run] [--purge]
Each version lives in a folder of its own under /opt/rearguard/versions; `current` is a link that is switched in
one step. Must never change a device that is armed, and never leave one without a version that works.
"""

import argparse
import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from preflight import FAIL, look  # beside this file, in the source tree and in an installed version alike

SOURCE = Path(__file__).resolve().parent.parent
HOME = Path("opt/rearguard")
UNITS = ("rearguard-guard.service", "rearguard-courier.service")
ALSO_UNITS = ("rearguard-alerts.service",)  # an update does not depend on them
# file in systemd/ -> where the system looks for it
SYSTEM_FILES = {
    "rearguard-guard.service": Path("etc/systemd/system/rearguard-guard.service"),
    "rearguard-courier.service": Path("etc/systemd/system/rearguard-courier.service"),
    "rearguard-alerts.service": Path("etc/systemd/system/rearguard-alerts.service"),
    "watchdog.conf": Path("etc/systemd/system.conf.d/rearguard.conf"),
    "rearguard.tmpfiles.conf": Path("etc/tmpfiles.d/rearguard.conf"),
    "rearguard.sysusers.conf": Path("etc/sysusers.d/rearguard.conf"),
    "rearguard.modules.conf": Path("etc/modules-load.d/rearguard.conf"),
    "60-rearguard.rules": Path("etc/udev/rules.d/60-rearguard.rules"),
}
COMMAND = Path("usr/local/bin/rearguard")
SHARED = (
    *SYSTEM_FILES,
    "pin_low.py",
    "free_bus.py",
    "install.py",
    "preflight.py",
    "mounts.py",
    "make-venv",
    "config.toml",
)
PACKAGED = ("firmware_py", "sensors", "pyproject.toml", "README.md")
READY_TIMEOUT_S = 60.0
STAYS_UP_S = 4.0
GIVE_UP_RESTARTS = 4


class Refused(Exception):
    """The action was refused, and the device still works as before. The message is what, why, and what to do."""


class System:
    """systemd and its tools. While an image is built nothing is booted: then only commands that need no systemd run."""

    WITHOUT_BOOT = (("systemd-sysusers",), ("systemctl", "enable"), ("systemctl", "disable"))

    def __init__(self, root: Path) -> None:
        self._ours = root == Path("/")
        self._live = self._ours and Path("/run/systemd/system").is_dir()

    def run(self, *command: str) -> bool:
        """Prints the command, and runs it where it can run. False when it failed."""
        show(f"run     {' '.join(command)}")
        if not self._live and not (self._ours and any(command[: len(c)] == c for c in self.WITHOUT_BOOT)):
            return True
        try:
            return subprocess.run(command, check=False).returncode == 0
        except FileNotFoundError:  # a small system may lack a tool
            return False

    def show(self, unit: str, what: str) -> str:
        if not self._live:
            return ""
        command = ("systemctl", "show", "-P", what, unit)
        return subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()

    def works(self, unit: str) -> bool:
        """True when the unit is up, and still up a few seconds later without a restart."""
        if not self._live:
            return True
        deadline_s = time.monotonic() + READY_TIMEOUT_S
        while self.show(unit, "ActiveState") != "active":
            if time.monotonic() > deadline_s or int(self.show(unit, "NRestarts") or 0) >= GIVE_UP_RESTARTS:
                return False
            time.sleep(0.5)
        restarts = self.show(unit, "NRestarts")
        time.sleep(STAYS_UP_S)
        return self.show(unit, "ActiveState") == "active" and self.show(unit, "NRestarts") == restarts


class Installer:
    def __init__(self, root: Path, system: System, dry: bool = False, wheels: Path | None = None) -> None:
        self.root, self.system, self.dry, self.wheels = root, system, dry, wheels
        self.home = root / HOME

    # the state

    def current(self) -> str | None:
        return self._link("current")

    def previous(self) -> str | None:
        return self._link("previous")

    def _link(self, name: str) -> str | None:
        try:
            return (self.home / name).readlink().name
        except OSError:
            return None

    # the actions

    def install(self) -> None:
        self._refuse_while_armed()
        failed = []
        for check in look(self.root):
            show(f"check   {check}")
            failed += [check] if check.verdict == FAIL else []
        if failed:
            raise Refused(f"{failed[0]}. Nothing was changed")
        version, old = version_id(SOURCE), self.current()
        self._build(version)
        self._first_config()
        self._try_config(version)
        self._refuse_while_armed()  # building takes minutes
        before = self.previous()
        worked = old is not None and all(self.system.show(u, "ActiveState") == "active" for u in UNITS)
        self._switch(version, old)
        self._start()
        broken = [unit for unit in UNITS if not self.dry and not self.system.works(unit)]
        if broken and old is not None and old != version and worked:
            show(f"health  {', '.join(broken)} does not stay up with {version}: rolling back to {old}")
            self._switch(old, before)
            self._start()
            self._remove(self.home / "versions" / version)
            raise Refused(f"{version} does not run here. {old} runs again; see: journalctl -u {broken[0]}")
        for unit in broken:
            show(
                f"health  WARN  {unit} is not up yet. Usually the wiring is not complete: run rearguard check"
            )
        self._remove_old({version, old or version})
        show(f"done    {version} is installed. The treadmill stays off until you press the arming button")

    def rollback(self) -> None:
        self._refuse_while_armed()
        current, back = self.current(), self.previous()
        if back in (None, current) or not (self.home / "versions" / back / "complete").exists():
            raise Refused("there is no earlier version to go back to")
        self._switch(back, current)
        self._start()
        show(f"done    {back} is current again")

    def uninstall(self, purge: bool) -> None:
        self._refuse_while_armed()
        for unit in (*ALSO_UNITS, *UNITS):
            self._run("systemctl", "disable", "--now", unit)
        for place in (*SYSTEM_FILES.values(), COMMAND):
            self._remove(self.root / place)
        self._remove(self.home)
        for kept in (self.root / "etc/rearguard", self.root / "var/lib/rearguard"):
            if purge:
                self._remove(kept)
            elif kept.exists():
                show(f"keep    {kept}  (--purge removes it)")
        self._run("systemctl", "daemon-reload")
        show("done    removed. Also take our contact out of the treadmill's key circuit")

    # steps

    def _refuse_while_armed(self) -> None:
        status = self.system.show(UNITS[0], "StatusText")
        if self.system.show(UNITS[0], "ActiveState") == "active" and status.startswith("running"):
            raise Refused(
                "the device is armed and the belt may move. Stop the treadmill, step off, and try again"
            )

    def _build(self, version: str) -> None:
        folder = self.home / "versions" / version
        if (folder / "complete").exists():
            show(f"there   {folder}")
            return
        self._remove(folder)
        show(f"build   {folder}")
        if self.dry:
            return
        try:
            self._fill(folder)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise Refused(f"{folder}: {error.strerror}; the version in use is untouched") from None
        os.sync()  # a power cut must not leave a version that only looks complete
        (folder / "complete").touch()

    def _fill(self, folder: Path) -> None:
        """Everything of one version. Raises Refused or OSError."""
        folder.mkdir(parents=True)
        with tempfile.TemporaryDirectory() as copy:  # building leaves files, and not in the user's folder
            for name in PACKAGED if self.wheels is None else ():
                tree = (SOURCE / name).is_dir()
                (shutil.copytree if tree else shutil.copy2)(SOURCE / name, Path(copy) / name)
            environment, where = dict(os.environ), [copy]
            if self.wheels is not None:
                environment |= {
                    "WHEELS": str(self.wheels),
                    "PIP_NO_INDEX": "1",
                    "PIP_FIND_LINKS": str(self.wheels),
                }
                where = ["rearguard"]
            made = subprocess.run(
                [SOURCE / "systemd/make-venv", folder, *where], env=environment, check=False
            )
        if made.returncode != 0:
            shutil.rmtree(folder)
            raise Refused("the Python packages could not be installed; the version in use is untouched")
        share = folder / "share"
        share.mkdir(exist_ok=True)  # a package may have put a manual page there
        for name in SHARED:
            shutil.copy2(SOURCE / "systemd" / name, share / name)
        if (SOURCE / "hardware.md").exists():
            shutil.copy2(SOURCE / "hardware.md", share)

    def _first_config(self) -> None:
        config = self.root / "etc/rearguard/config.toml"
        if config.exists():
            show(f"keep    {config}")
            return
        self._write(config, (SOURCE / "systemd/config.toml").read_bytes())

    def _try_config(self, version: str) -> None:
        """Raises Refused when the new version does not accept the configuration: such a device could not arm."""
        command = self.home / "versions" / version / "bin/rearguard"
        config = self.root / "etc/rearguard/config.toml"
        if self.dry:
            return
        tried = subprocess.run(
            [command, "config", "--config", config], check=False, capture_output=True, text=True
        )
        if tried.returncode != 0:
            raise Refused(
                f"{version} does not accept {config}; the version in use is untouched:\n{tried.stderr}"
            )

    def _switch(self, version: str, previous: str | None) -> None:
        """The unit files, then the link: one rename makes the new version current."""
        share = self.home / "versions" / version / "share"
        for name, place in SYSTEM_FILES.items():
            source = SOURCE / "systemd" / name if self.dry else share / name
            if source.exists():
                self._write(self.root / place, source.read_bytes())
            else:  # an earlier version did without it
                self._remove(self.root / place)
        if previous is not None and previous != version:
            self._point("previous", Path("versions") / previous)
        self._point("current", Path("versions") / version)
        command = self.root / COMMAND
        if not command.is_symlink():
            show(f"link    {command} -> /{HOME}/current/bin/rearguard")
            if not self.dry:
                command.parent.mkdir(parents=True, exist_ok=True)
                command.symlink_to(f"/{HOME}/current/bin/rearguard")

    def _start(self) -> None:
        self._run("systemd-sysusers")
        self._run("modprobe", "i2c-dev")  # until the next boot, which reads modules-load.d
        self._run("udevadm", "control", "--reload")
        self._run("udevadm", "trigger", "--subsystem-match=gpio", "--subsystem-match=i2c-dev")
        self._run("systemd-tmpfiles", "--create", f"/{SYSTEM_FILES['rearguard.tmpfiles.conf']}")
        self._run("systemctl", "daemon-reload")
        self._run("systemctl", "enable", "--quiet", *UNITS, *ALSO_UNITS)
        self._run("systemctl", "restart", "--no-block", *UNITS, *ALSO_UNITS)

    def _remove_old(self, keep: set[str]) -> None:
        versions = self.home / "versions"
        for folder in sorted(versions.iterdir()) if versions.exists() else []:
            if folder.name not in keep | {self.previous() or ""}:
                self._remove(folder)

    # the only functions that change something

    def _run(self, *command: str) -> None:
        if self.dry:
            show(f"run     {' '.join(command)}")
        elif not self.system.run(*command):
            show(f"        failed: {' '.join(command)}")

    def _write(self, path: Path, data: bytes) -> None:
        if path.exists() and path.read_bytes() == data:
            return
        show(f"write   {path}")
        if self.dry:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(path.name + ".new")
        with new.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.chmod(0o644)
        new.replace(path)

    def _point(self, name: str, target: Path) -> None:
        show(f"link    {self.home / name} -> {target}")
        if self.dry:
            return
        new = self.home / f"{name}.new"
        new.unlink(missing_ok=True)
        new.symlink_to(target)
        new.replace(self.home / name)

    def _remove(self, path: Path) -> None:
        if not path.exists() and not path.is_symlink():
            return
        show(f"remove  {path}")
        if self.dry:
            return
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def version_id(source: Path) -> str:
    """The version and a hash of the installed text: the same text has the same folder. A bundle knows its own."""
    if (source / "version").exists():
        return (source / "version").read_text(encoding="utf-8").strip()
    number = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    digest = hashlib.sha256()
    for folder in ("firmware_py", "sensors", "systemd"):
        for path in sorted((source / folder).rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                digest.update(str(path.relative_to(source)).encode() + b"\0" + path.read_bytes())
    return f"{number}-{digest.hexdigest()[:8]}"


@contextlib.contextmanager
def alone(root: Path) -> Iterator[None]:
    """Raises Refused while another installer works on the same root folder."""
    folder = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Refused("another installation runs. Wait until it has ended. Nothing was changed") from None
    finally:
        os.close(folder)


def show(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="rearguard installer", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument(
        "action",
        choices=("install", "rollback", "uninstall", "preflight"),
        help="preflight only looks at this computer",
    )
    parser.add_argument("--wheels", type=Path, help="folder of wheels to install from, without network")
    parser.add_argument(
        "--root", type=Path, default=Path("/"), help="another root folder; nothing is started"
    )
    parser.add_argument("--dry-run", action="store_true", help="only print")
    parser.add_argument(
        "--purge", action="store_true", help="uninstall: remove configuration and recordings, too"
    )
    asked = parser.parse_args(argv)
    if asked.action == "preflight":
        checks = look(asked.root)
        show("\n".join(map(str, checks)))
        return int(any(check.verdict == FAIL for check in checks))
    if asked.root == Path("/") and not asked.dry_run and os.geteuid() != 0:
        show("install: not root. Run it with sudo, or look first with --dry-run")
        return 3
    os.umask(0o022)  # the services run as other users and read these files
    installer = Installer(asked.root, System(asked.root), asked.dry_run, asked.wheels)
    try:
        with alone(asked.root):
            if asked.action == "uninstall":
                installer.uninstall(asked.purge)
            else:
                getattr(installer, asked.action)()
    except Refused as refusal:
        show(f"refused: {refusal}")
        return 1
    except OSError as error:
        show(f"failed: {error}. Usually the disk is full: free some space, then do the same again")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
