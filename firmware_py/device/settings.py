"""`rearguard config`: prints the whole configuration with spans and units, or checks one. Must never change a file."""

from pathlib import Path
from typing import Annotated

import typer

from firmware_py.config import annotated_toml, load


def config(
    file: Annotated[
        Path | None, typer.Option("--config", help="TOML file to check; none: the defaults.")
    ] = None,
) -> None:
    """Print the effective configuration, every setting with what it is, its span and unit.

    Example: rearguard config > config.toml
    """
    effective = load(file)
    typer.echo(annotated_toml(effective), nl=False)
    typer.echo(f"config {effective.hash}: fine", err=True)
