"""One mix of ELMo's layers as a tensor, in the place of ``allennlp.modules.token_embedders.ElmoTokenEmbedder``."""

from collections.abc import Collection, Sequence

from torch import Tensor, nn

from elmo_cli.api.elmo import Elmo
from elmo_cli.api.loading import Place


class ElmoTokenEmbedder(nn.Module):
    """Vectors of a batch of tokens, mixed from the layers once and, if wanted, projected to another width.

    Arguments, their order, and the names in the state dict are AllenNLP's; no files are taken where none are named.

    Args:
        options_file: ``options.json``, a path or an ``https://`` address.
        weight_file: ``weights.hdf5``.
        do_layer_norm: Whether layers are normalised before they are mixed.
        dropout: Share of the output that is dropped in training.
        requires_grad: Whether the language model learns too; see :class:`~elmo_cli.api.elmo.Elmo`.
        projection_dim: Width of a linear layer behind the mix; None for no such layer.
        vocab_to_cache: Words whose token vectors are computed once.
        scalar_mix_parameters: Fixed layer weights before the softmax; the mix then learns nothing.
        state: What sentences begin from: ``warm``, ``zero`` or ``carry``.

    Shape:
        - elmo_tokens: character ids (..., T, 50) of ``batch_to_ids``; word_inputs: (..., T)
        - -> (..., T, E), or (..., T, ``projection_dim``)

    Raises:
        ConfigError: The arguments do not go together.
        ModelError: The files cannot be read or do not fit together.
    """

    def __init__(
        self,
        options_file: Place | None = None,
        weight_file: Place | None = None,
        do_layer_norm: bool = False,
        dropout: float = 0.5,
        requires_grad: bool | Collection[str] = False,
        projection_dim: int | None = None,
        vocab_to_cache: Sequence[str] | None = None,
        scalar_mix_parameters: Sequence[float] | None = None,
        *,
        state: str = "warm",
    ) -> None:
        super().__init__()
        self._elmo = Elmo(
            options_file,
            weight_file,
            1,
            requires_grad=requires_grad,
            do_layer_norm=do_layer_norm,
            dropout=dropout,
            vocab_to_cache=vocab_to_cache,
            scalar_mix_parameters=scalar_mix_parameters,
            state=state,
        )
        self.output_dim = projection_dim or self._elmo.get_output_dim()
        self._projection = nn.Linear(self._elmo.get_output_dim(), projection_dim) if projection_dim else None

    def get_output_dim(self) -> int:
        """The width of the vectors."""
        return self.output_dim

    def reset_states(self, mask: Tensor | None = None) -> None:
        """Forgets what ``state="carry"`` took from batch to batch; see :class:`~elmo_cli.api.elmo.Elmo`."""
        self._elmo.reset_states(mask)

    def forward(self, elmo_tokens: Tensor, word_inputs: Tensor | None = None) -> Tensor:
        """See the class."""
        vectors: Tensor = self._elmo(elmo_tokens, word_inputs)["elmo_representations"][0]
        return vectors if self._projection is None else self._projection(vectors)
