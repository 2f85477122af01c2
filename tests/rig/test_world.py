"""The world around the guard: what the contacts do with the pin's edges, what the finger does with the lamp."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from gpiozero import InputDevice, OutputDevice

from firmware_py.config import Config, parse
from firmware_py.rig.harness.pins import DRIVEN, WIRED, SocketWires, wired
from firmware_py.rig.harness.world import World
from firmware_py.rig.world.switchgear import CONTACT_NS, LOOK_NS, PRESS_NS, WATCHDOG_NS, Contactors, Person
from sensors.emulated import EmulatedBus, EmulatedVl53l1x
from sensors.samples import Fault

MS = 1_000_000
TICK = 5 * MS
START = 1_000_000_000


def pulses(contactors: Contactors, first_ns: int, count: int) -> int:
    """Edges at every tick; returns the time of the last one."""
    for i in range(count):
        contactors.drive(first_ns + i * TICK, i % 2 == 0)
        contactors.update(first_ns + i * TICK)
    return first_ns + (count - 1) * TICK


def test_contacts_pull_in_a_while_after_the_second_edge_and_not_after_one() -> None:
    one = Contactors(pulse=True)
    one.drive(START, True)
    assert not any(one.update(START + t * MS) for t in range(100))
    two = Contactors(pulse=True)
    second_ns = pulses(two, START, 2)
    assert not two.update(second_ns + CONTACT_NS - 1)
    assert two.update(second_ns + CONTACT_NS)


def test_contacts_drop_50_ms_after_the_last_edge_and_then_take_their_time() -> None:
    contactors = Contactors(pulse=True)
    last_ns = pulses(contactors, START, 20)
    assert contactors.update(last_ns + WATCHDOG_NS - 1)
    assert contactors.update(last_ns + WATCHDOG_NS)
    assert contactors.update(last_ns + WATCHDOG_NS + CONTACT_NS - 1)
    assert not contactors.update(last_ns + WATCHDOG_NS + CONTACT_NS)


@pytest.mark.parametrize("stuck", [True, False])
def test_a_pin_that_hangs_at_either_level_drops_the_contacts(stuck: bool) -> None:
    contactors = Contactors(pulse=True)
    last_ns = pulses(contactors, START, 20 + stuck)
    for t in range(1, 70):
        contactors.update(last_ns + t * MS)
    assert not contactors.pulled


def test_with_a_level_drive_the_contacts_follow_the_level() -> None:
    contactors = Contactors(pulse=False)
    contactors.drive(START, True)
    assert not contactors.update(START)
    assert contactors.update(START + CONTACT_NS)
    contactors.drive(START + 2 * CONTACT_NS, False)
    contactors.update(START + 2 * CONTACT_NS)
    assert not contactors.update(START + 3 * CONTACT_NS)


def test_the_finger_waits_for_the_lamp_presses_and_lets_go() -> None:
    person = Person()
    assert not any(person.presses(t * MS, lamp=False, pulled=False) for t in range(5000))
    track = [person.presses(START + t * MS, lamp=True, pulled=False) for t in range(1500)]
    assert track.index(True) == LOOK_NS // MS
    assert sum(track) == PRESS_NS // MS


def test_a_press_without_effect_is_tried_again_and_one_with_effect_never() -> None:
    person = Person()
    track = [person.presses(START + t * MS, lamp=True, pulled=False) for t in range(4500)]
    assert sum(now and not before for before, now in zip([False, *track], track, strict=False)) == 2
    person.presses(START, lamp=True, pulled=True)
    assert not any(person.presses(START + t * MS, lamp=True, pulled=False) for t in range(5000))


def world(scenario: str = "walk", **sections: dict[str, object]) -> World:
    return World(parse(sections), scenario, 1, 0.5)  # type: ignore[arg-type]


def drive(it: World, from_ns: int, ticks: int) -> int:
    """A guard that ticks and shows a lamp, and nothing else."""
    it.drive(27, True, from_ns)
    for i in range(ticks):
        it.drive(17, i % 2 == 0, from_ns + i * TICK)
        it.advance(from_ns + i * TICK)
    return from_ns + ticks * TICK


def test_the_belt_runs_while_the_pin_pulses_and_comes_to_rest_when_it_does_not() -> None:
    it = world()
    t_ns = drive(it, START, 1000)
    report = it.report(t_ns)
    assert report["pulled"] is True
    assert it.state.belt_speed_m_s == pytest.approx(0.45, abs=0.01)
    for i in range(400):
        it.advance(t_ns + i * TICK)
    assert it.report(t_ns)["pulled"] is False
    assert it.state.belt_speed_m_s == 0.0


def test_the_wires_say_what_the_contacts_and_the_finger_do() -> None:
    it = world()
    assert it.levels == {22: False, 23: True, 24: False, 16: False}
    it.drive(27, True, START)
    for t in range(0, 800, 5):
        it.advance(START + t * MS)
    assert it.levels[23] is False, "pressed"
    drive(it, START + 800 * MS, 10)
    assert it.levels[22] is True


def test_a_pulled_plug_leaves_nobody_at_the_pods_address() -> None:
    it = world("unplug")
    it.bus.transfer(((0x6A, b"\x0f", 0), (0x6A, b"", 1)))
    drive(it, START, 2000)
    assert it.report(0)["hazard_t_s"] is not None
    with pytest.raises(OSError, match="Remote I/O"):
        it.bus.transfer(((0x6A, b"\x0f", 0), (0x6A, b"", 1)))


@pytest.mark.parametrize(
    ("fault", "status"), [(None, 9), (Fault.NO_TARGET, 5), (Fault.WEAK_SIGNAL, 4), (Fault.NOT_READY, 4)]
)
def test_the_range_sensor_says_why_it_sees_nothing(fault: Fault | None, status: int) -> None:
    it = world()
    it._feel(it.state._replace(range_fault=fault, distance_m=0.7))
    assert isinstance(it._range, EmulatedVl53l1x)
    assert it._range._status == status


@pytest.mark.parametrize(
    ("fault", "distance_m", "amplitude"),
    [(None, 0.7, 1000), (Fault.NO_TARGET, 0.0, 1000), (Fault.WEAK_SIGNAL, 0.7, 50)],
)
def test_the_other_range_sensor_does_too(fault: Fault | None, distance_m: float, amplitude: int) -> None:
    it = world(range={"sensor": "tf_luna", "address": 0x10}, imu={"sensor": "mpu6050", "address": 0x68})
    it._feel(it.state._replace(range_fault=fault, distance_m=0.7))
    assert (it._range._distance_m, it._range._amplitude) == (distance_m, amplitude)


def test_the_chip_feels_in_its_own_axes_what_the_mounting_turns_back() -> None:
    turned = ((0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (1.0, 0.0, 0.0))
    it = world(imu={"mounting": turned})
    body = (1.0, 2.0, 3.0)
    chip = it._to_chip(body)
    assert tuple(sum(a * b for a, b in zip(row, chip, strict=True)) for row in turned) == body


@pytest.mark.parametrize("mount", ["front", "rear"])
def test_the_sensor_measures_from_where_it_sits_to_the_back(mount: str) -> None:
    it = world(range={"mount": mount, "zero_mm": 100, "half_body_mm": 30})
    it._feel(it.state._replace(range_fault=None, distance_m=0.7))
    assert it._range._distance_m == pytest.approx(0.77)


def test_a_bus_can_be_handed_in() -> None:
    bus = EmulatedBus()
    assert World(Config(), "walk", 1, 1.0, bus).bus is bus


@pytest.fixture
def wires(tmp_path: Path) -> Iterator[tuple[Path, list[socket.socket]]]:
    """The world's end of the pins: the first guest hears levels at once."""
    path = tmp_path / "pins.sock"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(str(path))
    listener.listen(1)
    ends: list[socket.socket] = []

    def greet() -> None:
        guest, _ = listener.accept()
        guest.send(WIRED.pack(24, 0) + WIRED.pack(23, 1))
        ends.append(guest)

    thread = threading.Thread(target=greet)
    thread.start()
    wires = SocketWires(path)
    thread.join()
    with wired(wires):
        yield path, ends
    wires.close()
    for end in (*ends, listener):
        end.close()


def test_pins_of_the_world_tell_what_they_drive_and_read_what_it_wires(
    wires: tuple[Path, list[socket.socket]],
) -> None:
    _, (world_end,) = wires
    relay, stop, other = OutputDevice(17), InputDevice(24, pull_up=True), InputDevice(22, pull_up=True)
    assert stop.is_active, "wired to ground from the start"
    assert not other.is_active, "not wired: the pull-up holds it high"
    relay.on()
    relay.on()
    relay.off()
    told = [DRIVEN.unpack(world_end.recv(100))[:2] for _ in range(2)]
    assert told == [(17, 1), (17, 0)], "edges, not calls"
    world_end.send(WIRED.pack(24, 1))
    assert not stop.is_active
    for device in (relay, stop, other):
        device.close()


def test_a_world_that_goes_is_an_error_for_the_guard(wires: tuple[Path, list[socket.socket]]) -> None:
    _, (world_end,) = wires
    stop = InputDevice(24, pull_up=True)
    world_end.close()
    with pytest.raises(ConnectionError, match="has gone"):
        _ = stop.is_active
    stop.close()


def test_no_world_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        SocketWires(tmp_path / "nobody.sock")
