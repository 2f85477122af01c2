"""A file that a command writes is whole or not there, and root never writes where another user's name leads.

The folders of another user are real ones: these tests need root, as `sudo rearguard` has it.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware_py.storage import written
from firmware_py.storage.written import as_owner, become_owner, read_text, replacing, write_text

THEM, OTHERS = 65534, 54321  # nobody, and a user that the system does not know

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@pytest.fixture
def place() -> Iterator[Path]:
    """Open to everybody's eyes, and root's: pytest's own folders are closed to other users."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def theirs(place: Path) -> Path:
    return folder_of(place / "theirs", THEM)


def folder_of(path: Path, user: int) -> Path:
    path.mkdir()
    os.chown(path, user, user)
    return path


def secret_of_root(place: Path) -> Path:
    folder = place / "root-only"
    folder.mkdir(mode=0o755)
    (folder / "file").write_text("root's own\n")
    (folder / "file").chmod(0o600)
    return folder / "file"


def test_a_file_is_written_whole_with_its_folder(tmp_path: Path) -> None:
    write_text(tmp_path / "new/a", "text")
    assert read_text(tmp_path / "new/a") == "text"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a"]


def test_a_folder_that_is_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "way").symlink_to("real")
    write_text(tmp_path / "way/a", "text")
    assert read_text(tmp_path / "real/a") == "text"


@pytest.mark.parametrize("call", ["fsync", "fchmod", "write"])
def test_whatever_the_disk_refuses_the_old_file_stays_and_nothing_else_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    write_text(tmp_path / "a", "old")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        if call != "write":
            patched.setattr(os, call, full)
        with pytest.raises(OSError, match="No space"), replacing(tmp_path / "a") as file:
            file.write(b"new")
            if call == "write":
                full()
    assert read_text(tmp_path / "a") == "old"
    assert {path.name for path in tmp_path.iterdir()} == {"a"}


def test_who_could_read_the_old_file_can_read_the_new_one(tmp_path: Path) -> None:
    write_text(tmp_path / "a", "old")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644
    (tmp_path / "a").chmod(0o600)
    write_text(tmp_path / "a", "new")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("there", ["file", "dangling link"])
def test_what_must_not_be_overwritten_is_not(tmp_path: Path, there: str) -> None:
    (tmp_path / "a").write_text("old") if there == "file" else (tmp_path / "a").symlink_to("nowhere")
    with pytest.raises(FileExistsError), replacing(tmp_path / "a", overwrite=False):
        pass
    with pytest.raises(FileExistsError), replacing(tmp_path / "b", overwrite=False) as file:
        file.write(b"mine")
        (tmp_path / "b").write_text("came meanwhile")
    assert (tmp_path / "b").read_text() == "came meanwhile"
    with replacing(tmp_path / "c", overwrite=False) as file:
        file.write(b"new")
    assert read_text(tmp_path / "c") == "new"


def test_a_stick_without_second_names_takes_files_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fat(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", fat)
    with replacing(tmp_path / "a", overwrite=False) as file:
        file.write(b"new")
    write_text(tmp_path / "a", "newer")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a", "newer")]


def test_a_planted_fifo_or_link_is_no_file_to_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("/etc/passwd")
    for name in ("fifo", "link"):
        with pytest.raises(OSError, match=r"ordinary|symbolic"):
            read_text(tmp_path / name)


@needs_root
def test_what_root_writes_into_their_folder_is_theirs(theirs: Path) -> None:
    write_text(theirs / "a", "text")
    assert (theirs / "a").stat().st_uid == THEM
    assert os.geteuid() == 0


@needs_root
@pytest.mark.parametrize("kind", ["link to a file", "link to a folder", "fifo"])
def test_a_name_planted_in_their_folder_never_leads_to_root_s_files(
    place: Path, theirs: Path, kind: str
) -> None:
    secret = secret_of_root(place)
    if kind == "link to a folder":
        (theirs / "out").symlink_to(secret.parent)
        os.lchown(theirs / "out", THEM, THEM)
        with pytest.raises(PermissionError):
            write_text(theirs / "out/file", "planted")
        with pytest.raises(PermissionError):
            read_text(theirs / "out/file")
    else:
        (theirs / "a").symlink_to(secret) if kind == "link to a file" else os.mkfifo(theirs / "a")
        write_text(theirs / "a", "mine")
        assert (theirs / "a").read_text() == "mine"
    assert secret.read_text() == "root's own\n"


@needs_root
@pytest.mark.parametrize("swap", ["before", "while written"])
def test_a_folder_that_they_swap_for_a_link_never_leads_to_root_s_files(
    place: Path, theirs: Path, swap: str
) -> None:
    secret = secret_of_root(place)
    inner = folder_of(theirs / "inner", THEM)

    def swapped() -> None:
        inner.rename(theirs / "was")
        inner.symlink_to(secret.parent)
        os.lchown(inner, THEM, THEM)

    if swap == "before":
        swapped()
    with pytest.raises(OSError), replacing(inner / "file") as file:
        file.write(b"planted")
        swapped()
    assert secret.read_text() == "root's own\n"
    assert [path.name for path in secret.parent.iterdir()] == ["file"]


@needs_root
def test_root_s_folder_reached_through_their_link_is_written_as_them(place: Path, theirs: Path) -> None:
    (theirs / "way").symlink_to("../root-folder")
    os.lchown(theirs / "way", THEM, THEM)
    (place / "root-folder").mkdir(mode=0o755)
    with as_owner(theirs / "way"):
        assert os.geteuid() == THEM


@needs_root
def test_where_two_users_may_change_the_way_nothing_is_written(place: Path, theirs: Path) -> None:
    inner = folder_of(theirs / "inner", OTHERS)
    with pytest.raises(PermissionError, match="54321, 65534"):
        write_text(inner / "a", "text")


@needs_root
def test_a_user_that_was_deleted_is_still_not_root(place: Path) -> None:
    folder = folder_of(place / "gone", OTHERS)
    write_text(folder / "a", "text")
    assert (folder / "a").stat().st_uid == OTHERS


@needs_root
def test_links_in_a_circle_end(place: Path) -> None:
    (place / "a").symlink_to("b")
    (place / "b").symlink_to("a")
    with pytest.raises(OSError, match="levels of symbolic links"):
        write_text(place / "a/x", "text")


@needs_root
def test_dots_and_relative_names_are_walked_as_the_kernel_walks_them(
    place: Path, theirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    with as_owner(Path("theirs/../theirs/./new")):
        assert os.geteuid() == THEM
    with as_owner(Path("/")):
        assert os.geteuid() == 0


@needs_root
def test_root_is_root_again_after_an_error(theirs: Path) -> None:
    before = os.geteuid(), os.getegid(), os.getgroups()
    with pytest.raises(KeyError), as_owner(theirs):
        assert os.getgroups() != before[2] or os.getegid() != before[1]
        raise KeyError
    assert (os.geteuid(), os.getegid(), os.getgroups()) == before


def test_nobody_but_root_becomes_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(written, "_planter", lambda _: pytest.fail("asked"))
    become_owner(tmp_path)
    with as_owner(tmp_path):
        pass


@needs_root
def test_a_service_started_by_hand_becomes_its_folder_s_owner_for_good(theirs: Path) -> None:
    child = os.fork()
    if child == 0:
        become_owner(theirs)
        try:
            os.setuid(0)
        except PermissionError:
            os._exit(0 if (os.getuid(), os.geteuid()) == (THEM, THEM) else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


OWN_FOLDERS = (
    "firmware_py/storage/written.py",
    "firmware_py/guard/service.py",  # the lock: no link, no FIFO, never written
    "firmware_py/courier/process.py",  # its lock; root has become the owner before
    "firmware_py/courier/recording/",  # likewise
    "firmware_py/alerts/command.py",  # its lock; root has become the owner before
    "firmware_py/courier/events/envelope.py",  # schemas, for the developer
    "firmware_py/report/command.py",  # in a folder that mkdtemp made
    "firmware_py/rig/harness/",  # folders of the simulated treadmill
    "firmware_py/rig/bench/latency.py",  # likewise
    "firmware_py/rig/demo/",  # the demonstration's own folder, which it makes and removes
    "firmware_py/rig/gym/",  # likewise
    "firmware_py/coach/sound.py",  # a sound in memory
    "firmware_py/device/setup/progress.py",  # a lock in root's own folder
    "firmware_py/fleet/settings.py",  # the fleet's server, under a user of its own
    "firmware_py/fleet/enroll/",  # likewise
)


def test_every_command_that_writes_does_it_here() -> None:
    """A new file that is written elsewhere is either in a private folder or a hole."""
    signs = re.compile(
        r"""\.open\(\s*["'][wxa]|\bopen\([^)\n]*["'][wxa]b?["']|\.write_(text|bytes)\(|os\.open\("""
    )
    root = Path(__file__).parents[2]
    found = list((root / "firmware_py").rglob("*.py"))
    assert found
    for path in found:
        name = str(path.relative_to(root))
        assert name.startswith(OWN_FOLDERS) or not signs.search(path.read_text()), name
