"""The network."""

from dataclasses import dataclass, field

from elmo_cli.config.checks import require


@dataclass(frozen=True, kw_only=True)
class CharCnnConfig:
    """The character convolutions that turn a word's spelling into its vector."""

    embedding_dim: int = 16
    """C: width of one character's embedding."""
    filters: tuple[tuple[int, int], ...] = ((1, 32), (2, 32), (3, 64), (4, 128), (5, 256), (6, 512), (7, 1024))
    """(width in characters, how many) per convolution; the counts sum to F."""
    highways: int = 2
    """Highway layers between the convolutions and the projection."""
    activation: str = "relu"
    """``relu`` or ``tanh``, applied after the maximum over positions."""
    max_characters: int = 50
    """W: character ids per word; two of them mark its begin and end, so W - 2 bytes of the spelling are seen."""

    def __post_init__(self) -> None:
        require(
            "model.char_cnn",
            (self.embedding_dim >= 1, f"embedding_dim must be at least 1, not {self.embedding_dim}"),
            (len(self.filters) >= 1, "filters must name at least one [width, count]"),
            (
                all(1 <= width <= self.max_characters and count >= 1 for width, count in self.filters),
                f"filters must be [width, count] with widths from 1 to {self.max_characters}: {list(self.filters)}",
            ),
            (self.highways >= 0, f"highways must not be negative: {self.highways}"),
            (self.activation in ("relu", "tanh"), f"activation must be relu or tanh, not {self.activation!r}"),
            (self.max_characters >= 3, f"max_characters must be at least 3, not {self.max_characters}"),
        )

    @property
    def total_filters(self) -> int:
        """F: the width of the concatenated convolutions."""
        return sum(count for _, count in self.filters)


@dataclass(frozen=True, kw_only=True)
class LstmConfig:
    """The LSTM layers of each direction."""

    cell_dim: int = 4096
    """H: width of the memory cell."""
    projection_dim: int = 512
    """D: width of one direction's output, and of the token vectors that go in. Equal to ``cell_dim``: no projection."""
    layers: int = 2
    """LSTM layers per direction; an ELMo has one layer of vectors more, the tokens' own."""
    cell_clip: float | None = 3.0
    """Bound on the memory cell after every step; None for no bound."""
    projection_clip: float | None = 3.0
    """Bound on the projected output; None for no bound. Without a projection it has no effect, as in bilm-tf."""
    residual: bool = True
    """Whether layers from the second on add their input to their output (``use_skip_connections``)."""

    def __post_init__(self) -> None:
        require(
            "model.lstm",
            (self.cell_dim >= 1, f"cell_dim must be at least 1, not {self.cell_dim}"),
            (
                1 <= self.projection_dim <= self.cell_dim,
                f"projection_dim must be from 1 to cell_dim ({self.cell_dim}), not {self.projection_dim}",
            ),
            (self.layers >= 1, f"layers must be at least 1, not {self.layers}"),
            (self.cell_clip is None or self.cell_clip > 0, f"cell_clip must be above 0 or null, not {self.cell_clip}"),
            (
                self.projection_clip is None or self.projection_clip > 0,
                f"projection_clip must be above 0 or null, not {self.projection_clip}",
            ),
        )

    @property
    def projected(self) -> bool:
        """Whether there is a projection at all."""
        return self.projection_dim < self.cell_dim


@dataclass(frozen=True, kw_only=True)
class OwnListsConfig:
    """The token layer of ELMoForManyLangs: characters and words that the model lists itself, projected together.

    Such models are read, not trained here.
    """

    characters: int = 0
    """Rows of the character table, one for each listed character; 0 without ``char_cnn``."""
    padding: int = 0
    """The character id that fills a word up to its full width."""
    words: int = 0
    """Rows of the word table; 0 for a model of characters alone."""
    word_dim: int = 0
    """Width of a word's own vector, which stands in front of that of its characters; 0 where there is none."""

    def __post_init__(self) -> None:
        require(
            "model.own_lists",
            (self.characters >= 0, f"characters must not be negative: {self.characters}"),
            (
                0 <= self.padding < max(self.characters, 1),
                f"padding must be from 0 to below characters ({self.characters}), not {self.padding}",
            ),
            (
                min(self.words, self.word_dim) >= 0 and (self.words > 0) == (self.word_dim > 0),
                f"words and word_dim must both be above 0, or both 0: {self.words} and {self.word_dim}",
            ),
            (self.characters > 0 or self.words > 0, "characters and words are both 0: a token layer of nothing"),
        )


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The whole network, softmax aside: its classes are the vocabulary."""

    char_cnn: CharCnnConfig | None = field(default_factory=CharCnnConfig)
    """None: word ids look up their vectors in a table, and out-of-vocabulary words share the one of ``<UNK>``."""
    own_lists: OwnListsConfig | None = None
    """Only in models of ELMoForManyLangs. None: characters are the bytes of UTF-8, and words have no vector besides."""
    lstm: LstmConfig = field(default_factory=LstmConfig)
    share_embedding_softmax: bool = False
    """Whether the word table is also the softmax's weights; only without ``char_cnn``."""

    def __post_init__(self) -> None:
        cnn, lists = self.char_cnn, self.own_lists
        require(
            "model",
            (
                cnn is None or lists is not None or cnn.total_filters >= self.lstm.projection_dim,
                f"char_cnn.filters sum to {cnn.total_filters if cnn else 0}, which must be at least "
                f"lstm.projection_dim ({self.lstm.projection_dim})",
            ),
            (
                cnn is None or not self.share_embedding_softmax,
                "share_embedding_softmax needs a word table; set char_cnn to null for one",
            ),
            (
                lists is None or (cnn is not None) == (lists.characters > 0),
                "own_lists.characters must be above 0 with char_cnn, and 0 without",
            ),
        )

    @property
    def vector_dim(self) -> int:
        """E: width of an ELMo vector, both directions side by side."""
        return 2 * self.lstm.projection_dim

    @property
    def vector_layers(self) -> int:
        """L: layers that ELMo mixes, the token layer included."""
        return self.lstm.layers + 1
