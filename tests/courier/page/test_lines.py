import asyncio
from typing import Any

import httpx
import pytest

from firmware_py.config import Config, parse
from firmware_py.courier.page.server import Shown, application
from firmware_py.courier.page.stream import Stream


def setup_of(config: Config) -> dict[str, Any]:
    """What the page asks for before it draws the deck."""
    page = application(Shown(config, Stream(), dict, list), None)

    async def ask() -> dict[str, Any]:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(page), base_url="http://localhost"
        ) as client:
            drawn: dict[str, Any] = (await client.get("/api/setup")).json()
            return drawn

    return asyncio.run(ask())


@pytest.mark.parametrize(("direction", "front_m"), [("normal", 0.15), ("reverse", 0.42)])
def test_the_page_draws_the_lines_that_the_core_enforces(direction: str, front_m: float) -> None:
    config = parse({"belt": {"direction": direction}})
    drawn, enforced = setup_of(config), config.monitor_params().drift
    assert drawn["front_m"] == pytest.approx(front_m)
    assert (drawn["front_m"], drawn["rear_m"]) == (enforced.front_line_m, enforced.rear_line_m)
