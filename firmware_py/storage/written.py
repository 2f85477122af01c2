"""Owns how a command of a person writes a file: whole or not at all, and never as root where somebody else may plant
names.

Who runs a command with sudo is root in folders of other users. A link or a FIFO planted there would make root write
into root's own folders. So root becomes the folder's owner before it touches anything, never follows a link at the end
of a path, and what it writes takes its place in one step.

Must never follow a link that another user made, and never leave half a file behind.
"""

import contextlib
import errno
import os
import pwd
import secrets
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

MOST_LINKS = 40  # as the kernel allows on one path
ROOT = 0
NEW_FILE = 0o644
NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS)  # FAT and its like


@contextlib.contextmanager
def as_owner(folder: Path) -> Iterator[None]:
    """Inside, root is the user who may plant names on the way to `folder`; anybody else stays who they are.

    Process-wide, so for commands without threads. Raises PermissionError when two other users may plant names.
    """
    if os.geteuid() != ROOT or (owner := _planter(folder)) is None:
        yield
        return
    group, groups = os.getegid(), os.getgroups()
    its_group, its_groups = _groups_of(owner, folder)
    try:
        os.setgroups(its_groups)
        os.setegid(its_group)
        os.seteuid(owner)
        yield
    finally:
        os.seteuid(ROOT)
        os.setegid(group)
        os.setgroups(groups)


def become_owner(folder: Path) -> None:
    """For good: root becomes the user who may plant names on the way to `folder`. Raises OSError."""
    if os.geteuid() == ROOT and (owner := _planter(folder)) is not None:
        its_group, its_groups = _groups_of(owner, folder)
        os.setgroups(its_groups)
        os.setgid(its_group)
        os.setuid(owner)


@contextlib.contextmanager
def replacing(
    path: Path,
    mode: int | None = None,
    own: Callable[[Path], None] = lambda _new: None,
    overwrite: bool = True,
) -> Iterator[BinaryIO]:
    """A new file that takes the place of `path` when the block ends without an error; else `path` stays as it was.

    `mode`: None keeps that of the old file. `own` may give the new file to somebody before anybody can see it.
    Without `overwrite` an existing `path` raises FileExistsError. Raises OSError.
    The folder is made when it is missing.
    """
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    try:
        with as_owner(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            if not overwrite and os.path.lexists(path):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
            file = _created(new, _mode(path) if mode is None else mode)
        with file:
            own(new)
            yield file
        with as_owner(path.parent):
            _sync(new)
            if overwrite or not _linked(new, path):
                new.replace(path)
            _sync(path.parent)  # a rename is only durable when its folder is
    finally:
        with as_owner(path.parent):
            new.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """`text` as the whole of `path`, in one step. Raises OSError; the old file is then unchanged."""
    with replacing(path) as file:
        file.write(text.encode())


def read_text(path: Path) -> str:
    """`read_bytes` as text. Raises OSError or UnicodeDecodeError."""
    return read_bytes(path).decode()


def read_bytes(path: Path) -> bytes:
    """The whole of an ordinary file, read as the owner of its folder. Raises OSError, also for a link or a FIFO."""
    with as_owner(path.parent):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "not an ordinary file", str(path))
        return file.read()


def _created(new: Path, mode: int) -> BinaryIO:
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    os.fchmod(descriptor, mode)
    return os.fdopen(descriptor, "wb")


def _mode(path: Path) -> int:
    """Who may read the file before may read the new one; a link is not asked."""
    try:
        before = path.lstat().st_mode
    except OSError:
        before = 0
    return stat.S_IMODE(before) & 0o777 if stat.S_ISREG(before) else NEW_FILE


def _linked(path: Path, other: Path) -> bool:
    """A second name for a file, where a rename would replace another; False on a card or stick without such names."""
    try:
        os.link(path, other)
    except OSError as error:
        if error.errno in NO_LINKS:
            return False
        raise
    return True


def _sync(path: Path) -> None:
    """Waits until a file or a folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _groups_of(user: int, folder: Path) -> tuple[int, list[int]]:
    """The user's own group and all of them; a user that was deleted has that of the folder."""
    try:
        known = pwd.getpwuid(user)
    except KeyError:
        return folder.stat().st_gid, []
    return known.pw_gid, os.getgrouplist(known.pw_name, known.pw_gid)


def _planter(folder: Path) -> int | None:
    """The one user beside root who owns a folder or a link on the way to `folder`, None when there is none."""
    owners = _owners_on_the_way(folder) - {ROOT}
    if len(owners) > 1:
        raise PermissionError(
            errno.EPERM,
            f"users {', '.join(map(str, sorted(owners)))} may all change where this leads",
            str(folder),
        )
    return next(iter(owners), None)


def _owners_on_the_way(folder: Path) -> set[int]:
    """Owners of every folder and link between / and `folder`; what does not exist yet belongs to nobody."""
    owners, here, links = set(), "/", 0
    ahead = _parts(os.path.join(os.getcwd(), folder))  # noqa: PTH109, PTH118  (a Path would drop "..")
    while ahead:
        name = ahead.pop()
        if name == "..":
            here = os.path.dirname(here)  # noqa: PTH120
            continue
        step = os.path.join(here, name)  # noqa: PTH118
        try:
            found = os.lstat(step)
        except FileNotFoundError:
            break
        owners.add(found.st_uid)
        if not stat.S_ISLNK(found.st_mode):
            here = step
            continue
        links += 1
        if links > MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(folder))
        target = os.readlink(step)  # noqa: PTH115
        here = "/" if target.startswith("/") else here
        ahead += _parts(target)
    return owners


def _parts(path: str) -> list[str]:
    """The names of a path, the last first."""
    return [name for name in path.split("/") if name not in ("", ".")][::-1]
