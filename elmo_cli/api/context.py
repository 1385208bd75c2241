"""The bidirectional language model as a module over padded batches of character ids."""

import sys
import warnings
from collections.abc import Collection, Iterable, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from elmo_cli.api.allennlp_state import read_names, write_names
from elmo_cli.api.ids import batch_to_ids
from elmo_cli.api.packing import Packing, token_mask
from elmo_cli.api.states import RowStates
from elmo_cli.api.token_encoder import WordCache, encode_distinct, encode_tokens
from elmo_cli.errors import ConfigError, ModelError
from elmo_cli.flows.models.loaded import LoadedModel, start_state
from elmo_cli.flows.vectors.embedding import STATES
from elmo_cli.model.char_cnn import CharCnn
from elmo_cli.model.distinct_tokens import DistinctTokens
from elmo_cli.text.vocabulary import BEGIN, END


class ContextLayers(nn.Module):
    """All layers of an ELMo for a padded batch, boundaries included. What :class:`Elmo` mixes.

    Args:
        model: Network and start state.
        requires_grad: Which weights learn: all, none, or the named layers: ``char_cnn``, ``lstm.1``, ``lstm.2``.
        vocab_to_cache: Words whose token vectors are computed once.
        state: ``warm``, ``zero`` or ``carry``; see :class:`Elmo`.

    Shape:
        - inputs (B, T, W), character ids of :func:`batch_to_ids`; word_inputs (B, T), places in ``vocab_to_cache``
        - -> ``activations``, L tensors (B, T + 2, E), zeros in the padding; ``mask`` (B, T + 2), bool

    Raises:
        ConfigError: A setting is not usable.
        ModelError: The model reads word ids.
        ValueError: When called: the ids are not of that shape or range, or padding stands before a token.
    """

    boundaries_2W: Tensor

    def __init__(
        self,
        model: LoadedModel,
        *,
        requires_grad: bool | Collection[str] = False,
        vocab_to_cache: Sequence[str] | None = None,
        state: str = "warm",
    ) -> None:
        super().__init__()
        self.config = model.bilm.config
        if self.config.own_lists is not None:
            raise ModelError(
                f"{model.path}: expected a model whose characters are bytes, as batch_to_ids makes them, found one of "
                "ELMoForManyLangs, which has a list of its own",
                hint="ElmoEmbedder(model_dir=...) and elmo embed take it",
            )
        if self.config.char_cnn is None:
            raise ModelError(
                f"{model.path}: expected a model of characters, found one of word ids",
                hint="ElmoEmbedder(model_dir=...) and elmo embed take both kinds",
            )
        if state not in STATES:
            raise ConfigError(f"state={state!r}: expected {', '.join(STATES)}")
        self.bilm = model.bilm
        self.info = model.info
        """What the model folder says of itself: ``model.json``."""
        start, _ = start_state(model, "model" if state == "warm" else "zero")
        self.recorded_start = start if state == "warm" else model.own_start
        """What to record as the start state of a saved model; None where nothing is known of it."""
        self.states = RowStates(start, carry=state == "carry")
        boundaries_2W = batch_to_ids([[BEGIN, END]], max_characters=self.config.char_cnn.max_characters)[0]
        self.register_buffer("boundaries_2W", boundaries_2W, persistent=False)
        self.cache: WordCache | None = None
        self.set_requires_grad(requires_grad)
        self.register_state_dict_post_hook(write_names)
        self.register_load_state_dict_pre_hook(read_names)
        if vocab_to_cache is not None:
            self.cache = WordCache(self._char_cnn, vocab_to_cache)
            self.register_load_state_dict_post_hook(_refresh_cache)
            self._warn_of_a_cache_at_rest()

    @property
    def _char_cnn(self) -> CharCnn:
        assert isinstance(self.bilm.token_encoder, CharCnn)
        return self.bilm.token_encoder

    @property
    def num_layers(self) -> int:
        """L."""
        return self.config.vector_layers

    def get_output_dim(self) -> int:
        """E."""
        return self.config.vector_dim

    def set_requires_grad(self, requires_grad: bool | Collection[str]) -> None:
        """Decides which weights learn.

        Args:
            requires_grad: True for all, False for none, or names of layers: ``char_cnn``, ``lstm.1`` and so on.

        Raises:
            ConfigError: There is no layer of such a name.
        """
        layers: dict[str, nn.Module] = {"char_cnn": self._char_cnn}
        layers |= {
            f"lstm.{number}": layer for number, layer in enumerate(cast(Iterable[nn.Module], self.bilm.layers), 1)
        }
        if isinstance(requires_grad, bool):
            chosen = set(layers) if requires_grad else set()
        else:
            chosen = {requires_grad} if isinstance(requires_grad, str) else set(requires_grad)
        if unknown := sorted(chosen - layers.keys()):
            raise ConfigError(
                f"requires_grad: expected True, False or some of {', '.join(layers)}; found {', '.join(unknown)}"
            )
        for name, layer in layers.items():
            layer.requires_grad_(name in chosen)
        self._warn_of_a_cache_at_rest()

    def _warn_of_a_cache_at_rest(self) -> None:
        if self.cache is not None and self._char_cnn.embedding.requires_grad:
            warnings.warn(
                "vocab_to_cache is not used while char_cnn learns: cached vectors would be those of old weights; "
                "requires_grad={'lstm.1', 'lstm.2'} keeps char_cnn, and with it the cache",
                stacklevel=4,
            )

    def reset_states(self, mask: Tensor | None = None) -> None:
        """Forgets the carried state of all rows, or of those where the mask is true; nothing to do but for ``carry``.

        Raises:
            ValueError: The mask has not as many entries as rows carry state.
        """
        self.states.reset(mask)

    def forward(self, inputs: Tensor, word_inputs: Tensor | None = None) -> dict[str, Any]:
        """See the class."""
        # Lengths decide the shapes here and the LSTM has a backward of its own: torch.compile has nothing to gain
        # inside, and cannot trace it. Loading it takes 1.6 s, so it is told only where somebody has loaded it.
        if "torch._dynamo" in sys.modules:
            return torch.compiler.disable(self._run)(inputs, word_inputs)
        return self._run(inputs, word_inputs)

    def _run(self, inputs: Tensor, word_inputs: Tensor | None) -> dict[str, Any]:
        self._check(inputs, word_inputs)
        if word_inputs is not None and self.cache is None:
            warnings.warn("word_inputs are passed over: there is no cache; vocab_to_cache makes one", stacklevel=2)
        mask_BT = token_mask(inputs)
        rows, columns = mask_BT.shape[0], mask_BT.shape[1] + 2
        lengths_B = mask_BT.sum(dim=1) + 2
        packing = Packing.of(lengths_B, columns)
        # The LSTM's operation writes into tensors of its own type, which autocast would mix with others.
        with torch.autocast(inputs.device.type, enabled=False):
            vectors_UD, type_M = self._encode(inputs[mask_BT], None if word_inputs is None else word_inputs[mask_BT])
            tokens = DistinctTokens(vectors_UD, type_M[packing.pack(_number_tokens(mask_BT, lengths_B))])
            tokens_GND = tokens.spread()
            begin = self.states.begin(packing.order_B)
            outputs, end = self.bilm(tokens_GND if torch.is_grad_enabled() else tokens, packing.batch_sizes, begin)
        self.states.end(packing.order_B, end)
        # The backward direction's copy of the token vectors lands in the same places, so layer 0 is one vector twice.
        activations = [packing.unpack(layer_GND) for layer_GND in (tokens_GND, *outputs)]
        mask = torch.arange(columns, device=inputs.device).expand(rows, -1) < lengths_B[:, None]
        return {"activations": activations, "mask": mask}

    def _check(self, inputs: Tensor, word_inputs: Tensor | None) -> None:
        assert self.config.char_cnn is not None
        width = self.config.char_cnn.max_characters
        if inputs.dim() != 3 or inputs.shape[2] != width or inputs.is_floating_point():
            raise ValueError(
                f"inputs: expected whole numbers of shape (..., tokens, {width}), as batch_to_ids makes them, "
                f"found {inputs.dtype} {tuple(inputs.shape)}"
            )
        if word_inputs is not None and word_inputs.shape != inputs.shape[:2]:
            raise ValueError(
                f"word_inputs: expected one id for each token, {tuple(inputs.shape[:2])}, "
                f"found {tuple(word_inputs.shape)}"
            )

    def _encode(self, ids_NW: Tensor, words_N: Tensor | None) -> tuple[Tensor, Tensor]:
        """Vectors (U, D), and which of them both boundaries have, and then the tokens, (N + 2,)."""
        learns = self._char_cnn.embedding.requires_grad
        if self.cache is None or words_N is None or learns:
            return encode_distinct(self._char_cnn, torch.cat([self.boundaries_2W, ids_NW]))
        boundaries_2D = encode_tokens(self._char_cnn, self.boundaries_2W)
        vectors_MD = torch.cat([boundaries_2D, self.cache(self._char_cnn, ids_NW, words_N)])
        return vectors_MD, torch.arange(len(vectors_MD), device=ids_NW.device)


def _number_tokens(mask_BT: Tensor, lengths_B: Tensor) -> Tensor:
    """Which vector stands in each column (B, T + 2): 0 and 1 are begin and end, the tokens follow in reading order."""
    rows, columns = mask_BT.shape
    numbers_BT = lengths_B.new_zeros(rows, columns + 2)
    numbers_BT[:, 1 : columns + 1][mask_BT] = torch.arange(2, 2 + int(mask_BT.sum()), device=mask_BT.device)
    numbers_BT[torch.arange(rows, device=mask_BT.device), lengths_B - 1] = 1
    return numbers_BT


def _refresh_cache(module: nn.Module, _: Any) -> None:
    assert isinstance(module, ContextLayers)
    if module.cache is not None:
        module.cache.refresh(module._char_cnn)
