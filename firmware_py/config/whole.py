"""The whole configuration: every section, checked together, and the values that programs derive from them.

People write degrees, millimetres, km/h and milliseconds; `Config.monitor_params` turns them into the SI values of the
core. A length or a speed that two programs need is derived here and nowhere else.
"""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Self

from pydantic import model_validator

from firmware_py.config import contradictions
from firmware_py.config.hardware import ImuConfig, LoopConfig, PanelConfig, RangeConfig, RelayConfig
from firmware_py.config.section import CORE, KM_H, Section
from firmware_py.config.services import AlertsConfig, CoachConfig, CourierConfig, MqttConfig, PageConfig
from firmware_py.config.treadmill import (
    REAR_LINE_MAX_PERCENT,
    BalanceConfig,
    BeltConfig,
    DeckConfig,
    DriftConfig,
)
from firmware_py.core.monitor import MonitorParams

LEVEL_ANSWER_NS = 50_000_000  # F14: a level drive has no pulse watchdog to wait for


class Config(Section):
    """Everything a person may set. The defaults are those of replay and evaluation."""

    deck: DeckConfig = DeckConfig()
    belt: BeltConfig = BeltConfig()
    imu: ImuConfig = ImuConfig()
    range: RangeConfig = RangeConfig()
    relay: RelayConfig = RelayConfig()
    panel: PanelConfig = PanelConfig()
    loop: LoopConfig = LoopConfig()
    balance: BalanceConfig = BalanceConfig()
    drift: DriftConfig = DriftConfig()
    courier: CourierConfig = CourierConfig()
    mqtt: MqttConfig = MqttConfig()
    page: PageConfig = PageConfig()
    alerts: AlertsConfig = AlertsConfig()
    coach: CoachConfig = CoachConfig()

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        wrong = [
            *contradictions.of_pins(self.relay, self.belt, self.panel),
            *contradictions.of_sensors(self.imu, self.range, self.belt, self.loop),
            *contradictions.of_lines(self.front_line_m, self.rear_line_m),
            *contradictions.of_warning(self.drift, self.front_line_m, self.rear_line_m),
            *contradictions.of_soft_stop(self.drift, self.panel),
            *contradictions.of_services(self.courier, self.mqtt, self.page),
            *contradictions.of_alerts(self.alerts, self.page),
        ]
        if wrong:
            raise ValueError("\n".join(wrong))
        return self

    @property
    def deck_length_m(self) -> float:
        return self.deck.length_mm / 1000

    @property
    def rear_line_m(self) -> float:
        return self.deck.length_mm * self.deck.rear_line_percent / 100_000

    @property
    def front_line_m(self) -> float:
        """The front line that the core enforces; whoever draws a front line uses this one.

        On a reverse belt the core's "front" is the rear edge, where the 70 % rule holds from the other side.
        """
        line_m = self.deck.front_line_mm / 1000
        if self.belt.direction == "normal":
            return line_m
        return max(line_m, (100 - REAR_LINE_MAX_PERCENT) / 100 * self.deck_length_m)

    @property
    def belt_ceiling_m_s(self) -> float:
        return self.belt.ceiling_km_h / KM_H

    def monitor_params(self) -> MonitorParams:
        """What the core must know, in SI units; figures that nobody may set are the core's own."""
        return replace(
            CORE,
            balance=replace(CORE.balance, stumbles=self.balance.stumbles),
            position=replace(
                CORE.position,
                mount=self.range.mount,
                direction=self.belt.direction,
                zero_m=self.range.zero_mm / 1000,
                half_body_m=self.range.half_body_mm / 1000,
                deck_length_m=self.deck_length_m,
            ),
            drift=replace(
                CORE.drift,
                deck_length_m=self.deck_length_m,
                rear_line_m=self.rear_line_m,
                front_line_m=self.front_line_m,
                coast_down_m_s2=self.belt.coast_down_m_s2,
                stop_latency_s=self.belt.stop_latency_ms / 1000,
                belt_ceiling_m_s=self.belt_ceiling_m_s,
                commissioned=self.belt.commissioned,
                warn_m=self.drift.warn_mm / 1000,
                soft_stop=self.drift.soft_stop,
                standstill=self.drift.standstill,
                over_safe_speed=self.belt.over_safe_speed,
            ),
            health=replace(CORE.health, relay_answer_ns=LEVEL_ANSWER_NS)
            if self.relay.drive == "level"
            else CORE.health,
        )

    @property
    def guard_lock(self) -> Path:
        """The lock file of whoever uses the bus and the pins: the guard, or a command in its place."""
        return Path(self.courier.socket).with_name("guard.lock")

    @property
    def hash(self) -> str:
        """Identifies the effective configuration in every trace and event: 12 hex digits of its SHA-256."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]
