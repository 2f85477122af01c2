"""Measured figures of this machine: step, tick, lateness, replay, memory, start."""
