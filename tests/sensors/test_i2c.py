"""Bytes and errno in, bytes or faults out; what cannot be opened says what, why and what to do."""

import errno
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import smbus2

import sensors.i2c
from sensors.advice import HardwareError
from sensors.emulated import Kind, Trouble
from sensors.hints import HINTS
from sensors.i2c import ERRNO_FAULTS, I2C_RETRIES, I2C_TIMEOUT, Bus, open_bus
from sensors.samples import Fault


class Wire:
    """Raises `errno`, or keeps what it was told and fills reads with a pattern."""

    def __init__(self, number: int | None = None) -> None:
        self.number = number
        self.transfers: list[list[tuple[int, int, int, bytes]]] = []

    def i2c_rdwr(self, *messages: Any) -> None:
        if self.number is not None:
            raise OSError(self.number, "scripted") if self.number else OSError("without errno")
        self.transfers.append([(m.addr, m.flags, m.len, b"" if m.flags else bytes(m)) for m in messages])

    def close(self) -> None:
        if self.number is not None:
            raise OSError(self.number, "scripted")


def test_a_read_is_one_transfer_whose_only_read_message_comes_last() -> None:
    wire = Wire()
    assert Bus(wire).read(0x6A, 0x22, 12) == bytes(12)
    assert wire.transfers == [[(0x6A, 0, 1, b"\x22"), (0x6A, 1, 12, b"")]]


def test_a_16_bit_register_goes_out_high_byte_first() -> None:
    wire = Wire()
    bus = Bus(wire)
    bus.read(0x29, 0x010F, 2, register_bytes=2)
    bus.write(0x29, 0x0087, b"\x40", register_bytes=2)
    assert wire.transfers[0][0][3] == b"\x01\x0f"
    assert wire.transfers[1] == [(0x29, 0, 3, b"\x00\x87\x40")]


def test_the_same_register_may_be_read_with_both_widths() -> None:
    wire = Wire()
    bus = Bus(wire)
    bus.read(0x29, 0x0F, 1)
    bus.read(0x29, 0x0F, 1, register_bytes=2)
    assert [transfer[0][3] for transfer in wire.transfers] == [b"\x0f", b"\x00\x0f"]


@pytest.mark.parametrize(
    ("number", "fault"),
    [
        (errno.EREMOTEIO, Fault.NO_REPLY),
        (errno.ENXIO, Fault.NO_REPLY),
        (errno.ETIMEDOUT, Fault.BUS_TIMEOUT),
        (errno.EIO, Fault.BUS_NOISE),
        (errno.EBUSY, Fault.BUS_BUSY),
        (errno.EAGAIN, Fault.BUS_BUSY),
        (errno.ENOENT, Fault.BUS_GONE),
        (errno.ENODEV, Fault.BUS_GONE),
        (errno.EBADF, Fault.BUS_GONE),
        (errno.EPIPE, Fault.BUS_GONE),
        (0, Fault.BUS_GONE),
    ],
)
def test_each_errno_becomes_its_fault_and_never_an_exception(number: int, fault: Fault) -> None:
    bus = Bus(Wire(number))
    assert bus.read(0x6A, 0x22, 12) is fault
    assert bus.errno == number
    bus.errno = -1
    assert bus.write(0x6A, 0x10, b"\x00") is fault
    assert bus.errno == number
    assert bus.write_and_verify(0x6A, 0x10, 0x00) is fault
    bus.errno = -1
    bus.close()
    assert bus.errno == number


def test_every_errno_of_the_table_is_known_to_the_tests_above() -> None:
    assert set(ERRNO_FAULTS) == {121, 6, 110, 5, 16, 11, 2, 19, 9}


def test_a_good_transfer_forgets_the_last_errno() -> None:
    wire = Wire(5)
    bus = Bus(wire)
    bus.read(1, 2, 3)
    wire.number = None
    bus.read(1, 2, 3)
    assert bus.errno == 0
    bus.errno = 5
    bus.write(1, 2, b"")
    assert bus.errno == 0
    bus.close()


def test_write_and_verify_is_one_byte_each_way() -> None:
    wire = Wire()
    assert Bus(wire).write_and_verify(0x6A, 0x10, 0x66) == 0
    assert wire.transfers == [[(0x6A, 0, 2, b"\x10\x66")], [(0x6A, 0, 1, b"\x10"), (0x6A, 1, 1, b"")]]


def test_write_and_verify_returns_what_the_chip_holds(world: Any) -> None:
    assert world.bus.write_and_verify(0x6A, 0x10, 0x66) == 0x66
    assert world.bus.write_and_verify(0x6A, 0x0F, 0x66) == 0x6C  # read only
    world.lsm.trouble = [Trouble(Kind.NACK, count=1)]
    assert world.bus.write_and_verify(0x6A, 0x10, 0x66) is Fault.NO_REPLY
    world.lsm.trouble = [Trouble(Kind.ZEROS)]
    assert world.bus.write_and_verify(0x6A, 0x10, 0x66) == 0


def test_a_read_that_fails_after_its_write_is_a_fault_of_write_and_verify() -> None:
    class FailsToRead(Wire):
        def i2c_rdwr(self, *messages: Any) -> None:
            if messages[-1].flags:
                raise OSError(110, "scripted")

    assert Bus(FailsToRead()).write_and_verify(0x6A, 0x10, 0x66) is Fault.BUS_TIMEOUT


@pytest.mark.parametrize("fault", list(Fault))
def test_every_fault_can_refuse_with_what_why_and_do(fault: Fault) -> None:
    bus = Bus(Wire(), "i2c-1")
    error = bus.refusal("imu (LSM6DSOX)", 0x6A, fault)
    assert str(error).startswith("imu (LSM6DSOX) at 0x6a on i2c-1: ")
    assert str(error).endswith(str(HINTS[fault]))


def test_a_refusal_names_the_errno_it_saw() -> None:
    bus = Bus(Wire(6), "i2c-1")
    fault = bus.read(0x6A, 0x0F, 1)
    assert isinstance(fault, Fault)
    assert "imu at 0x6a on i2c-1: no reply (errno 6). Usually" in str(bus.refusal("imu", 0x6A, fault))


class FakeSmbus(Wire):
    opened: list["FakeSmbus"]

    def __init__(self, number: int) -> None:
        super().__init__()
        self.path = number
        self.fd = 7
        self.closed = False
        FakeSmbus.opened.append(self)

    def close(self) -> None:
        self.closed = True


def test_opening_sets_ten_milliseconds_and_no_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[int, int, int]] = []
    FakeSmbus.opened = []
    monkeypatch.setattr(smbus2, "SMBus", FakeSmbus)
    monkeypatch.setattr(sensors.i2c, "ioctl", lambda fd, request, value: calls.append((fd, request, value)))
    bus = open_bus(3)
    assert bus.name == "i2c-3"
    assert calls == [(7, I2C_TIMEOUT, 1), (7, I2C_RETRIES, 0)]
    assert (I2C_TIMEOUT, I2C_RETRIES) == (0x0702, 0x0701)
    assert FakeSmbus.opened[0].path == 3
    bus.close()
    assert FakeSmbus.opened[0].closed


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            FileNotFoundError(2, "no"),
            "/dev/i2c-3 does not exist. Usually I2C is not enabled: put dtparam",
        ),
        (PermissionError(13, "no"), "no permission to open /dev/i2c-3"),
        (OSError(25, "Inappropriate ioctl"), "/dev/i2c-3 cannot be opened (Inappropriate ioctl)"),
    ],
)
def test_a_bus_that_cannot_be_opened_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: OSError, words: str
) -> None:
    def refuse(number: int) -> None:
        raise error

    monkeypatch.setattr(smbus2, "SMBus", refuse)
    with pytest.raises(HardwareError) as caught:
        open_bus(3, tmp_path)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("known", "cure"),
    [
        ((), "put dtparam=i2c_arm=on into config.txt"),
        (("i2c-3",), "run `sudo modprobe i2c-dev`"),
        (("i2c-1", "i2c-20"), "This computer has i2c-1, i2c-20: set imu.bus and range.bus to one of these"),
    ],
)
def test_a_bus_without_a_file_is_never_given_a_cure_that_is_done_already(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, known: tuple[str, ...], cure: str
) -> None:
    def refuse(number: int) -> None:
        raise FileNotFoundError(2, "no")

    monkeypatch.setattr(smbus2, "SMBus", refuse)
    for name in known:
        (tmp_path / name).mkdir()
    with pytest.raises(HardwareError) as caught:
        open_bus(3, tmp_path)
    assert cure in str(caught.value)
    assert ("dtparam" in str(caught.value)) is not bool(known)


@pytest.mark.parametrize(
    ("members", "group_id", "cure"),
    [([], 7, "usermod -aG i2c"), (["walker"], 7, "log out and in again"), ([], 5, "log out and in again")],
)
def test_who_is_in_group_i2c_already_is_not_asked_to_join_it(
    monkeypatch: pytest.MonkeyPatch, members: list[str], group_id: int, cure: str
) -> None:
    def refuse(number: int) -> None:
        raise PermissionError(13, "no")

    monkeypatch.setattr(smbus2, "SMBus", refuse)
    monkeypatch.setattr(sensors.i2c, "getgrnam", lambda _: SimpleNamespace(gr_mem=members, gr_gid=group_id))
    monkeypatch.setattr(sensors.i2c, "getpwuid", lambda _: SimpleNamespace(pw_name="walker", pw_gid=5))
    with pytest.raises(HardwareError, match=cure):
        open_bus(3)


def test_without_a_group_i2c_the_cure_is_to_join_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(number: int) -> None:
        raise PermissionError(13, "no")

    def no_group(name: str) -> None:
        raise KeyError(name)

    monkeypatch.setattr(smbus2, "SMBus", refuse)
    monkeypatch.setattr(sensors.i2c, "getgrnam", no_group)
    with pytest.raises(HardwareError, match="usermod"):
        open_bus(3)


def test_a_kernel_that_refuses_the_timeout_is_refused_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(fd: int, request: int, value: int) -> None:
        raise OSError(25, "Inappropriate ioctl")

    FakeSmbus.opened = []
    monkeypatch.setattr(smbus2, "SMBus", FakeSmbus)
    monkeypatch.setattr(sensors.i2c, "ioctl", refuse)
    with pytest.raises(HardwareError, match="10 ms"):
        open_bus(3)
    assert FakeSmbus.opened[0].closed


def test_this_machine_without_an_adapter_gets_the_same_clear_error() -> None:
    with pytest.raises(HardwareError, match="i2c-99"):
        open_bus(99)
