"""Bytes of a block to characters, and what becomes of bytes that are in no encoding."""

import codecs
import re

from elmo_cli.errors import TextError
from elmo_cli.text.streams import BAD

REPLACEMENT = "\ufffd"

_SURROGATE = re.compile("[\ud800-\udfff]")


def decode(content: bytes, encoding: str, transcoded: bool) -> tuple[str, bool]:
    """The characters of a block, with :data:`~elmo_cli.text.streams.BAD` for every stretch that is in no encoding.

    Returns:
        The characters, and whether there is such a stretch.

    Args:
        content: Without a byte order mark.
        encoding: The file's.
        transcoded: Whether the content is UTF-8 whatever the file was.
    """
    if transcoded:
        text = content.decode("utf-8", "surrogatepass")
        return text, BAD in text
    try:
        return content.decode(encoding), False
    except UnicodeDecodeError:
        return content.decode(encoding, "elmo-bad"), True


def refuse_bad(text: str, content: bytes, encoding: str, transcoded: bool, name: str, first_line: int) -> None:
    """Stops at the first character that stands for bytes in no encoding.

    Raises:
        TextError: There is one; the message has its line and column.
    """
    at = text.find(BAD)
    if at < 0:
        return
    line = first_line + text.count("\n", 0, at)
    column = at - text.rfind("\n", 0, at)
    what = "what stands"
    if not transcoded:
        try:
            content.decode(encoding)
        except UnicodeDecodeError as error:
            what = f"byte 0x{content[error.start]:02x}"
    shown = "UTF-8" if codecs.lookup(encoding).name == "utf-8" else encoding
    raise TextError(
        f"{name}:{line}: {what} at column {column} is not {shown}",
        hint="name the text's encoding with --encoding, or put U+FFFD in place of such bytes with --decode-errors "
        "replace, or leave such lines out with --decode-errors skip",
    )


def without_surrogates(text: str) -> tuple[str, int]:
    """The text with U+FFFD for every half of a UTF-16 pair, and how many there were."""
    return _SURROGATE.subn(REPLACEMENT, text)
