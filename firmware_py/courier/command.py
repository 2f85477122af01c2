"""Owns the command `rearguard courier`. Must never hold more than its options."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from firmware_py.config import load
from firmware_py.courier.process import Courier
from firmware_py.locale import use as use_language
from firmware_py.storage.written import become_owner


def courier(
    config: Annotated[Path | None, typer.Option(help="TOML file; without it the defaults hold.")] = None,
) -> None:
    """Record, store, publish and explain what the guard does; serve the page. Never starts the belt.

    Example: rearguard courier --config /etc/rearguard/config.toml
    """
    settings = load(config)
    become_owner(
        Path(settings.courier.state_dir)
    )  # with sudo, too: what root writes there, the service cannot
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    use_language(settings.courier.language)
    Courier(settings).run()
