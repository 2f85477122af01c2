"""Touches the world, and decides nothing: relay, panel, operating system, and the link to the courier."""


class EdgeError(Exception):
    """The guard cannot start on this computer. The message says what, probably why, and what to do."""
