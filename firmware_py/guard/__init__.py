"""Process 1: reads the sensors, drives the relay, the panel and the link to the courier. Decides nothing itself."""

from sensors.advice import HardwareError

EdgeError = HardwareError  # the old name, until every caller has the new one
