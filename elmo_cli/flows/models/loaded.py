"""A model made ready to compute with, whatever container it comes in."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from elmo_cli import __version__
from elmo_cli.config import TextConfig
from elmo_cli.errors import ConfigError, ModelError, TextError
from elmo_cli.flows.models.token_vectors import TokenVectors
from elmo_cli.formats.content import Content, read_bytes, size_of
from elmo_cli.formats.model_files import LARGEST_PIECES, ModelFiles
from elmo_cli.formats.model_folder import find_model
from elmo_cli.formats.model_source import is_other_form, open_model
from elmo_cli.model.bilm import BiLM
from elmo_cli.model.lstm import LstmState
from elmo_cli.model.precision import check_inference_precision
from elmo_cli.model.published import adopt_published, each_published
from elmo_cli.model.softmax import Softmax
from elmo_cli.text.own_lists import SPECIALS as LIST_SPECIALS
from elmo_cli.text.own_lists import OwnLists
from elmo_cli.text.store import EncodedText, encode
from elmo_cli.text.tokenizers import Tokenizer, libraries_behind, make_tokenizer
from elmo_cli.text.vocabulary import SPECIALS, Vocabulary
from elmo_cli.text.windows import Line

NEUTRAL_ROWS, NEUTRAL_STEPS = 16, 64
"""Size of the neutral context: rows read side by side, and positions of each."""

NEUTRAL_STEPS_AT_ONCE = 8
"""Of these, how many are in memory: all at once, they would take half as much as the published model's weights."""

NEUTRAL_WORDS = 300
"""Distinct words of it; few, because a large character CNN takes milliseconds for each."""


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """Network, vocabulary and everything else that a model folder says about them."""

    path: Path
    bilm: BiLM
    softmax: Softmax | None
    vocabulary: Vocabulary | None
    """The classes of the softmax. None where the folder has no vocabulary; vectors from characters need none."""
    text: TextConfig
    """How the model's own text was tokenised; ``whitespace`` for models from elsewhere."""
    own_start: LstmState | None
    """State of one row that sentences start from, where the folder records it."""
    info: dict[str, Any]
    """``model.json``."""
    pieces: bytes | None = None
    """The SentencePiece model, where tokens are its pieces."""
    lists: OwnLists | None = None
    """What turns words into ids, for a model of ELMoForManyLangs."""
    precision: str = "fp32"
    """Of matrix products: one of :data:`elmo_cli.config.INFERENCE_PRECISIONS`."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the weights, names and values, as 64 hexadecimal digits."""
        digest = hashlib.sha256()
        for name, values in each_published(self.bilm):
            digest.update(name.encode())
            digest.update(values.tobytes())
        return digest.hexdigest()

    def text_settings(self, *, tokenizer: str | None) -> TextConfig:
        """How to cut a text: as the model's own was, unless another tokenizer is named."""
        return replace(self.text, tokenizer=tokenizer or self.text.tokenizer)

    def make_tokenizer(self, text: TextConfig) -> Tokenizer:
        """What cuts text by settings of :meth:`text_settings`.

        Raises:
            ConfigError: It needs a SentencePiece model, and this model came without.
        """
        if text.tokenizer == "sentencepiece" and self.pieces is None:
            raise ConfigError(
                f"{self.path}: the tokenizer sentencepiece needs tokenizer.model, and this model has none",
                hint="put the file that its text was cut with into its folder, or name another --tokenizer",
            )
        return make_tokenizer(text, self.pieces)

    def feature_attributes(self, *, layers: str, state: str) -> dict[str, str]:
        """What a file of this model's vectors says of itself."""
        return {
            "tool": f"elmo {__version__}",
            "model": self.fingerprint,
            "layers": layers,
            "dtype": "float32",
            "precision": self.precision,
            "state": state,
        }

    @property
    def input_vocabulary(self) -> Vocabulary:
        """What to encode text for embedding with: a model that reads characters needs no more than the specials."""
        if self.lists is not None:
            return Vocabulary(list(LIST_SPECIALS), specials=LIST_SPECIALS)
        if self.bilm.config.char_cnn is None and self.vocabulary is not None:
            return self.vocabulary
        return Vocabulary(list(SPECIALS))

    def encode(self, sentences: Iterable[Sequence[str]]) -> EncodedText:
        """Sentences as the token encoder reads them, for vectors."""
        spell = None if self.lists is None else self.lists.table
        return encode(sentences, self.input_vocabulary, self.max_characters, spell=spell)

    @property
    def max_characters(self) -> int:
        """W; for a model of word ids any value serves."""
        return self.bilm.config.char_cnn.max_characters if self.bilm.config.char_cnn else 3

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.bilm.parameters()).device


def load_model(
    model_dir: Path | str,
    device: torch.device | str = "cpu",
    *,
    weights: Path | str | None = None,
    precision: str = "fp32",
) -> LoadedModel:
    """Loads a model: a folder (ours, a run, published files), an archive, an AllenNLP checkpoint, an https address.

    Args:
        model_dir: Path or address, as :func:`elmo_cli.formats.model_source.open_model` takes it.
        device: Where the weights go.
        weights: Weights for the options in ``model_dir``, where they are not found by themselves; path or address.
        precision: Of matrix products: ``fp32``, ``bf16``, on CUDA ``tf32``, on CPUs ``int8``.

    Raises:
        ConfigError: The device has no products of this precision.
        ModelError: A file is missing, incomplete, hostile, or not what the options say.
        OutputError: The cache for downloads cannot be written to.
    """
    check_inference_precision(precision, torch.device(device))
    files = open_model(model_dir, weights)
    path = Path(model_dir)
    if weights is None and path.is_dir() and not is_other_form(path):
        path = find_model(path)
    trains = files.softmax is not None or files.config.char_cnn is None
    vocabulary = None
    if files.vocabulary_path is not None:
        vocabulary = Vocabulary.read(files.vocabulary_path, require_specials=trains)
    elif files.vocabulary_content is not None:
        vocabulary = unpacked_vocabulary(files.vocabulary_content, files.counts_content, require_specials=trains)
    bilm = BiLM(files.config, files.vocabulary_size)
    adopt_published(bilm, files.weights)
    bilm.requires_grad_(False).eval().to(device)
    softmax = None
    if files.softmax is not None:
        weight, bias = files.softmax
        if vocabulary is None or len(vocabulary) != len(bias):
            raise ModelError(
                f"{path}: the softmax has {len(bias):,} classes, the vocabulary "
                + (f"{len(vocabulary):,} words" if vocabulary else "is missing"),
                hint="put the vocabulary that the model was trained with beside it, as vocab.txt",
            )
        softmax = Softmax(*weight.shape)
        softmax.load_state_dict({"weight_VD": torch.from_numpy(weight), "bias_V": torch.from_numpy(bias)}, assign=True)
        softmax.requires_grad_(False).to(device)
    own_start = None
    if files.start_state is not None:
        own_start = LstmState(*(torch.from_numpy(part).unsqueeze(2).to(device) for part in files.start_state))
    return LoadedModel(
        path=path,
        bilm=bilm,
        softmax=softmax,
        vocabulary=vocabulary,
        text=TextConfig.recorded(files.info.get("text", {})),
        own_start=own_start,
        info=files.info,
        pieces=_read_pieces(files),
        lists=None if files.lists is None else OwnLists(**vars(files.lists)),
        precision=precision,
    )


def _read_pieces(files: ModelFiles) -> bytes | None:
    if files.pieces is None:
        return None
    if (size := size_of(files.pieces)) > LARGEST_PIECES:
        raise ModelError(f"{files.pieces}: expected at most {LARGEST_PIECES:,} bytes, found {size:,}")
    pieces = read_bytes(files.pieces)
    recorded, found = files.info.get("pieces_sha256"), hashlib.sha256(pieces).hexdigest()
    if recorded not in (None, found):
        raise ModelError(
            f"{files.pieces}: expected the model that cut the training text, SHA-256 {recorded}, found {found}",
            hint="put the file back that the model came with",
        )
    return pieces


def unpacked_vocabulary(words: Content, counts: Content | None, *, require_specials: bool) -> Vocabulary:
    """The vocabulary in an archive, by the rules of :meth:`Vocabulary.read`.

    Raises:
        TextError: A line is blank or repeated, a special is missing, or the counts belong to other words.
    """
    vocabulary = Vocabulary.from_lines(_lines(words), str(words), require_specials=require_specials)
    return vocabulary if counts is None else vocabulary.with_counts(_lines(counts), str(counts))


def _lines(content: Content) -> list[str]:
    try:
        text = content.data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TextError(f"{content}: expected UTF-8: {error}", hint="save the file as UTF-8") from error
    return re.split(r"\r\n|\r|\n", re.sub(r"(\r\n|\r|\n)\Z", "", text))


def other_libraries(model: LoadedModel, text: TextConfig) -> str | None:
    """A warning where text would be cut by other versions of the libraries than the model's own was; else None."""
    recorded, here = model.info.get("libraries", {}), libraries_behind(text)
    here.pop("unicodedata", None)  # what a version knows, later ones leave as it is
    other = [
        f"{name} {here[name]} (the model's text: {recorded[name]})"
        for name in here
        if name in recorded and recorded[name] != here[name]
    ]
    return f"text is cut into tokens by {', '.join(other)}; it may be cut elsewhere" if other else None


def start_state(model: LoadedModel, policy: str) -> tuple[LstmState, str]:
    """The state of one row that sentences start from, and its name for the record.

    Args:
        model: The model.
        policy: ``zero``; ``warm`` (after a fixed neutral context); or ``model`` (what the model folder records, and
            ``warm`` where it records nothing, as for every model that this tool did not train).

    Raises:
        ConfigError: The policy is none of these.
    """
    if policy not in ("zero", "warm", "model"):
        raise ConfigError(f"start state {policy!r}: expected model, warm or zero")
    zero = LstmState.zeros(model.bilm.config.lstm, 1, like=next(model.bilm.parameters()))
    if policy == "zero":
        return zero, "zero"
    if policy == "model" and model.own_start is not None:
        at_zero = not any(bool(part.any()) for part in model.own_start)
        return model.own_start, "zero (the model's own, trained for)" if at_zero else "the model's own, recorded"
    return warm_state(model, zero), f"warm ({NEUTRAL_ROWS} x {NEUTRAL_STEPS} positions of neutral text)"


@torch.no_grad()
def warm_state(model: LoadedModel, zero: LstmState) -> LstmState:
    """The mean of the states in which rows of a fixed neutral text end, read in the packing of training.

    The text is words of random letters (of random ids, for a model of word ids), so it is the same for every model and
    close to none of its sentences. It has to be varied: a model may have a second regime, in which a direction predicts
    nothing any more, and repeated full stops or empty sentences lead some into it (ARCHITECTURE.md, Start state).
    """
    text = model.encode(_neutral_sentences(model))
    # One row after another on the line; packed order is step after step.
    positions_TB = np.arange(NEUTRAL_ROWS * NEUTRAL_STEPS, dtype=np.int64).reshape(NEUTRAL_ROWS, -1).T
    inputs_GN = Line(text).read(positions_TB.reshape(-1)).inputs_GX
    vectors, state = TokenVectors(model.bilm, text), zero.expand(NEUTRAL_ROWS)
    with torch.autocast(model.device.type, enabled=False):  # whoever loads a model may be inside of one
        for begin in range(0, NEUTRAL_STEPS, NEUTRAL_STEPS_AT_ONCE):
            span = slice(begin * NEUTRAL_ROWS, (begin + NEUTRAL_STEPS_AT_ONCE) * NEUTRAL_ROWS)
            _, state = model.bilm(vectors.distinct(inputs_GN[:, span]), [NEUTRAL_ROWS] * NEUTRAL_STEPS_AT_ONCE, state)
    return LstmState(*(part.mean(dim=2, keepdim=True) for part in state))


def _neutral_sentences(model: LoadedModel) -> list[list[str]]:
    """Sentences of 4 to 30 words and a full stop, together a little longer than the rows of the neutral text."""
    generator = np.random.Generator(np.random.PCG64(NEUTRAL_ROWS))
    if model.bilm.config.char_cnn is not None:
        lengths = generator.integers(1, 10, size=NEUTRAL_WORDS)
        words = ["".join(chr(ord("a") + n) for n in generator.integers(0, 26, size=length)) for length in lengths]
    else:
        listed = model.lists.words if model.lists is not None else None
        known = [word for word in listed or model.input_vocabulary.words if word not in (*SPECIALS, *LIST_SPECIALS)]
        words = [known[n] for n in generator.integers(0, min(len(known), NEUTRAL_WORDS), size=NEUTRAL_WORDS)]
    sentences: list[list[str]] = []
    while sum(len(sentence) + 1 for sentence in sentences) < NEUTRAL_ROWS * NEUTRAL_STEPS:
        length = int(generator.integers(4, 31))
        sentences.append([*(words[n] for n in generator.integers(0, len(words), size=length)), "."])
    return sentences
