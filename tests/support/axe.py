"""axe-core in a real page: what it finds against accessibility."""

from importlib.resources import files

from tests.support.chromium import Browser

AXE = files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
RUN_AXE = """axe.run(document, { resultTypes: ["violations"] }).then((found) => found.violations.map(
  (v) => v.id + ": " + v.nodes.map((n) => n.target.join(" ") + " " + n.failureSummary).join("; ")))"""


def violations(page: Browser) -> list[str]:
    """A sentence for each, once nothing moves on the page."""
    page.value(AXE + "; undefined")
    page.value("Promise.all(document.getAnimations().map((a) => a.finished))")
    found: list[str] = page.value(RUN_AXE)
    return found
