"""Names of a model's layers, by which they are frozen."""

TOKEN_ENCODER, SOFTMAX, LSTM = "token_encoder", "softmax", "lstm"


def layer_names(lstm_layers: int) -> tuple[str, ...]:
    """From the bottom up; LSTM layers are counted from 1, as ``elmo info`` and ``elmo embed --layers`` count them.

    Example:
        >>> layer_names(2)
        ('token_encoder', 'lstm.1', 'lstm.2', 'softmax')
    """
    return (TOKEN_ENCODER, *(f"{LSTM}.{number}" for number in range(1, lstm_layers + 1)), SOFTMAX)


def named_layers(names: str | None, lstm_layers: int) -> frozenset[str]:
    """The layers that a list with commas names, ``lstm`` standing for all LSTM layers; unknown names stay as they are.

    Example:
        >>> sorted(named_layers("lstm, softmax", 2))
        ['lstm.1', 'lstm.2', 'softmax']
    """
    chosen = {name.strip() for name in (names or "").split(",")} - {""}
    if LSTM in chosen:
        chosen = chosen - {LSTM} | {name for name in layer_names(lstm_layers) if name.startswith(f"{LSTM}.")}
    return frozenset(chosen)
