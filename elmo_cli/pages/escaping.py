"""Text from anywhere made safe to stand in a page: in HTML, and in JSON inside a script."""

import html
import json
import re
from typing import Any

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_SURROGATES = re.compile(r"[\ud800-\udfff]")
_IN_SCRIPT = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})


def readable(text: str) -> str:
    """A string that any file of UTF-8 can hold: controls become their pictures, lone surrogates U+FFFD.

    Example:
        >>> readable("a\\x00b\\ud800")
        'a␀b\ufffd'
    """
    return _SURROGATES.sub("\ufffd", _CONTROLS.sub(_picture, text))


def escape(text: str) -> str:
    """Our own words as HTML.

    Example:
        >>> escape('<b> & "c"')
        '&lt;b&gt; &amp; &quot;c&quot;'
    """
    return html.escape(readable(text))


def isolate(text: str) -> str:
    """Words of a corpus as HTML: whatever their direction, and whatever marks are in them, the rest of the line stays.

    Example:
        >>> isolate("<i>")
        '<bdi>&lt;i&gt;</bdi>'
    """
    return f"<bdi>{escape(text)}</bdi>"


def script_json(value: Any) -> str:
    """A value as JSON that can stand in a ``<script>``: no string in it can end the script or a line.

    Example:
        >>> script_json(["</script>"])
        '["\\\\u003c/script\\\\u003e"]'
    """
    return _SURROGATES.sub("\ufffd", json.dumps(value, ensure_ascii=False, allow_nan=False)).translate(_IN_SCRIPT)


def _picture(match: re.Match[str]) -> str:
    point = ord(match[0])
    return "\u2421" if point == 0x7F else chr(0x2400 + point)
