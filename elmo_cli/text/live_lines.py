"""The lines of a pipe, each as soon as it is there."""

import codecs
import sys
from collections.abc import Iterator

from elmo_cli.config import InputConfig
from elmo_cli.errors import TextError


def live_lines(reading: InputConfig) -> Iterator[str]:
    """The lines of standard input without their ends; a line is given before the next one is waited for.

    Args:
        reading: Encoding, and what to do with bytes that are not in it. ``skip`` gives an empty line instead, so that
            lines keep their numbers.

    Raises:
        TextError: A line is not in the encoding, and ``decode_errors`` is ``strict``; or the encoding has no single
            byte for a line's end.
    """
    if "\n".encode(reading.encoding) != b"\n":
        raise TextError(
            f"standard input in {reading.encoding} cannot be read line by line as it comes",
            hint="convert it on the way: iconv -f UTF-16 -t UTF-8",
        )
    for number, raw in enumerate(sys.stdin.buffer, start=1):
        if number == 1:
            raw = raw.removeprefix(codecs.BOM_UTF8)
        raw = raw.rstrip(b"\r\n")
        try:
            yield raw.decode(reading.encoding, "replace" if reading.decode_errors == "replace" else "strict")
        except UnicodeDecodeError as error:
            if reading.decode_errors == "strict":
                raise TextError(
                    f"standard input:{number}: byte 0x{raw[error.start]:02x} is not {reading.encoding}",
                    hint="put U+FFFD in place of such bytes with --decode-errors replace",
                ) from error
            yield ""
