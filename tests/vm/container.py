"""Owns one container that boots a root folder's own systemd at full speed. Must never wait for ever."""

import os
import signal
import subprocess
import time
from pathlib import Path

BOOT_TIMEOUT_S = 60.0


class Container:
    """The root folder is changed by it: use one that may be thrown away. `shared` is seen inside as /pisim."""

    def __init__(self, root: Path, shared: Path) -> None:
        self._process = subprocess.Popen(
            [
                *("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network", "--boot"),
                *("--console=pipe", f"--machine=rearguard-{os.getpid()}"),
                *(f"--directory={root}", f"--bind={shared}:/pisim"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline_s = time.monotonic() + BOOT_TIMEOUT_S
        self._leader = self._find_leader(deadline_s)
        while self.sh("systemctl is-system-running")[1].strip() not in ("running", "degraded"):
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"the container does not boot: {self.sh('systemctl list-jobs')[1]}")
            time.sleep(0.05)

    def sh(self, command: str, timeout_s: float = 60.0) -> tuple[int, str]:
        """Exit code and output of a command inside."""
        enter = [*f"nsenter -t {self._leader} -m -u -i -n -p -C -- /bin/bash -c".split(), command]
        done = subprocess.run(enter, capture_output=True, text=True, timeout=timeout_s, check=False)
        return done.returncode, done.stdout + done.stderr

    def popen(self, command: str) -> subprocess.Popen[bytes]:
        """A command inside that somebody talks to."""
        enter = [*f"nsenter -t {self._leader} -m -u -i -n -p -C -- /bin/bash -c".split(), command]
        return subprocess.Popen(enter, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)

    def beside(self, *words: str) -> list[str]:
        """The words of a program of this computer that is to share the container's network."""
        return ["nsenter", "-t", str(self._leader), "-n", "--", *words]

    def alive(self) -> bool:
        """Not yet restarted or powered off."""
        return self._process.poll() is None and Path(f"/proc/{self._leader}").exists()

    def process(self, words: str) -> int:
        """The number, as this computer counts, of the process inside whose command line holds `words`; 0: none."""
        inside = Path(f"/proc/{self._leader}/ns/pid").readlink()
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                found = words in path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if found and (path.parent / "ns/pid").readlink() == inside:
                    return int(path.parent.name)
            except OSError:
                continue
        return 0

    def stop(self) -> None:
        if self._process.poll() is not None:
            return
        if not self.alive():  # it restarts by itself
            self._leader = self._find_leader(time.monotonic() + BOOT_TIMEOUT_S)
        self.sh("systemctl poweroff")
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            os.kill(self._leader, signal.SIGKILL)
            self._process.wait(20)

    def _find_leader(self, deadline_s: float) -> int:
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        while time.monotonic() < deadline_s:
            if self._process.poll() is not None:
                raise OSError(f"systemd-nspawn ended with {self._process.returncode}")
            for child in children.read_text().split():
                if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                    return int(child)
            time.sleep(0.02)
        raise TimeoutError("systemd-nspawn starts no systemd")
