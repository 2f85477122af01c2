"""Touches the world, and decides nothing: relay, panel, operating system, and the link to the courier."""

from sensors.advice import HardwareError

EdgeError = HardwareError  # the old name, until every caller has the new one
