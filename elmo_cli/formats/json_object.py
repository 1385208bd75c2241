"""JSON objects out of files that come from strangers."""

import json
from typing import Any

from elmo_cli.errors import ModelError
from elmo_cli.formats.content import Source, read_bytes, size_of


def read_object(path: Source, *, largest: int, hint: str = "") -> dict[str, Any]:
    """The JSON object in a file.

    Args:
        largest: Bytes that the file may have.
        hint: What to try when it is none.

    Raises:
        ModelError: It cannot be read, is larger, or is not a JSON object in UTF-8.
    """
    try:
        size = size_of(path)
        if size > largest:
            raise ModelError(f"{path}: expected at most {largest:,} bytes of JSON, found {size:,}", hint=hint)
        value = json.loads(read_bytes(path).decode("utf-8-sig"))
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}", hint=hint) from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: expected JSON in UTF-8: {error}", hint=hint) from error
    if not isinstance(value, dict):
        raise ModelError(f"{path}: expected a JSON object, found {shown(value)}", hint=hint)
    return value


def shown(value: Any) -> str:
    """A JSON value as a message shows it: cut to a line, ``nothing`` for null."""
    text = "nothing" if value is None else json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
