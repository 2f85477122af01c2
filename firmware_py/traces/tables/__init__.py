"""Tables that people and other programs write.

text.py       encoding, separator, quotes and decimal commas of a text
plausible.py  can the numbers be what their columns say?
presets.py    columns, units, axes and clocks of other programs
columns.py    the columns of such a table as numbers
foreign.py    such a recording becomes a trace
"""
