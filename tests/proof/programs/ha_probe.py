"""Runs inside Home Assistant as the integration `proof`: writes its states to a file and calls the services it is asked
to call. Must never be part of the product.

`states.json` is written ten times a second; lines of `calls.jsonl` are {"domain", "service", "data"}; what
notify.family receives goes to `told.jsonl`.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

DOMAIN = "proof"
LOOK_S = 0.1


async def async_setup(hass: Any, config: Any) -> bool:
    folder = Path(hass.config.config_dir)
    port = int(config[DOMAIN]["broker_port"])

    async def family(call: Any) -> None:
        with (folder / "told.jsonl").open("a") as file:
            file.write(json.dumps(dict(call.data)) + "\n")

    hass.services.async_register("notify", "family", family)
    hass.async_create_background_task(_serve(hass, folder, port), "proof")
    return True


async def _serve(hass: Any, folder: Path, port: int) -> None:
    while not hass.is_running:
        await asyncio.sleep(LOOK_S)
    if not hass.config_entries.async_entries("mqtt"):
        flows = hass.config_entries.flow
        step = await flows.async_init("mqtt", context={"source": "user"})
        await flows.async_configure(step["flow_id"], {"broker": "127.0.0.1", "port": port})
    done = 0
    while True:
        calls = (folder / "calls.jsonl").read_text().splitlines() if (folder / "calls.jsonl").exists() else []
        for line in calls[done:]:
            call = json.loads(line)
            await hass.services.async_call(call["domain"], call["service"], call["data"], blocking=True)
        done = len(calls)
        states = {s.entity_id: {"state": s.state, **_plain(s.attributes)} for s in hass.states.async_all()}
        part = folder / "states.json.part"
        part.write_text(json.dumps(states, default=str))
        part.replace(folder / "states.json")
        await asyncio.sleep(LOOK_S)


def _plain(attributes: Any) -> dict[str, Any]:
    return {key: value for key, value in attributes.items() if key != "state"}
