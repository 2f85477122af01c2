"""Draws the pictures of hardware.md beside this file. Run: python docs/hardware/draw.py

Pins come from the default config, so that a picture and the wiring table cannot differ.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent)]

from ink import INK, PAPER, POWER, SAFE, SIGNAL, SOFT, WARM, Drawing  # noqa: E402

from firmware_py.config import Config  # noqa: E402

CONFIG = Config()
RELAY, READBACK = CONFIG.relay.pin, CONFIG.relay.readback_pin


def blocks() -> Drawing:
    d = Drawing(
        1180,
        640,
        "Rearguard, the whole device",
        "Red: the chain that lets the belt move. Whatever breaks, it opens.",
    )
    d.box(40, 110, 210, 250, "Hip pod", "on the walker's back belt", fill=WARM)
    d.box(60, 180, 170, 62, "IMU", "LSM6DSOX, 3V3 LDO")
    d.box(60, 258, 170, 62, "Stop button", "NC, to ground")
    d.text(145, 345, "PCA9615 differential driver", 11.5, SOFT, "middle")
    d.wire((250, 235), (350, 235), color=SIGNAL, width=3)
    d.box(285, 212, 34, 46, color=SIGNAL)
    d.text(302, 195, "breakaway", 12, SIGNAL, "middle", 700)
    d.text(302, 280, "2-3 m\nfour pairs", 12, SOFT, "middle")

    d.box(350, 110, 400, 460, "Console box", "", fill=WARM)
    d.box(370, 150, 170, 60, "PCA9615", "back to plain I2C")
    d.box(560, 150, 170, 60, "Range sensor", "on a bracket, 4 wires", dash="6 5")
    d.box(370, 250, 360, 150, "Raspberry Pi", "")
    d.box(388, 288, 160, 94, "guard", "reads, decides,\ndrives one pin;\nno network, no disk", color=SAFE)
    d.box(566, 288, 146, 94, "courier", "records, shows;\nmay ask for a\nstop, never a start", color=SIGNAL)
    d.wire((455, 210), (455, 250), color=SIGNAL, arrow=True)
    d.text(463, 235, "I2C", 11.5, SOFT)
    d.wire((645, 210), (645, 250), color=SIGNAL, arrow=True)
    d.wire((548, 335), (566, 335), color=SOFT, arrow=True)
    d.box(
        370,
        440,
        360,
        90,
        "Safety board",
        "two one-shots, two force-guided relays,\nread-back of both: no pulses, no run",
        color=SAFE,
    )
    d.wire((440, 382), (440, 440), color=SAFE, width=2.6, arrow=True)
    d.text(448, 424, f"GPIO {RELAY}: pulses", 12, SAFE)
    d.wire((690, 440), (690, 400), color=SAFE, arrow=True)
    d.text(682, 424, f"GPIO {READBACK}: read-back", 12, SAFE, "end")

    d.box(40, 430, 210, 90, "Panel", "arming button, buzzer, lamp\nat the console, local only")
    d.wire((250, 490), (320, 490), (320, 360), (370, 360), color=INK, arrow=True)

    d.box(
        850,
        110,
        290,
        90,
        "Home network",
        "page, MQTT, Home Assistant\nreads; may ask for a stop",
        color=SIGNAL,
        dash="6 5",
    )
    d.wire((712, 310), (800, 310), (800, 165), (850, 165), color=SIGNAL, arrow=True, dash="6 5")

    d.box(850, 280, 290, 290, "Treadmill", "", fill=WARM)
    d.box(872, 318, 246, 66, "Its own key and cord", "stays in place, stays in use", color=SAFE)
    d.box(872, 404, 246, 66, "Key circuit", "low voltage, in series", color=SAFE)
    d.box(872, 490, 246, 60, "Controller and motor", "mains: never touched")
    d.wire((730, 485), (800, 485), (800, 437), (872, 437), color=SAFE, width=3)
    d.text(756, 510, "two wires", 12, SAFE)
    d.wire((995, 384), (995, 404), color=SAFE, width=3)
    d.wire((995, 470), (995, 490), color=SAFE, width=3, arrow=True)
    d.text(
        40,
        612,
        "Power lost, cable pulled, program dead, kernel hung, wire broken: the contacts open by their springs.",
        14,
        INK,
        weight=700,
    )
    return d


def channel(d: Drawing, y: float, number: int, edge: str, trigger: str) -> None:
    """One of the two pulse watchdogs with its relay, on the line y."""
    d.box(
        300,
        y - 46,
        180,
        112,
        f"U{number}  74HC4538",
        f"{edge} edges: {trigger}\nR 56 k, C 1 µF film\nreset: 100 k to 3V3,\n1 µF to GND",
        color=SIGNAL,
    )
    d.text(392, y + 84, "high for 39 ms after the last edge", 11.5, SOFT, "middle")
    d.wire((480, y), (500, y))
    d.resistor(500, y, "560 R")
    d.wire((560, y), (576, y))
    d.box(576, y - 34, 90, 74, f"OK{number}", "PC817")
    d.ground(594, y + 40, "GND")
    d.rail(650, y - 34, "12 V")
    d.wire((666, y), (756, y))
    d.dot(696, y)
    d.resistor(696, y, "10 k", upright=True)
    d.ground(696, y + 60, "0 V")
    d.ring(780, y + 6, 24)
    d.text(780, y + 11, f"Q{number}", 13, anchor="middle", weight=700)
    d.text(812, y + 24, "2N7000", 11.5, SOFT)
    d.wire((780, y + 30), (780, y + 60))
    d.ground(780, y + 60, "0 V")
    d.wire((780, y - 18), (780, y - 24), (860, y - 24), (860, y - 34))
    d.coil(860, y - 78, f"K{number}")
    d.rail(860, y - 92, "12 V")
    d.wire((860, y - 92), (860, y - 78))
    d.dot(860, y - 88)
    d.dot(860, y - 28)
    d.wire((860, y - 88), (950, y - 88), (950, y - 82))
    d.diode(950, y - 82, "24 V zener", up=False, zener=True)
    d.diode(950, y - 56, "1N4148", up=True)
    d.wire((950, y - 34), (950, y - 28), (860, y - 28))


def relay_chain() -> Drawing:
    d = Drawing(1400, 850, "Relay chain: no pulses, no run",
                "Two one-shots, one for each direction of the edge, each with a force-guided relay (Omron G7SA-2A2B, 12 V). Drawn dropped.")  # fmt: skip
    d.wire((621, 110), (621, 520), color=SOFT, dash="3 6")
    d.wire((621, 590), (621, 790), color=SOFT, dash="3 6")
    d.text(609, 516, "3.3 V side, from the Pi", 12, SOFT, "end")
    d.text(633, 516, "12 V side, isolated, a supply of its own", 12, SOFT)
    d.box(40, 230, 130, 190, "Raspberry Pi", "", fill=WARM)
    d.text(105, 300, f"GPIO {RELAY}", 13, SAFE, "middle", 700)
    d.text(105, 320, "toggles once a\nhealthy tick", 11.5, SOFT, "middle")
    d.wire((170, 296), (180, 296))
    d.resistor(180, 296, "1 k")
    d.wire((240, 296), (272, 296))
    d.dot(252, 296)
    d.wire((252, 296), (252, 420))
    d.resistor(252, 420, "", upright=True)
    d.text(238, 448, "2 × 10 k", 12, anchor="end")
    d.text(238, 464, "one at each chip", 11.5, SOFT, "end")
    d.ground(252, 480, "GND")
    d.wire((272, 296), (272, 200), (300, 200), arrow=True, color=SIGNAL)
    d.wire((272, 296), (272, 400), (300, 400), arrow=True, color=SIGNAL)
    d.dot(272, 296)
    channel(d, 200, 1, "rising", "A in, B 3V3")
    channel(d, 400, 2, "falling", "B in, A GND")

    d.box(1150, 150, 210, 330, "Treadmill console", "", fill=WARM)
    d.text(1255, 196, "key circuit, low voltage", 12, SOFT, "middle")
    d.wire((1110, 260), (1190, 260), color=SAFE, width=2.4)
    d.contact(1190, 260, "own key", closed=True)
    d.wire((1250, 260), (1330, 260), (1330, 400), (1310, 400), color=SAFE, width=2.4)
    d.text(1255, 405, "controller", 13, anchor="middle", weight=700)
    d.wire((1205, 400), (1110, 400), color=SAFE, width=2.4)
    d.text(1255, 440, "K1 and K2 are cut into\none of the two key wires", 11.5, SOFT, "middle")
    for y, name in ((260, "K1 33-34"), (330, "K2 33-34")):  # two NO contacts, one below the other
        d.wire((1110, y), (1110, y + 16), color=SAFE, width=2.4)
        d.wire((1110, y + 50), (1094, y + 16), color=SAFE, width=2.4)
        d.wire((1110, y + 50), (1110, y + 70), color=SAFE, width=2.4)
        d.text(1084, y + 38, name, 12.5, SAFE, "end", 700)

    d.text(40, 580, "Read-back: both relays have really dropped", 16, INK, weight=700)
    d.box(40, 626, 130, 110, "Raspberry Pi", "", fill=WARM)
    d.text(105, 682, f"GPIO {READBACK}", 13, SAFE, "middle", 700)
    d.text(105, 704, "low = dropped", 11.5, SOFT, "middle")
    d.wire((170, 678), (576, 678), color=SIGNAL)
    d.dot(300, 678)
    d.resistor(300, 618, "10 k", upright=True)
    d.rail(300, 618, "3V3")
    d.box(576, 626, 90, 74, "OK3", "PC817")
    d.ground(594, 700, "GND")
    d.wire((666, 650), (690, 650))
    d.resistor(690, 650, "2k2")
    d.wire((750, 650), (780, 650), (780, 634))
    d.rail(780, 634, "12 V")
    d.wire((666, 686), (800, 686), color=SAFE, width=2.4)
    d.contact(800, 686, "K1 11-12", closed=True)
    d.wire((860, 686), (880, 686), color=SAFE, width=2.4)
    d.contact(880, 686, "K2 11-12", closed=True)
    d.wire((940, 686), (968, 686), (968, 700), color=SAFE, width=2.4)
    d.ground(968, 700, "0 V")
    d.text(690, 752, "5 mA wets the contacts: they want 1 mA at 5 V", 11.5, SOFT)
    d.box(1030, 570, 330, 170, "Two grounds", "")
    d.text(
        1050,
        620,
        "GND: the Pi's\n0 V: of the 12 V supply\nThey never meet.\n12 V: behind a 250 mA polyfuse\nPin by pin: electronics.md",
        13.5,
        SOFT,
    )
    d.text(
        40,
        820,
        'OK3\'s transistor pulls the GPIO low while both NC contacts are closed. A broken wire reads "not dropped": locked out, never started.',
        13,
        INK,
        weight=700,
    )
    return d


def hip_pod() -> Drawing:
    d = Drawing(
        1180, 560, "Hip pod and its cable", "Pulling the cable is a stop: the lanyard, made electric."
    )
    d.box(40, 110, 300, 250, "Pod, 60 × 40 × 20 mm", "", fill=WARM)
    d.box(70, 160, 240, 66, "LSM6DSOX", "0x6A, I2C, 4k7 pull-ups to 3V3")
    d.box(70, 256, 110, 76, "MCP1700", "3V3 LDO\n1 µF in, out")
    d.box(200, 256, 110, 76, "PCA9615", "A: 3V3, chip\nB: 5 V, pairs")
    d.wire((255, 226), (255, 256), color=SIGNAL)
    d.wire((125, 256), (125, 226), color=POWER)
    d.wire((180, 276), (200, 276), color=POWER)
    d.box(40, 372, 300, 66, "Stop button", "NC mushroom in a box of its own, in reach")
    d.text(
        590,
        94,
        "Both ends of each pair: 600 R from + to 5 V, 120 R across, 600 R from − to GND, or an idle pair means nothing",
        12,
        SOFT,
        "middle",
    )
    names = (
        ("D+ / D−", "SDA pair", SIGNAL, 190),
        ("C+ / C−", "SCL pair", SIGNAL, 250),
        ("5 V / GND", "supply pair", POWER, 310),
        ("stop / GND", "stop pair", SAFE, 400),
    )
    for left, note, color, y in names:
        for dy in (0, 7):
            d.wire((340, y + dy), (560, y + dy), color=color)
            d.wire((620, y + dy), (840, y + dy), color=color)
        d.text(352, y - 8, left, 12, color, weight=700)
        d.text(830, y - 8, note, 12, color, "end", 700)
    d.wire((310, 294), (330, 294), (330, 194), (340, 194), color=SIGNAL)
    d.wire((330, 254), (340, 254), color=SIGNAL)
    d.wire((340, 314), (310, 314), color=POWER)
    d.wire((326, 314), (326, 348), (125, 348), (125, 332), color=POWER)
    d.dot(326, 314, POWER)
    d.box(560, 150, 60, 300, color=INK)
    d.text(590, 470, "magnetic connector\n8 pogo pins, 10-20 N\nat the console end", 12, INK, "middle", 700)
    d.text(
        450,
        334,
        "screened Cat 5e, stranded, 2-3 m,\naway from the motor leads; screen:\nGND in the plug, open at the pod",
        11.5,
        SOFT,
        "middle",
    )
    d.box(840, 110, 300, 360, "Console box", "", fill=WARM)
    d.box(870, 160, 120, 110, "PCA9615", "A, EN: 3V3\nB: 5 V, pairs")
    d.wire((840, 194), (870, 194), color=SIGNAL)
    d.wire((840, 254), (870, 254), color=SIGNAL)
    d.wire((990, 215), (1020, 215), color=SIGNAL, arrow=True)
    d.box(1020, 160, 100, 110, "Pi", "GPIO 2 SDA\nGPIO 3 SCL")
    d.box(870, 300, 250, 54, "5 V, fused 250 mA", "", color=POWER)
    d.wire((840, 314), (870, 314), color=POWER)
    d.box(
        870,
        372,
        250,
        80,
        f"GPIO {CONFIG.panel.stop_pin}, 10 k to 3V3",
        "1 k in series, 100 nF to GND\nhigh = pressed, or wire broken",
        color=SAFE,
    )
    d.wire((840, 404), (870, 404), color=SAFE)
    d.text(
        40,
        530,
        "Pulled connector: the IMU is silent (off within 60 ms) and the stop pair is open (decided in the same tick).",
        14,
        INK,
        weight=700,
    )
    return d


def deck() -> Drawing:
    d = Drawing(
        1180,
        660,
        "Where everything goes",
        "Side view. The walker's back is to the console; the default 1.40 m deck, lengths to scale.",
    )
    left, scale, floor = 260.0, 560.0, 500.0  # pixels: front edge, per metre, top of the belt
    length_m = CONFIG.deck.length_mm / 1000
    rear_m, front_m = CONFIG.rear_line_m, CONFIG.front_line_m
    right = left + scale * length_m
    d.box(left - 150, floor - 6, right - left + 190, 46, fill="#dee2e6")
    d.path(f"M{left} {floor - 6} H{right}", INK, width=5)
    d.ring(left, floor + 12, 15)
    d.ring(right, floor + 12, 15)
    d.path(f"M{left - 76} {floor - 6} L{left - 56} 190 h28 L{left - 32} {floor - 6} z", INK, WARM)
    d.box(left - 132, 130, 156, 74, "Console box", "arming button, lamp,\nbuzzer", color=INK)
    d.box(left - 44, 290, 52, 36, color=SIGNAL)
    d.text(left - 84, 305, "range sensor", 12, SIGNAL, "end", 700)
    d.text(left - 84, 323, "pelvis height, level,\nat the front edge", 11.5, SOFT, "end")
    at = left + scale * 0.50
    d.path(f"M{left + 8} 308 L{at - 24} 285 L{at - 24} 331 z", SIGNAL, "#e3f4f6", 1)
    # the walker faces the rear
    d.ring(at + 4, 176, 24)
    d.path(f"M{at + 26} 172 l10 5 l-9 6", INK)
    d.path(f"M{at - 18} 206 q22 -10 44 0 l4 122 q-24 12 -50 0 z", INK, PAPER)
    d.path(f"M{at - 12} 330 L{at - 34} 420 L{at - 54} {floor - 8} h26", INK, width=9)
    d.path(f"M{at + 16} 330 L{at + 34} 415 L{at + 30} {floor - 8} h28", INK, width=9)
    d.path(f"M{at + 8} 222 L{at + 40} 270 L{at + 74} 262", INK, width=7)
    d.box(at - 36, 300, 20, 26, color=SAFE, fill="#ffe3ec")
    d.path(f"M{at - 28} 326 C{at - 40} 470 {left + 30} 470 {left - 54} 420 V204", SAFE)
    d.text(left + 94, 372, "cable: below the beam,\nup the post", 11.5, SAFE)
    d.ring(at + 20, 318, 8, SAFE, "#ffe3ec")
    d.text(at + 92, 376, "stop button: on the\nbelt, within reach,\nwired to the pod", 12, SAFE, weight=700)
    d.wire((at + 86, 372), (at + 28, 326), color=SAFE, arrow=True)
    d.text(at + 92, 288, "hip pod: middle of\nthe back belt, arrow\nup, cable down", 12, SAFE, weight=700)
    d.wire((at + 86, 288), (at - 14, 304), color=SAFE, arrow=True)
    for x_m, name, note in (
        (front_m, "front line", f"{front_m * 1000:.0f} mm"),
        (rear_m, "rear line", f"{CONFIG.deck.rear_line_percent:g} % = {rear_m * 1000:.0f} mm"),
    ):
        x = left + scale * x_m
        d.wire((x, 118), (x, floor + 62), color=SAFE, width=2.2, dash="8 6")
        d.text(x + 8, 132, name, 14, SAFE, weight=700)
        d.text(x + 8, 150, note, 12, SAFE)
    d.wire((left + 430, floor + 18), (left + 580, floor + 18), color=POWER, width=3, arrow=True)
    d.text(left + 420, floor + 23, "belt", 13, POWER, "end", 700)
    d.text(right + 20, floor - 30, "rear edge", 13, SOFT, "end")
    d.wire((left, floor + 76), (right, floor + 76), arrow=True)
    d.wire((left, floor + 68), (left, floor + 84))
    d.text(left, floor + 106, "0", 13)
    d.text(right, floor + 106, f"{length_m:.2f} m of running surface", 13, anchor="end")
    d.text(
        right - 8,
        220,
        "Rest point = where the walker\nwould be when the belt has\ncome to rest. It stays between\nthe two lines.",
        13,
        INK,
        "end",
    )
    d.text(
        40,
        640,
        'Reverse-belt machines (belt.direction = "reverse"): the walker faces the console, everything else is mirrored by the config.',
        12.5,
        SOFT,
    )
    return d


def key() -> Drawing:
    d = Drawing(
        1180,
        430,
        "Two contacts in series, never mains",
        "Find the two thin wires behind the key socket. The switch there is a reed (magnet keys) or a microswitch (plunger keys).",
    )
    for x, name, after in ((40, "Before", False), (610, "After", True)):
        d.text(x, 120, name, 16, weight=700)
        d.box(x, 140, 150, 190, "Console", "key input\n3 to 24 V", fill=WARM)
        d.wire((x + 150, 190), (x + 380 if not after else x + 190, 190), color=SAFE, width=2.4)
        d.wire((x + 150, 280), (x + 440, 280), (x + 440, 190), color=SAFE, width=2.4)
        if after:
            d.contact(x + 190, 190, "K1", closed=False)
            d.contact(x + 270, 190, "K2", closed=False)
            d.wire((x + 250, 190), (x + 270, 190), color=SAFE, width=2.4)
            d.wire((x + 330, 190), (x + 380, 190), color=SAFE, width=2.4)
            d.box(x + 172, 146, 176, 66, color=SAFE, fill="none", dash="6 5")
            d.text(x + 260, 234, "safety board, two wires", 12, SAFE, "middle")
        d.contact(x + 380, 190, "key", closed=True)
        d.text(x + 410, 312, "reed or\nmicroswitch", 12, SOFT, "middle")
    d.text(
        40,
        380,
        "Prove it: belt at its slowest, our wires bridged by a lead; pull it. It must stop as with the key. If not, undo it: this machine is not for Rearguard.",
        13,
        INK,
        weight=700,
    )
    return d


STAND = (
    "Where to stand when you arm",
    "From above. One foot on each side rail, your back to the console. The belt is still at rest.",
    "console", "button, lamp,\nbuzzer", "side rail", "mark", "rear edge", "The belt will run this way.", "helper", "hip sensor",
)  # fmt: skip
STAND_DE = (
    "Wo Sie beim Scharfschalten stehen",
    "Von oben. Ein Fuß auf jeder Trittfläche, der Rücken zur Konsole. Das Band ruht noch.",
    "Konsole", "Taster, Lampe,\nSummer", "Trittfläche", "Marke", "hinterer Rand", "So wird das Band laufen.", "Begleitung", "Hüftsensor",
)  # fmt: skip


def stand(words: tuple[str, ...]) -> Drawing:
    """For the walker, so in each language of the guides."""
    title, subtitle, console, panel, side, mark, edge, belt, helper, sensor = words
    d = Drawing(860, 380, title, subtitle)
    d.box(40, 130, 130, 160, console, panel, fill=WARM)
    left, right, at = 190, 780, 400
    for y in (120, 260):
        d.box(left, y, right - left, 40, fill="#dee2e6")
        d.text(left + 12, y + 26, side, 13, SOFT)
        d.path(
            f"M{at - 22} {y + 10} h36 q10 10 0 20 h-36 q-8 -10 0 -20 z", INK, INK
        )  # a shoe, its toe to the right
    d.box(left, 164, right - left, 92)
    d.path(f"M{at - 4} 150 V270", INK, width=10)  # legs astride
    d.path(f"M{at - 22} 210 a22 40 0 1 0 44 0 a22 40 0 1 0 -44 0 z", INK, INK)
    d.path(f"M{at - 6} 199 l12 11 l-12 11", PAPER, width=5)
    d.box(at - 40, 197, 18, 26, color=SAFE, fill="#ffe3ec")
    d.text(at - 50, 215, sensor, 13, SAFE, "end")
    d.wire((at, 100), (at, 120), color=SAFE, width=8)
    d.text(at + 12, 112, mark, 13, SAFE, weight=700)
    d.wire((at + 70, 216), (right - 90, 216), color=POWER, width=3, arrow=True)
    d.text(at + 70, 200, belt, 13, POWER)
    d.text(right, 322, edge, 13, anchor="end")
    d.ring(250, 342, 20)
    d.text(280, 347, helper, 13)
    return d


DRAWINGS = {
    "blocks": blocks,
    "relay-chain": relay_chain,
    "hip-pod": hip_pod,
    "deck": deck,
    "key": key,
    "stand": lambda: stand(STAND),
    "stand-de": lambda: stand(STAND_DE),
}

if __name__ == "__main__":
    for name, draw in DRAWINGS.items():
        draw().save(HERE / f"{name}.svg")
