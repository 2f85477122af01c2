"""The stop that proves itself: contacts, one-shots and welds on mock pins, in a time that only the test moves."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from gpiozero.pins.mock import MockFactory

from firmware_py.config import Config, parse
from firmware_py.device import selftest
from firmware_py.device.selftest import Round, judge, measure, remember
from sensors.advice import Failure

MS = 1_000_000


@dataclass
class Board:
    """The safety board: held by edges (or by the level), contacts that move late, and what may be wrong with it."""

    pins: MockFactory
    hold_ms: float = 39.0
    release_ms: float = 8.0
    pull_ms: float = 15.0
    level: bool = False
    welded: bool = False
    no_supply: bool = False
    t_ns: int = 0
    was: bool = False
    last_edge_ns: int = -(10**12)
    coil: bool = False
    coil_ns: int = -(10**12)

    def __post_init__(self) -> None:
        self.update()

    def clock(self) -> int:
        return self.t_ns

    def sleep(self, seconds: float) -> None:
        for _ in range(max(1, round(seconds * 1e9 / 50_000))):
            self.t_ns += 50_000
            self.update()

    def update(self) -> None:
        high = bool(self.pins.pin("GPIO17").state)
        if high != self.was:
            self.was, self.last_edge_ns = high, self.t_ns
        held = high if self.level else self.t_ns - self.last_edge_ns < self.hold_ms * MS
        coil = held and not self.no_supply
        if coil != self.coil:
            self.coil, self.coil_ns = coil, self.t_ns
        delay_ms = self.pull_ms if coil else self.release_ms
        if self.t_ns - self.coil_ns >= delay_ms * MS:
            pin = self.pins.pin("GPIO22")
            if self.welded or self.coil:
                pin.drive_high()
            else:
                pin.drive_low()


def run(board: Board, rounds: int = 2, config: Config | None = None) -> list[Round]:
    return measure(config or Config(), rounds, board.clock, board.sleep)


def test_good_contacts_pull_and_drop_within_their_limits(pins: MockFactory) -> None:
    done = run(Board(pins))
    assert judge(done) == []
    for pull_ms, drop_ms in done:
        assert pull_ms == pytest.approx(15, abs=1)
        assert drop_ms == pytest.approx(47, abs=1)


def test_a_level_drive_is_measured_without_the_one_shots(pins: MockFactory) -> None:
    done = run(Board(pins, level=True), config=parse({"relay": {"drive": "level"}}))
    assert judge(done) == []
    assert all(r.drop_ms is not None and r.drop_ms < 15 for r in done)


@pytest.mark.parametrize(("release_ms", "fails"), [(20.0, False), (22.5, True)])
def test_a_contact_slower_than_60_ms_fails(pins: MockFactory, release_ms: float, fails: bool) -> None:
    wrong = judge(run(Board(pins, release_ms=release_ms)))
    assert bool(wrong) is fails
    assert all("the limit is 60" in advice.what for advice in wrong)


def test_a_welded_contact_is_refused_before_anything_is_pulled(pins: MockFactory) -> None:
    board = Board(pins, welded=True)
    with pytest.raises(Failure, match="welded"):
        run(board)
    assert all(not state.state for state in pins.pin("GPIO17").states)


def test_a_contact_that_welds_during_the_test_ends_it_and_is_not_pulled_again(pins: MockFactory) -> None:
    board = Board(pins, hold_ms=10_000.0)
    done = run(board, rounds=5)
    assert len(done) == 1
    assert "did not drop" in judge(done)[0].what
    assert not pins.pin("GPIO17").state


def test_a_relay_without_supply_never_pulls_and_is_reported_once(pins: MockFactory) -> None:
    wrong = judge(run(Board(pins, no_supply=True), rounds=3))
    assert [advice.what for advice in wrong] == ["never pulled, the limit is 100 ms"]


def test_without_read_back_nothing_is_measured(pins: MockFactory) -> None:
    with pytest.raises(Failure, match="no read-back"):
        run(Board(pins), config=parse({"relay": {"readback": "none"}}))


def test_the_pin_is_low_after_every_outcome(pins: MockFactory) -> None:
    for board in (Board(pins), Board(pins, no_supply=True)):
        run(board, rounds=1)
        assert not pins.pin("GPIO17").state


def test_the_trend_is_against_the_runs_before(tmp_path: Path) -> None:
    path = tmp_path / "state" / "selftest.jsonl"
    assert remember(path, [Round(15.0, 45.0)]) is None
    assert remember(path, [Round(15.0, 46.0)]) == 1.0
    assert remember(path, [Round(15.0, 52.0)]) == 6.0
    assert [json.loads(line)["drop_ms"] for line in path.read_text().splitlines()] == [45.0, 46.0, 52.0]


def test_the_trend_keeps_a_hundred_runs_and_survives_a_broken_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "selftest.jsonl"
    for _ in range(selftest.KEPT + 10):
        remember(path, [Round(15.0, 45.0)])
    assert len(path.read_text().splitlines()) == selftest.KEPT + 1
    path.write_text("not json\n")
    assert remember(path, [Round(15.0, 45.0)]) is None
    assert "cannot be kept" in capsys.readouterr().err


def test_a_run_in_which_nothing_dropped_is_no_trend(tmp_path: Path) -> None:
    assert remember(tmp_path / "x", [Round(None, None)]) is None
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("kind", ["fifo", "link"])
def test_a_planted_trend_neither_holds_up_root_nor_leads_it_elsewhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    path, secret = tmp_path / "selftest.jsonl", tmp_path / "secret"
    secret.write_text('{"drop_ms": 1.0}\n')
    os.mkfifo(path) if kind == "fifo" else path.symlink_to(secret)
    assert remember(path, [Round(15.0, 45.0)]) is None
    assert "cannot be kept" in capsys.readouterr().err
    assert secret.read_text() == '{"drop_ms": 1.0}\n'
