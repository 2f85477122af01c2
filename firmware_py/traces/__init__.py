"""Frames to and from files, and recorded frames through the same core as live ones.

trace.py        what a trace is, and which file holds one
csv_trace.py    the form that people write
tables/         tables of other programs, and whether numbers can be what they are said to be
mcap_chunks.py, mcap_reader.py, mcap_writer.py
                the form that the courier records, and what other tools make of it; schemas.py has its topics
replay.py       frames -> monitor -> decisions, events and their hash
command.py      `rearguard replay` and `rearguard trace`
"""
