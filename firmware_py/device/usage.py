"""Owns what a person reads who mistyped a command, an option or a value. Must never import a command.

The library's own words ("Input should be a valid integer") are those of a program. These name what was typed and what
fits.
"""

import re
from typing import Any

import typer

from sensors.advice import suggestion

HELP = ["-h", "--help"]
UsageError: Any = typer.BadParameter.__mro__[1]  # not public in every version of typer

# The library's sentence -> ours. What is not listed stays as it is.
_PLAIN = (
    (r"Value error, ", ""),
    (r"Input should be a valid integer.*", "must be a whole number"),
    (r"Input should be a valid number.*", "must be a number"),
    (r"Input should be greater than or equal to (\S+)", r"must be at least \1"),
    (r"Input should be less than or equal to (\S+)", r"must be at most \1"),
    (r"Input should be greater than (\S+)", r"must be more than \1"),
    (r"Input should be less than (\S+)", r"must be less than \1"),
    (r"Input should be a valid boolean.*", "must be true or false"),
    (r"^(?:\S+ )?(?:path|file|directory) '(.+?)' ", r"\1 "),
    (r"^Missing (?:argument|option) '([^']+?)'", r"\1 is missing"),
    (r"\s*Choose from:\s*", " There are: "),
    (r",\s+", ", "),
    (r"^Got unexpected extra arguments?(?:\(s\))? \((.+)\)", r"\1 is too much"),
    (r"^Option '?(--?[\w-]+)'? requires an argument", r"\1 needs a value"),
    (r"^Option '?(--?[\w-]+)'? does not take a value", r"\1 takes no value"),
    (r"^No such option:? '?([^'. ]+)'?\.?", r"there is no option \1."),
    (r"\(Possible options: ([^)]+)\)", r"Did you mean \1?"),
    (r"Did you mean '([^']+)'", r"Did you mean \1"),
)


def plain(error: Any) -> str:
    """One line for a mistake on the command line: what, and what fits."""
    command = error.ctx.command_path if error.ctx is not None else "rearguard"
    command = command.replace("python -m firmware_py", "rearguard")
    text = str(error.format_message())
    typed = re.search(r"'([^']+)' is not one of (.+?)\.?$", text)
    no_command = re.match(r"No such command '(.*?)'", text)
    if no_command is not None:
        known = getattr(error.ctx.command, "commands", {})
        text = f"there is no command {no_command[1]}. {suggestion(no_command[1], known)}"
    elif typed is not None:
        where = re.search(r"for '?([^':]+)'?:", text)
        text = f"{where[1] if where else 'value'}: there is no {typed[1]}. "
        text += suggestion(typed[1], re.findall(r"'([^']+)'", typed[2]))
    else:
        text = re.sub(r"^Invalid value(?: for '?([^':]+)'?)?: ", lambda m: f"{m[1]} " if m[1] else "", text)
        for theirs, ours in _PLAIN:
            text = re.sub(theirs, ours, text)
        text = text if text.endswith((".", "?")) else text + "."
    return f"{command}: {text} See `{command} --help`."


def without_types(command: Any) -> None:
    """A switch takes no value: its help shows none, `--help` itself included. Goes through the whole tree."""
    for parameter in command.get_params(typer.Context(command, help_option_names=HELP)):
        if getattr(parameter, "is_flag", False):
            parameter.metavar = ""
    for inner in getattr(command, "commands", {}).values():
        without_types(inner)
