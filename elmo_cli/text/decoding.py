"""Bytes of a block to characters, and what becomes of bytes that are in no encoding."""

import codecs
import re

from elmo_cli.errors import TextError
from elmo_cli.text.streams import BAD, wide_encoding

REPLACEMENT = "\ufffd"

WIDE = 1 << 16
"""Bytes that are looked at for signs of UTF-16."""

SHOWN = 20
"""Bytes on either side of a bad one that a message may show."""

_BEFORE, _AFTER = re.compile(rb"\S*\Z"), re.compile(rb"\S*")

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
    what, guess = "what stands", ""
    if not transcoded:
        try:
            content.decode(encoding)
        except UnicodeDecodeError as error:
            what = f"byte 0x{content[error.start]:02x}"
            guess = _guess(content, error.start)
    shown = "UTF-8" if codecs.lookup(encoding).name == "utf-8" else encoding
    raise TextError(
        f"{name}:{line}: {what} at column {column} is not {shown}",
        hint=f"name the text's encoding with --encoding{guess}, or put U+FFFD in place of such bytes with "
        "--decode-errors replace, or leave such lines out with --decode-errors skip",
    )


def _guess(content: bytes, at: int) -> str:
    """What bytes that are not in the encoding may be instead, for a reader to judge; nothing where nothing fits."""
    if wide := wide_encoding(content[:WIDE]):
        return f" (it looks like {wide})"
    begin, end = max(0, at - SHOWN), at + SHOWN
    before, after = _BEFORE.search(content[begin:at]), _AFTER.match(content[at:end])
    word = ((before[0] if before else b"") + (after[0] if after else b"")).decode("windows-1252", "replace")
    letters = sum(letter.isascii() for letter in word if letter.isalpha())
    western = 2 * letters >= len(word) and REPLACEMENT not in word
    return f" (in windows-1252 the word would be {word!r})" if western else ""


def without_surrogates(text: str) -> tuple[str, int]:
    """The text with U+FFFD for every half of a UTF-16 pair, and how many there were."""
    return _SURROGATE.subn(REPLACEMENT, text)
