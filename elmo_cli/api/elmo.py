"""ELMo as a torch module, in the place of ``allennlp.modules.elmo.Elmo``."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from elmo_cli.api.context import ContextLayers
from elmo_cli.api.loading import Place, load_files
from elmo_cli.api.saving import recorded_mixes, save_model, set_mixes
from elmo_cli.errors import ConfigError
from elmo_cli.flows.models.loaded import load_model
from elmo_cli.model.scalar_mix import ScalarMix


class Elmo(nn.Module):
    """Contextual word vectors for a batch of sentences, with gradients.

    The bidirectional language model runs once; each output is a weighted mix of its layers of its own
    (:class:`ScalarMix`). Arguments, outputs and the names of the mixes' parameters are AllenNLP's, so that
    ``from elmo_cli import Elmo, batch_to_ids`` is the one line of a program that changes. Different from there:

    - A sentence has the same vectors in every batch, because it begins from a fixed state. ``state="carry"`` begins
      where the same row of the batch before ended, as AllenNLP does.
    - Models without residual connections or without projection load as well.
    - Padding before a token is an error, not a shorter sentence.
    - ``vocab_to_cache`` needs no padding word in front, and ids that are not in it are computed from characters.

    State dicts have AllenNLP's names too, so checkpoints load both ways, under any prefix and with ``strict=True``;
    ``load_state_dict`` takes weights and leaves the start state as the files gave it. Optimizers see parameters of
    another layout: ``scalar_mix_0.gamma`` and ``scalar_mix_0.scalar_parameters.0`` are AllenNLP's, the language model's
    begin with ``_elmo_lstm.`` as there and go on differently, so an optimizer's own state does not carry over where the
    language model learns.

    ``.to(torch.bfloat16)`` and autocast work on CPUs; vectors of the tests' random model are then within 0.05.
    ``torch.compile`` leaves the language model as it is and compiles around it. Under ``torch.nn.DataParallel`` each
    device carries the state of its own rows.

    Args:
        options_file: ``options.json``, a path or an ``https://`` address.
        weight_file: ``weights.hdf5``.
        num_output_representations: How many mixes to give.
        requires_grad: Whether the language model learns too: True, False, or the names of the layers that do
            (``char_cnn``, ``lstm.1``, ``lstm.2``).
        do_layer_norm: Whether layers are normalised before they are mixed; see :class:`ScalarMix`.
        dropout: Share of each output that is dropped in training.
        vocab_to_cache: Words whose token vectors are computed once; ``word_inputs`` are places in this list.
        keep_sentence_boundaries: Whether the vectors of ``<S>`` and ``</S>`` stay, two positions more.
        scalar_mix_parameters: Fixed layer weights before the softmax; the mixes then learn nothing.
        module: A replacement for the language model, instead of the files: has ``num_layers`` and returns
            ``activations`` and ``mask`` when called.
        state: What sentences begin from: ``warm`` (the model's recorded start state, or a fixed neutral text),
            ``zero``, or ``carry``.
        normalize: Whether vectors are scaled to length 1, before dropout.

    Shape:
        - inputs: character ids (..., T, 50) of :func:`batch_to_ids`; word_inputs: (..., T)
        - -> ``elmo_representations``: a list of (..., T, E), zeros in the padding; ``mask``: (..., T) bool.
          T + 2 with ``keep_sentence_boundaries``.

    Raises:
        ConfigError: The arguments do not go together.
        ModelError: The files cannot be read or do not fit together.
        ValueError: When called: the ids have another shape or range, or padding stands before a token.
    """

    def __init__(
        self,
        options_file: Place | None,
        weight_file: Place | None,
        num_output_representations: int,
        requires_grad: bool | Collection[str] = False,
        do_layer_norm: bool = False,
        dropout: float = 0.5,
        vocab_to_cache: Sequence[str] | None = None,
        keep_sentence_boundaries: bool = False,
        scalar_mix_parameters: Sequence[float] | None = None,
        module: nn.Module | None = None,
        *,
        state: str = "warm",
        normalize: bool = False,
    ) -> None:
        super().__init__()
        if module is None:
            module = ContextLayers(
                load_files(options_file, weight_file),
                requires_grad=requires_grad,
                vocab_to_cache=vocab_to_cache,
                state=state,
            )
        elif options_file is not None or weight_file is not None:
            raise ConfigError("module takes the place of options_file and weight_file: expected None for both")
        self._elmo_lstm: Any = module
        self._keep_sentence_boundaries = keep_sentence_boundaries
        self._normalize = normalize
        self._dropout = nn.Dropout(p=dropout)
        self._mixes: list[str] = [f"scalar_mix_{number}" for number in range(num_output_representations)]
        for name in self._mixes:
            mix = ScalarMix(
                module.num_layers,  # type: ignore[arg-type]
                do_layer_norm=do_layer_norm,
                initial_scalar_parameters=scalar_mix_parameters,
                trainable=scalar_mix_parameters is None,
            )
            self.add_module(name, mix)

    @classmethod
    def from_pretrained(
        cls,
        model_dir: Place,
        num_output_representations: int | None = None,
        *,
        requires_grad: bool | Collection[str] = False,
        do_layer_norm: bool = False,
        dropout: float = 0.5,
        vocab_to_cache: Sequence[str] | None = None,
        keep_sentence_boundaries: bool = False,
        scalar_mix_parameters: Sequence[float] | None = None,
        state: str = "warm",
        normalize: bool = False,
    ) -> "Elmo":
        """The ELMo of a model folder: one trained here, one that :meth:`save_pretrained` wrote, or published files.

        Args:
            model_dir: The folder.
            num_output_representations: None takes the mixes that the folder records, or one fresh mix.

        The other arguments are those of the class.

        Raises:
            ConfigError: The arguments do not go together.
            ModelError: The folder is not what it should be.
        """
        layers = ContextLayers(
            load_model(model_dir), requires_grad=requires_grad, vocab_to_cache=vocab_to_cache, state=state
        )
        recorded = recorded_mixes(layers)
        count = num_output_representations if num_output_representations is not None else max(1, len(recorded))
        elmo = cls(
            None,
            None,
            count,
            do_layer_norm=do_layer_norm,
            dropout=dropout,
            keep_sentence_boundaries=keep_sentence_boundaries,
            scalar_mix_parameters=scalar_mix_parameters,
            module=layers,
            normalize=normalize,
        )
        if scalar_mix_parameters is None and len(recorded) == count:
            set_mixes(elmo.scalar_mixes, recorded)
        return elmo

    def save_pretrained(self, model_dir: Place) -> None:
        """Writes the language model, as it is now, in the published layout, and the mixes' weights beside it.

        What reads published models reads it: this toolkit, AllenNLP, bilm-tf, simple_elmo. The softmax is not written:
        it belongs to the weights from before.

        Args:
            model_dir: The folder; it appears whole, in the place of an older one.

        Raises:
            ConfigError: The language model is a ``module`` from elsewhere.
            OutputError: The place cannot be written to.
        """
        if not isinstance(self._elmo_lstm, ContextLayers):
            raise ConfigError("save_pretrained: the language model came as module=, and only its maker can write it")
        save_model(Path(model_dir), self._elmo_lstm, self.scalar_mixes)

    @property
    def scalar_mixes(self) -> list[ScalarMix]:
        """One mix per output."""
        return [getattr(self, name) for name in self._mixes]

    def get_output_dim(self) -> int:
        """E, the width of the vectors: 1024 for the published model."""
        return self._elmo_lstm.get_output_dim()

    def reset_states(self, mask: Tensor | None = None) -> None:
        """Forgets the state that ``state="carry"`` took from batch to batch.

        Args:
            mask: True at the rows to forget, of as many entries as rows carry state; None forgets all.

        Raises:
            ValueError: The mask has another length.
        """
        self._elmo_lstm.reset_states(mask)

    def forward(self, inputs: Tensor, word_inputs: Tensor | None = None) -> dict[str, Any]:
        """See the class."""
        if inputs.dim() < 3:
            raise ValueError(
                f"inputs: expected character ids of shape (..., tokens, 50), as batch_to_ids makes them, "
                f"found {tuple(inputs.shape)}"
            )
        leading = inputs.shape[:-2]
        flat_BTW = inputs.flatten(0, -3)
        flat_BT = None if word_inputs is None else word_inputs.reshape(flat_BTW.shape[:2])
        layers = self._elmo_lstm(flat_BTW, flat_BT)
        mask_BT = layers["mask"].bool()
        kept_BT = mask_BT if self._keep_sentence_boundaries else _without_boundaries(mask_BT)
        representations = []
        for mix in self.scalar_mixes:
            mixed_BTE = mix(layers["activations"], mask_BT)
            if not self._keep_sentence_boundaries:
                mixed_BTE = mixed_BTE[:, 1:-1]
            # Without layer norm only the end boundary is there to be put out; with it, all the padding is.
            mixed_BTE = mixed_BTE.masked_fill(~kept_BT.unsqueeze(-1), 0.0)
            if self._normalize:
                mixed_BTE = functional.normalize(mixed_BTE, dim=-1)
            representations.append(self._dropout(mixed_BTE).view(*leading, *mixed_BTE.shape[1:]))
        return {"elmo_representations": representations, "mask": kept_BT.reshape(*leading, kept_BT.shape[1])}


def _without_boundaries(mask_BT: Tensor) -> Tensor:
    """The mask of the tokens alone: column t + 1 is token t, so a token stands where two more columns follow."""
    return mask_BT[:, 2:]
