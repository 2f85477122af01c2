"""hardware.md against the tree: pins, pictures and the hazard table must not lie."""

import csv
import re
import subprocess
import sys
from pathlib import Path

import pytest

from firmware_py.config import Config

PAGES = {Path("hardware.md"): "", Path("docs/hardware/electronics.md"): ""}
PAGES = {path: path.read_text() for path in PAGES}
TEXT = "\n".join(PAGES.values())
HEADER_PIN = {2: 3, 3: 5, 4: 7, 17: 11, 27: 13, 22: 15, 23: 16, 24: 18, 10: 19, 9: 21, 25: 22, 11: 23, 16: 36}
DRAWINGS = Path("docs/hardware")


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without its head."""
    section = TEXT.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    table = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


WIRING = [row for row in rows("Wiring") if len(row) == 5 and row[1].startswith("`")]
HAZARDS = rows("Hazards")


@pytest.mark.parametrize("row", WIRING, ids=lambda row: row[1])
def test_the_wiring_table_is_the_default_configuration(row: list[str]) -> None:
    section, key = row[1].strip("`").split(".")
    assert int(row[2]) == getattr(getattr(Config(), section), key)
    assert int(row[3]) == HEADER_PIN[int(row[2])]


def test_every_fitted_pin_of_the_configuration_is_in_the_wiring_table() -> None:
    named = {row[1].strip("`") for row in WIRING}
    config = Config()
    for section in ("relay", "panel", "belt"):
        for key, value in getattr(config, section).model_dump().items():
            if key.endswith("pin") and value >= 0:
                assert f"{section}.{key}" in named


@pytest.mark.parametrize("row", HAZARDS, ids=lambda row: row[0])
def test_every_hazard_has_a_measure_in_the_code_and_a_test(row: list[str]) -> None:
    _, hazard, cause, measure, where, test = row
    assert hazard and cause and measure
    assert Path(where.strip("`")).exists(), where
    file, _, name = test.strip("`").partition("::")
    assert re.search(rf"def {name}\(", Path(file).read_text()), test


def test_the_hazards_are_numbered_without_gaps() -> None:
    assert [row[0] for row in HAZARDS] == [f"H{n:02d}" for n in range(1, len(HAZARDS) + 1)]


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.M)
    return {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_picture_and_every_link_is_there(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", PAGES[page]):
        file, _, anchor = target.partition("#")
        named = page.parent / file if file else page
        assert named.exists(), target
        assert not anchor or anchor in anchors(named.resolve()), target


def test_the_parts_list_names_maker_or_kind_of_every_part() -> None:
    parts = list(csv.DictReader(Path("docs/hardware/parts.csv").read_text().splitlines()))
    assert len(parts) > 20
    for part in parts:
        assert part["part"] and part["maker"] and part["maker's number"], part
    for number in ("CD74HC4538", "G7SA-2A2B", "MCP1700-3302", "2N7000", "1N4148"):
        assert number in TEXT and any(number in part["maker's number"] for part in parts), number


def test_the_contact_numbers_are_the_same_in_drawing_and_table() -> None:
    drawn = set(re.findall(r">K([12]) (\d\d)-(\d\d)<", (DRAWINGS / "relay-chain.svg").read_text()))
    table = "\n".join(" ".join(row) for row in rows("Relay chain"))
    pairs = set(re.findall(r"K([12]) (\d\d)-(\d\d)", table))
    # a wire goes into a contact in one place of the table and comes out of it in the next
    pairs |= set(re.findall(r"K([12]) (\d\d)\b(?!-).*?K\1 (\d\d)\b(?!-)", table))
    assert drawn == pairs and len(drawn) == 4


def test_the_prices_of_the_parts_add_up_to_what_readme_promises() -> None:
    parts = csv.DictReader(Path("docs/hardware/parts.csv").read_text().splitlines())
    euros = sum(float(p["euros_apiece"]) * int(p["quantity"]) for p in parts if "optional" not in p["part"])
    for page in ("README.md", "docs/hardware/electronics.md"):
        assert f"roughly {round(euros, -1):.0f} euros" in Path(page).read_text(), page


def test_the_drawings_are_what_their_program_draws(tmp_path: Path) -> None:
    before = {path.name: path.read_text() for path in DRAWINGS.glob("*.svg")}
    code = f"import sys; sys.path.insert(0, {str(DRAWINGS)!r}); import draw; from pathlib import Path\n"
    code += f"for name, it in draw.DRAWINGS.items(): it().save(Path({str(tmp_path)!r}) / (name + '.svg'))"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert before == {path.name: path.read_text() for path in tmp_path.glob("*.svg")}, (
        "run docs/hardware/draw.py"
    )


def test_the_timing_of_the_one_shot_holds_the_promise() -> None:
    r_ohm, c_f, spread = 56e3, 1e-6, 0.10 + 0.01 + 0.05
    hold_s = 0.7 * r_ohm * c_f
    assert hold_s * (1 + spread) <= 0.050
    assert hold_s * (1 + spread) + 0.010 <= 0.060
    assert (
        hold_s * (1 - spread) > 6 / Config().loop.rate_hz
    )  # four bad readings between two edges of one kind
    assert f"{hold_s * 1000:.0f} ms" in TEXT


def test_the_service_drives_the_pin_low_that_is_wired() -> None:
    assert f"gpio={Config().relay.pin}=ip,pd" in TEXT
    assert f"DEFAULT_PIN = {Config().relay.pin}" in Path("systemd/pin_low.py").read_text()


def test_config_txt_has_no_comment_behind_a_setting() -> None:
    block = TEXT.split("\n## config.txt\n", 1)[1].split("```")[1]
    lines = block.strip().splitlines()
    assert lines and all(line.startswith("#") or "#" not in line for line in lines)


def test_it_says_what_it_is_not() -> None:
    for words in (
        "supplements",
        "not a medical device",
        "certified to nothing",
        "Both contacts welded at once",
    ):
        assert words in TEXT
