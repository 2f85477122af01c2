"""The product opened in the real programs that its users have.

cache.py       programs of other people, installed by name into a folder outside the repository
recordings.py  recordings of every origin
foxglove.py    the shipped layout over a recording, in Foxglove Studio
test_viewers.py, test_events.py
               the checks themselves, for `make proof`
"""
