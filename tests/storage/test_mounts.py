"""Storage that forgets: every folder of ours on every file system that loses it, from the kernel's table of mounts."""

from pathlib import Path

import pytest

from firmware_py.storage.mounts import FORGETFUL, trouble

ROOT = "29 1 179:2 / / rw,relatime shared:1 - ext4 /dev/mmcblk0p2 rw"
STATE = "/var/lib/rearguard"


def device(root: Path, *mounts: str) -> Path:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/mountinfo").write_text("\n".join(mounts) + "\n")
    return root


def test_an_ordinary_card_remembers(tmp_path: Path) -> None:
    assert trouble(device(tmp_path, ROOT), STATE) == ""


@pytest.mark.parametrize("kind", FORGETFUL)
@pytest.mark.parametrize("folder", ["/opt/rearguard", "/etc/rearguard", STATE, "/home/pi/rearguard/.venv"])
def test_a_root_that_forgets_is_found_for_every_folder(tmp_path: Path, kind: str, folder: str) -> None:
    assert f"{folder} lies on {kind}" in trouble(device(tmp_path, f"29 1 0:25 / / rw - {kind} x rw"), folder)


def test_a_partition_of_its_own_over_an_overlay_remembers_and_the_rest_does_not(tmp_path: Path) -> None:
    root = device(
        tmp_path,
        "29 1 0:25 / / rw - overlay overlayroot rw",
        "40 29 179:3 / /var/lib/rearguard rw - ext4 /dev/sda1 rw",
    )
    assert trouble(root, STATE) == ""
    assert "overlay" in trouble(root, "/etc/rearguard")
    assert "overlay" in trouble(root, "/var/lib/rearguard-of-another")


def test_memory_mounted_over_a_card_forgets(tmp_path: Path) -> None:
    assert "tmpfs" in trouble(device(tmp_path, ROOT, "41 29 0:30 / /var rw - tmpfs tmpfs rw"), STATE)


def test_a_mount_that_covers_another_at_the_same_place_counts(tmp_path: Path) -> None:
    assert "tmpfs" in trouble(device(tmp_path, ROOT, "41 29 0:30 / / rw - tmpfs tmpfs rw"), STATE)
    assert trouble(device(tmp_path / "b", "1 1 0:2 / / rw - tmpfs none rw", ROOT), STATE) == ""


def test_a_compressed_disk_in_memory_forgets(tmp_path: Path) -> None:
    line = "41 29 254:0 / /var/lib rw - ext4 /dev/zram0 rw"
    assert "in memory" in trouble(device(tmp_path, ROOT, line), STATE)


@pytest.mark.parametrize(
    "line", ["29 1 179:2 / / ro - ext4 /dev/x rw", "29 1 179:2 / / rw shared:1 - ext4 /dev/x ro"]
)
def test_a_mount_that_takes_no_writes_is_found(tmp_path: Path, line: str) -> None:
    assert "read-only" in trouble(device(tmp_path, line), STATE)


def test_a_folder_that_is_a_link_is_judged_where_it_leads(tmp_path: Path) -> None:
    root = device(tmp_path, ROOT, "41 29 0:30 / /run rw - tmpfs tmpfs rw")
    (root / "run/state").mkdir(parents=True)
    (root / "var/lib").mkdir(parents=True)
    (root / "var/lib/rearguard").symlink_to("../../run/state")
    assert "tmpfs" in trouble(root, STATE)


def test_a_place_with_a_blank_in_its_name_is_understood(tmp_path: Path) -> None:
    root = device(tmp_path, ROOT, r"41 29 0:30 / /my\040state rw - tmpfs tmpfs rw", "not a mount", "a b - c")
    assert "tmpfs" in trouble(root, "/my state/here")


@pytest.mark.parametrize(
    ("words", "lost"),
    [("boot=overlay", True), ("overlayroot=tmpfs", True), ("overlayroot=disabled", False), ("quiet", False)],
)
@pytest.mark.parametrize("name", ["boot/firmware/cmdline.txt", "boot/cmdline.txt"])
def test_a_read_only_mode_that_begins_at_the_next_boot_is_found_now(
    tmp_path: Path, name: str, words: str, lost: bool
) -> None:
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text(f"console=tty1 {words} rootwait\n")
    assert bool(trouble(device(tmp_path, ROOT), STATE)) is lost


def test_where_the_kernel_shows_no_mounts_nothing_is_claimed(tmp_path: Path) -> None:
    assert trouble(tmp_path, STATE) == ""
    assert trouble(device(tmp_path / "b", "nothing of use"), STATE) == ""
