"""Types what a person types into `rearguard setup`, and does what its screen asks. Must know nothing but the screen.

Writes each result and how it ended as JSON lines.
"""

import contextlib
import json
import os
import socket
import subprocess
from typing import Any

from world import PERSON, LunaStage, bare

from firmware_py.rig.harness.setup import ANSWERS

AGAIN = 4  # a step that this machine has held up is tried again


def main() -> None:
    deck_mm = round(LunaStage(bare()).bench.length_m * 1000)
    answers: dict[str, Any] = ANSWERS | {"deck": deck_mm, "deck_length": deck_mm}
    person = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    again = AGAIN
    with subprocess.Popen(
        ["rearguard", "setup", "--json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    ) as it:
        assert it.stdin is not None and it.stdout is not None
        for line in it.stdout:
            message = json.loads(line)
            key = message.get("key", "")
            if message["kind"] in ("question", "do"):
                with contextlib.suppress(FileNotFoundError):  # before the restart there are no chips to turn
                    person.sendto(key.encode(), PERSON)
            if message["kind"] == "question":
                answer = answers.get(key, "")
                if key in ("not_proved", "needed") and again > 0:
                    again -= 1
                    answer = "again"
                it.stdin.write(json.dumps({"answer": answer}) + "\n")
                it.stdin.flush()
            elif message["kind"] in ("result", "left", "end", "refused"):
                print(json.dumps(message), flush=True)


if __name__ == "__main__":
    main()
