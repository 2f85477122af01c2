"""Owns set-up in a terminal: large plain steps, one question at a time. Must never end in a traceback on Ctrl-C."""

from getpass import getpass
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text

from firmware_py.device.setup.talk import Leave, Question
from firmware_py.locale import translate as _

WIDE = 80
UNREADABLE = "\0"  # no question takes it


class Terminal:
    """Messages as text, answers from the keyboard."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        if self.console.width > WIDE:
            self.console.width = WIDE

    def send(self, message: dict[str, Any]) -> None:
        show = getattr(self, f"_{message['kind']}", None)
        if show is not None:
            show(message)

    def answer(self, question: Question) -> Any:
        try:
            if question.form == "secret":
                return getpass("  > ")
            return self.console.input("  > ")
        except (EOFError, KeyboardInterrupt):
            raise Leave from None
        except UnicodeDecodeError:  # getpass opens the terminal by itself
            return UNREADABLE

    def _step(self, message: dict[str, Any]) -> None:
        title = Text(f"{message['number']} / {message['of']}   {message['title']}", style="bold")
        self.console.print()
        self.console.print(Panel(title, style="cyan", width=self.console.width))

    def _note(self, message: dict[str, Any]) -> None:
        self._lines(message["text"], "dim")

    def _question(self, message: dict[str, Any]) -> None:
        self.console.print()
        self._lines(message["text"], "bold")
        for number, words in enumerate(message.get("choices", {}).values(), 1):
            self._lines(f"{number}  {words}", "")
        self._lines(_how(message), "dim italic")

    def _typed(self, message: dict[str, Any]) -> None:
        self._lines(f"> {message['text']}", "cyan")

    def _do(self, message: dict[str, Any]) -> None:
        self.console.print()
        self._lines(message["text"], "bold yellow")

    def _seen(self, _message: dict[str, Any]) -> None:
        self._lines(f"✓ {_('seen')}", "green")

    def _refused(self, message: dict[str, Any]) -> None:
        self._lines(message["text"], "bold red")

    def _result(self, message: dict[str, Any]) -> None:
        self.console.print()
        if message["proved"]:
            self._lines(f"✓ {_('Proved.')} {message['text']}", "bold green")
        else:
            self._lines(f"✗ {_('Not proved.')} {message['text']}", "bold red")

    def _guard(self, message: dict[str, Any]) -> None:
        self.console.print()
        self._lines(message["text"], "" if message["up"] else "bold red")

    def _left(self, message: dict[str, Any]) -> None:
        self.console.print()  # below the ^C that the terminal shows
        self._lines(message["text"], "bold")

    def _end(self, message: dict[str, Any]) -> None:
        self.console.print()
        self._lines(message["text"], "bold green" if message["proved"] else "bold red")

    def _lines(self, text: str, style: str) -> None:
        self.console.print(Padding(Text(text, style=style), (0, 2)))


def _how(message: dict[str, Any]) -> str:
    """How to answer, in a few words."""
    span = f"{message.get('low', 0):g} ... {message.get('high', 0):g} {message.get('unit', '')}".strip()
    ways = {
        "done": _("Enter"),
        "yes_no": _("yes or no"),
        "choice": _("its number"),
        "number": span,
        "text": _("type it"),
        "secret": _("nothing is shown while you type"),
    }[message["form"]]
    default = message.get("default")
    if default is not None:
        values = list(message.get("choices", ()))
        word = {True: "yes", False: "no"}[default] if isinstance(default, bool) else default
        shown = values.index(word) + 1 if word in values else {"yes": _("yes"), "no": _("no")}.get(word, word)
        ways += "; " + _("Enter for {default}").format(default=shown)
    return f"({ways}; {_('back to go back')})"
