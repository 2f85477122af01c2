"""Owns the pen of the hardware drawings: boxes, wires, circuit symbols, text. Standard library only.

Must never know what is drawn: draw.py does. Coordinates are pixels, y grows downward.
"""

from html import escape
from pathlib import Path

INK, SOFT, PAPER = "#1b2733", "#5f6f7e", "#ffffff"
SAFE, SIGNAL, POWER, WARM = "#c2255c", "#0b7285", "#b35c00", "#f1f3f5"
FONT = "'DejaVu Sans','Helvetica Neue',Arial,sans-serif"


class Drawing:
    def __init__(self, width: int, height: int, title: str, subtitle: str = "") -> None:
        self.width, self.height, self.title = width, height, title
        self._out: list[str] = []
        self.text(40, 46, title, 22, weight=700)
        if subtitle:
            self.text(40, 70, subtitle, 13, SOFT)

    def text(
        self,
        x: float,
        y: float,
        words: str,
        size: float = 13,
        color: str = INK,
        anchor: str = "start",
        weight: int = 400,
    ) -> None:
        """Lines are parted by a newline."""
        for i, line in enumerate(words.split("\n")):
            self._out.append(
                f'<text x="{x:g}" y="{y + i * size * 1.35:g}" font-size="{size:g}" fill="{color}" '
                f'text-anchor="{anchor}" font-weight="{weight}">{escape(line)}</text>'
            )

    def box(
        self, x: float, y: float, w: float, h: float, name: str = "", note: str = "", color: str = INK, fill: str = PAPER,
        dash: str = "",
    ) -> None:  # fmt: skip
        """A rounded box with its name at the top and a note below."""
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self._out.append(
            f'<rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" rx="8" fill="{fill}" stroke="{color}" '
            f'stroke-width="1.8"{dashed}/>'
        )
        if name:
            self.text(x + w / 2, y + 24, name, 14, color, "middle", 700)
        if note:
            self.text(x + w / 2, y + 45, note, 12, SOFT, "middle")

    def wire(
        self,
        *points: tuple[float, float],
        color: str = INK,
        width: float = 1.8,
        arrow: bool = False,
        dash: str = "",
    ) -> None:
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        end = f' marker-end="url(#{"a" + color[1:]})"' if arrow else ""
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self._out.append(
            f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="{width:g}" stroke-linejoin="round"{end}{dashed}/>'
        )

    def path(self, d: str, color: str = INK, fill: str = "none", width: float = 1.8) -> None:
        self._out.append(
            f'<path d="{d}" fill="{fill}" stroke="{color}" stroke-width="{width:g}" stroke-linejoin="round" stroke-linecap="round"/>'
        )

    def dot(self, x: float, y: float, color: str = INK, r: float = 3.6) -> None:
        self._out.append(f'<circle cx="{x:g}" cy="{y:g}" r="{r:g}" fill="{color}"/>')

    def ring(self, x: float, y: float, r: float, color: str = INK, fill: str = PAPER) -> None:
        self._out.append(
            f'<circle cx="{x:g}" cy="{y:g}" r="{r:g}" fill="{fill}" stroke="{color}" stroke-width="1.8"/>'
        )

    # circuit symbols

    def resistor(self, x: float, y: float, name: str, upright: bool = False, color: str = INK) -> None:
        """60 long, starting at (x, y), to the right or downward."""
        if upright:
            self.wire((x, y), (x, y + 12), color=color)
            self._out.append(
                f'<rect x="{x - 7:g}" y="{y + 12:g}" width="14" height="36" fill="{PAPER}" stroke="{color}" stroke-width="1.8"/>'
            )
            self.wire((x, y + 48), (x, y + 60), color=color)
            self.text(x + 13, y + 35, name, 12)
        else:
            self.wire((x, y), (x + 12, y), color=color)
            self._out.append(
                f'<rect x="{x + 12:g}" y="{y - 7:g}" width="36" height="14" fill="{PAPER}" stroke="{color}" stroke-width="1.8"/>'
            )
            self.wire((x + 48, y), (x + 60, y), color=color)
            self.text(x + 30, y - 13, name, 12, anchor="middle")

    def ground(self, x: float, y: float, name: str = "", color: str = INK) -> None:
        self.wire((x, y), (x, y + 8), color=color)
        for i, half in enumerate((12, 8, 4)):
            self.wire((x - half, y + 8 + 4 * i), (x + half, y + 8 + 4 * i), color=color)
        if name:
            self.text(x, y + 32, name, 11, SOFT, "middle")

    def rail(self, x: float, y: float, name: str, color: str = POWER) -> None:
        """A supply at (x, y), drawn upward."""
        self.wire((x, y), (x, y - 14), color=color)
        self.wire((x - 10, y - 14), (x + 10, y - 14), color=color, width=2.6)
        self.text(x, y - 20, name, 12, color, "middle", 700)

    def diode(self, x: float, y: float, name: str, up: bool, zener: bool = False) -> None:
        """An upright diode 20 high from y on; its cathode is above (`up`) or below."""
        bar, base = (y + 2, y + 16) if up else (y + 18, y + 4)
        self.path(f"M{x - 9:g} {base:g} h18 L{x:g} {bar:g} z M{x - 9:g} {bar:g} h18", fill=INK)
        if zener:
            self.path(f"M{x - 9:g} {bar:g} l-4 -4 M{x + 9:g} {bar:g} l4 4")
        self.wire((x, y - 2), (x, y + 22))
        self.text(x + 20, y + 14, name, 11.5, SOFT)

    def coil(self, x: float, y: float, name: str) -> None:
        """A relay coil 44 high, from (x, y) downward."""
        self._out.append(
            f'<rect x="{x - 22:g}" y="{y:g}" width="44" height="44" fill="{PAPER}" stroke="{SAFE}" stroke-width="2.2"/>'
        )
        self.wire((x - 22, y + 44), (x + 22, y), color=SAFE)
        self.text(x + 30, y + 27, name, 14, SAFE, weight=700)

    def contact(self, x: float, y: float, name: str, closed: bool, color: str = SAFE) -> None:
        """A contact 60 long, from (x, y) to the right, drawn dropped."""
        self.wire((x, y), (x + 14, y), color=color, width=2.4)
        self.wire((x + 46, y), (x + 60, y), color=color, width=2.4)
        self.wire((x + 14, y), (x + 47, y - 2 if closed else y - 15), color=color, width=2.4)
        if closed:
            self.wire((x + 46, y - 9), (x + 46, y + 4), color=color, width=2.4)
        self.text(x + 30, y - 22, name, 12.5, color, "middle", 700)

    def save(self, path: Path) -> None:
        markers = "".join(
            f'<marker id="a{c[1:]}" viewBox="0 0 10 10" refX="9" refY="5" markerUnits="userSpaceOnUse" markerWidth="13" markerHeight="13" orient="auto-start-reverse">'
            f'<path d="M0 0 10 5 0 10z" fill="{c}"/></marker>'
            for c in (INK, SOFT, SAFE, SIGNAL, POWER)
        )
        path.write_text(
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" width="{self.width}" '
            f'height="{self.height}" font-family="{FONT}" role="img" aria-label="{escape(self.title)}">\n<defs>{markers}</defs>\n'
            f'<rect width="100%" height="100%" fill="{PAPER}"/>\n' + "\n".join(self._out) + "\n</svg>\n",
            encoding="utf-8",
        )
