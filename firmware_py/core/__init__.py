"""Decides, and does nothing else.

Rule 1: everything that can start or stop the belt is decided in this folder.
Rule 2: nothing here can see a clock, a bus, a file or a network; time is in the frame.
Rule 3: every stateful class is a `@dataclass(slots=True)`. Its fields are its whole state, each declared once with
        its type: a number, text, enum, None, a tuple, list or deque of those, or another such class. So the state
        can be compared, copied, saved and restored (state.py). Parameters are frozen dataclasses and not saved.
"""
