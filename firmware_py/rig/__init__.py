"""The rig: a walker, a treadmill and their sensors in closed loop, so that a stop really slows a belt.

Rule 1: nothing in the core imports this folder; the rig calls the core as the live loop does.
Rule 2: the rig may be harder than reality, never easier. A number without a published source is tagged [A], assumed.
"""
