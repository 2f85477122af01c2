"""Decides, and does nothing else.

Rule 1: everything that can start or stop the belt is decided in this folder.
Rule 2: nothing here can see a clock, a bus, a file or a network; time is in the frame.
Rule 3: every stateful class has slots and holds only numbers, strings, None, enums, lists, deques and other
        such objects, so that the whole state can be copied, saved and restored (core/state.py).
"""
