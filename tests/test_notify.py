"""sd_notify: what both processes send to systemd, and that a systemd that does not listen changes nothing."""

import os
import socket
from pathlib import Path

import pytest

from firmware_py.notify import ServiceManager


@pytest.mark.parametrize("abstract", [False, True])
def test_the_service_manager_gets_what_is_sent(tmp_path: Path, abstract: bool) -> None:
    address = f"@rearguard-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address.replace("@", "\0"))
        systemd.settimeout(1)
        manager = ServiceManager(address)
        manager.send("READY=1", "STATUS=fine")
        assert systemd.recv(100) == b"READY=1\nSTATUS=fine"
        manager.close()


def test_a_manager_that_does_not_listen_changes_nothing(tmp_path: Path) -> None:
    manager = ServiceManager(str(tmp_path / "nobody"))
    manager.send("WATCHDOG=1")
    manager.close()
    alone = ServiceManager(None)
    alone.send("WATCHDOG=1")
    alone.close()


def test_a_process_that_systemd_did_not_start_has_nobody_to_report_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    manager = ServiceManager.of_this_process()
    manager.send("READY=1")
    manager.close()
