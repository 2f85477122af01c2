"""Owns judging the same walker with many settings of the balance rule at once. Attitude, gait and health do not
depend on the setting and run once. Must never give a first stop that a monitor with that setting alone would not give.

No setting stops this belt, so what each would have done is known only up to its first stop.
"""

from dataclasses import dataclass

from firmware_py.core.body.attitude import Attitude
from firmware_py.core.body.fall import Balance, BalanceParams
from firmware_py.core.body.gait import Gait
from firmware_py.core.frame import Decision, Finding, Frame
from firmware_py.core.monitor import Monitor, MonitorParams
from firmware_py.evaluation.run.replay import Replayer, Stop


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of the balance rule, and what its scores are filed under."""

    label: str
    balance: BalanceParams
    peer_scale: float | None = None  # the peers are scored beside it, their thresholds scaled by so much


class ManySettings(Monitor):
    """The product, except that every setting judges balance and none stops the belt."""

    __slots__ = ()

    def __init__(self, params: MonitorParams, settings: tuple[Setting, ...], rate_hz: float) -> None:
        super().__init__(params, rate_hz)
        self.balance = _Balances(settings, rate_hz)

    def step(self, frame: Frame) -> Decision:
        assert isinstance(self.balance, _Balances)
        self.balance.now_ns = frame.t_ns
        return super().step(frame)


class _Balances(Balance):
    __slots__ = ("_all", "found", "now_ns")

    def __init__(self, settings: tuple[Setting, ...], rate_hz: float) -> None:
        self._all = [Balance(setting.balance, rate_hz) for setting in settings]
        self.found: list[tuple[int, Finding] | None] = [None] * len(settings)  # the first of each, and when
        self.now_ns = 0
        super().__init__(settings[0].balance, rate_hz)

    def relearn(self) -> None:
        super().relearn()
        for balance in self._all:
            balance.relearn()

    def update(self, attitude: Attitude, gait: Gait, belt_m_s: float | None, dt_s: float) -> Finding | None:
        for number, balance in enumerate(self._all):
            if self.found[number] is None:
                finding = balance.update(attitude, gait, belt_m_s, dt_s)
                if finding is not None:
                    self.found[number] = self.now_ns, finding
        self.watching = any(balance.watching for balance in self._all)
        return None


def first_stops(replayer: Replayer) -> list[Stop | None]:
    """The first stop of each setting: its own or the monitor's, whichever is sooner; of both at once its own."""
    assert isinstance(replayer.monitor, ManySettings)
    balances = replayer.monitor.balance
    assert isinstance(balances, _Balances)
    shared = replayer.stops[0] if replayer.stops else None
    stops: list[Stop | None] = []
    for found in balances.found:
        stop = shared
        if found is not None:
            at = replayer.index_at(found[0])
            if shared is None or at <= shared.at:
                stop = Stop(at, *found[1][1:])
        stops.append(stop)
    return stops
