"""Draws docs/images/stop.svg, the moving picture of README: a simulated walker drifts, is warned, and the belt stops.

Places and words are those of the real monitor on the simulated treadmill; nothing is drawn by hand.
"""

from pathlib import Path

from firmware_py.config import parse
from firmware_py.core.frame import Decision
from firmware_py.messages import tone_and_message
from firmware_py.rig.harness.closed_loop import ClosedLoop
from firmware_py.rig.world.scene import Scene, Setup

CONFIG = parse({"belt": {"speed_sensor": "hall"}})
RATE_HZ = 200
BEFORE_S, AFTER_S = 6.0, 4.0
STEP_S = 0.2
WIDTH, DECK, TOP, HEIGHT = 720, (60.0, 640.0), 96, 120
BELT = {"running": "belt on", "warning": "belt on", "stopped": "belt off"}
COLOURS = {"running": "#14693a", "warning": "#f5b301", "stopped": "#b3151f"}


def recorded() -> list[Decision]:
    """The decisions around the stop of a drift."""
    loop = ClosedLoop(Scene("drift", seed=3, setup=Setup()), CONFIG.monitor_params(), RATE_HZ, hall=True)
    seen: list[Decision] = []
    stop = None
    while stop is None or len(seen) < stop + AFTER_S * RATE_HZ:
        seen.append(loop.step())
        if stop is None and len(seen) > 1 and seen[-2].run and not seen[-1].run:
            stop = len(seen)
    return seen[stop - int(BEFORE_S * RATE_HZ) :: int(STEP_S * RATE_HZ)]


def x(position_m: float) -> float:
    return DECK[0] + (DECK[1] - DECK[0]) * position_m / CONFIG.deck_length_m


def drawn(decisions: list[Decision]) -> str:
    whole_s = len(decisions) * STEP_S
    told = [tone_and_message(d) for d in decisions]
    titles = dict.fromkeys((tone if tone in COLOURS else "stopped", message.title) for tone, message in told)
    words, frames = "", ""
    for n, (tone, title) in enumerate(titles):
        at = [
            (tone_ if tone_ in COLOURS else "stopped", message.title) == (tone, title)
            for tone_, message in told
        ]
        steps = "".join(f"{100 * i / len(at):.1f}%{{opacity:{int(up)}}}" for i, up in enumerate(at))
        frames += f"@keyframes w{n}{{{steps}100%{{opacity:{int(at[-1])}}}}}.w{n}{{animation:w{n} {whole_s:.1f}s step-end infinite}}"
        ink = "#1c1503" if tone == "warning" else "#fff"
        still = "" if n == len(titles) - 1 else ' opacity="0"'
        words += (
            f'<g class="w{n}"{still}><rect width="{WIDTH}" height="72" rx="12" fill="{COLOURS[tone]}"/>'
            f'<text x="24" y="50" font-size="40" font-weight="800" fill="{ink}">{title}</text>'
            f'<text x="{WIDTH - 24}" y="47" font-size="26" text-anchor="end" fill="{ink}">{BELT[tone]}</text></g>'
        )
    places = [(i, d.position_m) for i, d in enumerate(decisions) if d.position_m is not None]
    moves = "".join(
        f"{100 * i / len(decisions):.1f}%{{transform:translateX({x(p):.1f}px)}}" for i, p in places
    )
    frames += f"@keyframes walk{{{moves}100%{{transform:translateX({x(places[-1][1]):.1f}px)}}}}"
    front, rear, end = x(CONFIG.front_line_m), x(CONFIG.rear_line_m), DECK[1]
    middle = TOP + HEIGHT / 2
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} 250" font-family="system-ui,'DejaVu Sans',sans-serif"
 role="img" aria-label="A walker drifts toward the rear edge, is warned, and the belt is stopped before the rear line">
<style>.walker{{animation:walk {whole_s:.1f}s linear infinite}}{frames}
@media (prefers-reduced-motion:reduce){{*{{animation:none!important}}}}</style>
<rect width="{WIDTH}" height="250" fill="#fff"/>{words}
<rect x="24" y="{TOP + 12}" width="22" height="{HEIGHT - 24}" rx="8" fill="#55606c"/>
<rect x="{DECK[0]}" y="{TOP}" width="{end - DECK[0]}" height="{HEIGHT}" rx="10" fill="#b9e2c8"/>
<rect x="{DECK[0]}" y="{TOP}" width="{front - DECK[0]:.1f}" height="{HEIGHT}" rx="10" fill="#f2c4c6"/>
<rect x="{rear:.1f}" y="{TOP}" width="{end - rear:.1f}" height="{HEIGHT}" rx="10" fill="#f2c4c6"/>
<path d="M{front:.1f} {TOP}v{HEIGHT}M{rear:.1f} {TOP}v{HEIGHT}" stroke="#b3151f" stroke-width="4"/>
<g class="walker" style="transform:translateX({x(places[-1][1]):.1f}px)"><ellipse cy="{middle}" rx="20" ry="38" fill="#14181d"/>
<path d="M-5 {middle - 11}l12 11l-12 11" fill="none" stroke="#fff" stroke-width="5" stroke-linecap="round"/></g>
<g font-size="17" fill="#14181d"><text x="24" y="240">console</text><text x="{rear:.0f}" y="240" text-anchor="middle">rear line</text>
<text x="{end}" y="240" text-anchor="end">rear edge</text></g></svg>
"""


def main() -> None:
    path = Path(__file__).parents[2] / "docs" / "images" / "stop.svg"
    path.write_text(drawn(recorded()), encoding="utf-8")


if __name__ == "__main__":
    main()
