"""Owns what each activity of each data set counts as: the one table. Must never judge a detector.

The belt runs, and a person walks backward on it. So a stop of whoever walks, starts, slows or stops in step is false. A
stop of whoever leaves walking (sits, crouches, bends to the floor, lies, jumps, jogs, turns round, steps off) is right:
it has a line of its own and no bound. A stumble with recovery and a fall have theirs.
"""

from firmware_py.evaluation.datasets.trials import Kind

ANY = "*"
# Codes as the file names have them. What is not listed leaves walking.
CLASSES: dict[str, dict[Kind, str]] = {
    "sisfall": {
        Kind.WALK: "D01 D02",
        Kind.LEAVES_WALKING: "D03 D04 D05 D06 D07 D08 D09 D10 D11 D12 D13 D14 D15 D16 D17 D19",
        Kind.STUMBLE: "D18",
        Kind.FALL_WALKING: "F01 F02 F03 F04 F06",
        Kind.FALL_JOGGING: "F05",
        Kind.FALL_OTHER: "F07 F08 F09 F10 F11 F12 F13 F14 F15",
    },
    "fallalld": {
        Kind.WALK: "19 20 21 22",
        Kind.LEAVES_WALKING: "13 14 15 16 17 18 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44",
        Kind.STUMBLE: "23",
        Kind.FALL_WALKING: "101 102 103 104 105 106 107 108 109 110 111 112",
        Kind.FALL_JOGGING: "121 122 123 124 125 126",
        Kind.FALL_OTHER: "113 114 115 116 117 118 119 120 127 128 129 130 131 132 133 134 135",
    },
    "kfall": {
        Kind.WALK: "6 7",
        Kind.LEAVES_WALKING: "1 2 3 4 5 8 9 11 12 13 14 15 16 17 18 19",
        Kind.STUMBLE: "10",
        Kind.FALL_WALKING: "28 29 30 32 33 34",
        Kind.FALL_JOGGING: "31",
        Kind.FALL_OTHER: "20 21 22 23 24 25 26 27",
    },
    "ipol": {Kind.WALK: ANY},
    "movingreality": {Kind.WALK: ANY},
}
BACKWARD_FALLS = {
    "sisfall": "F02",
    "fallalld": "107 108 109 110",
    "kfall": "34",
}  # backward slips out of a walk

_KINDS = {
    (name, code): kind
    for name, rows in CLASSES.items()
    for kind, codes in rows.items()
    for code in codes.split()
}


def kind_of(dataset: str, code: str) -> Kind:
    """What this activity of this set counts as."""
    return _KINDS.get((dataset, code)) or _KINDS.get((dataset, ANY), Kind.LEAVES_WALKING)


def falls_backward(dataset: str, code: str) -> bool:
    """Whether this activity is a fall backward out of walking, the one that this product exists for."""
    return code in BACKWARD_FALLS.get(dataset, "").split()
