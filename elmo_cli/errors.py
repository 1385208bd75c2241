"""Every error a user can meet.

A message starts with the place (``corpus.txt:118: ...``), says what was expected and what was found; the hint is the
next thing to try, as a command where one fits. The command line prints both without a traceback and exits with 1.
Anything that is not an :class:`ElmoError` is a bug in this project and shows its traceback.
"""


class ElmoError(Exception):
    """Something the user can mend.

    Args:
        message: Place first, then what was expected and what was found.
        hint: The next thing to try; a command where one fits. Empty when the message says it all.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nHint: {self.hint}" if self.hint else self.message


class ConfigError(ElmoError):
    """A setting, a combination of settings, or a configuration file is not usable."""


class TextError(ElmoError):
    """A corpus, a line of text, a vocabulary or a corpus store is not what it should be."""


class ModelError(ElmoError):
    """A model folder, its options or its weights are missing, incomplete or hostile."""


class OutputError(ElmoError):
    """A result cannot be written: the place is taken, read-only or full."""


class BusyError(OutputError):
    """Another process is at work in the place."""


class DivergedError(ElmoError):
    """The loss stopped being a number."""


class LostProcessError(ElmoError):
    """A process that worked together with this one is gone."""
