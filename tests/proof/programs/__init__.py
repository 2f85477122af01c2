"""The product opened in the real programs that its users have.

cache.py       programs of other people, installed by name into a folder outside the repository
recordings.py  recordings of every origin
foxglove.py    the shipped layout over a recording, in Foxglove Studio
home_assistant.py, ha_probe.py
               the real Home Assistant beside a real broker and courier; what runs inside it
test_viewers.py, test_events.py, test_live_events.py, test_home_assistant.py, test_lighthouse.py
               the checks themselves, for `make proof`
"""
