"""The model that a run continues: taken into the run folder once, and what the run's settings take from it."""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from elmo_cli.config import PRESETS, ModelConfig, RunConfig, TextConfig, override, preset, to_dict
from elmo_cli.config.layers import SOFTMAX, named_layers
from elmo_cli.errors import ConfigError
from elmo_cli.flows.corpora.corpus import Sources, is_given_prepared
from elmo_cli.flows.models.loaded import load_model
from elmo_cli.flows.reports import Notice
from elmo_cli.formats.model_folder import PIECES, VOCABULARY, write_model_folder
from elmo_cli.formats.model_source import open_model
from elmo_cli.text.prepared import PreparedCorpus

ORIGIN = "origin"
"""The folder in a run's folder that holds the model it began with."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What a run's settings need to know of the model it continues."""

    source: str
    """Path or address, as it was given."""
    folder: Path
    """The copy in the run folder."""
    model: ModelConfig
    text: TextConfig | None
    """How its text was cut; None where it does not say."""
    has_softmax: bool
    has_vocabulary: bool
    pieces_sha256: str | None
    record: dict[str, Any]
    """What the run and its model say of their origin."""


def take_origin(run_dir: Path, source: str) -> Origin:
    """Copies a model into the run folder, so that the run does not depend on its place any more.

    Raises:
        ModelError: There is no model, or one that is damaged or hostile.
        ConfigError: It is one that cannot be trained here.
    """
    folder = run_dir / ORIGIN
    shutil.rmtree(folder, ignore_errors=True)
    files = open_model(source)
    if files.config.own_lists is not None:
        raise ConfigError(
            f"--init-from {source}: a model of ELMoForManyLangs, which is read and not trained here",
            hint="train a model of characters on the same text: leave --init-from away",
        )
    if files.config.char_cnn is None and files.vocabulary_place is None:
        raise ConfigError(
            f"--init-from {source}: a model of word ids without its vocabulary, so its rows have no words",
            hint="put the vocabulary that it was trained with beside it, as vocab.txt",
        )
    write_model_folder(folder, files)
    del files
    model = load_model(folder)
    info, training = model.info, model.info.get("training", {})
    record = {
        "path": source,
        "sha256": model.fingerprint,
        "tool": info.get("tool"),
        "words": training.get("words"),
        "steps": training.get("steps"),
        "origin": info.get("origin"),
    }
    return Origin(
        source=source,
        folder=folder,
        model=model.bilm.config,
        text=TextConfig.recorded(info["text"]) if "text" in info else None,
        has_softmax=model.softmax is not None,
        has_vocabulary=model.vocabulary is not None,
        pieces_sha256=info.get("pieces_sha256"),
        record={name: value for name, value in record.items() if value is not None},
    )


def origin_record(run_dir: Path) -> dict[str, Any] | None:
    """What a run recorded of the model it continues; None where it began from scratch."""
    settings = run_dir / "config.json"
    if not settings.exists():
        return None
    record: dict[str, Any] = json.loads(settings.read_text(encoding="utf-8"))
    return record.get(ORIGIN)


def settings_from(origin: Origin, preset_name: str, settings: Mapping[str, Any]) -> tuple[RunConfig, str]:
    """The run's settings, architecture and text settings being the model's, and the preset that the others are of.

    Args:
        preset_name: As the user chose it; ``auto`` takes the preset nearest in size.
        settings: The user's, which may repeat the architecture and may not change it.

    Raises:
        ConfigError: They ask for another architecture.
    """
    chosen = nearest_preset(origin.model) if preset_name == "auto" else preset_name
    base = preset(chosen)
    if preset_name != "auto" and base.model != origin.model:
        raise ConfigError(
            f"--preset {chosen}: another architecture than that of --init-from {origin.source}: "
            f"{_differences(origin.model, base.model)}",
            hint="leave --preset away: the architecture comes from the model, and --set changes how it is trained",
        )
    text = base.text if origin.text is None else origin.text
    config = override(replace(base, model=origin.model, text=text), settings, where="settings")
    if config.model != origin.model:
        raise ConfigError(
            f"--init-from {origin.source}: its architecture cannot change: {_differences(origin.model, config.model)}",
            hint="leave these settings away, or train from scratch without --init-from",
        )
    rebuilds = not origin.has_softmax and not origin.model.share_embedding_softmax
    if rebuilds and SOFTMAX in named_layers(config.train.freeze, config.model.lstm.layers):
        raise ConfigError(
            f"train.freeze: the softmax cannot be frozen, because {origin.source} came without one",
            hint="leave softmax away from --freeze",
        )
    return config, chosen


def nearest_preset(model: ModelConfig) -> str:
    """The preset with the same architecture, else the one whose cells are nearest in number, of two the smaller."""
    for name, config in PRESETS.items():
        if config.model == model:
            return name
    sizes = {name: config.model.lstm.cell_dim for name, config in PRESETS.items()}
    cells = model.lstm.cell_dim
    return min(sizes, key=lambda name: max(sizes[name], cells) / min(sizes[name], cells))


def sources_from(origin: Origin, sources: Sources, config: RunConfig) -> tuple[Sources, Origin]:
    """Text, vocabulary and pieces of the run, and the origin with a record of which vocabulary and softmax it is.

    Raises:
        ConfigError: The model's vocabulary is asked for, and it has none.
    """
    if config.text.tokenizer == "sentencepiece" and not is_given_prepared(sources) and sources.pieces_model is None:
        pieces = origin.folder / PIECES
        sources = replace(sources, pieces_model=pieces if pieces.exists() else None)
    by_itself = origin.has_vocabulary and (origin.has_softmax or origin.model.char_cnn is None)
    vocabulary = "new"
    if sources.vocabulary_path is not None:
        vocabulary = "given"
    elif by_itself if sources.keep_vocabulary is None else sources.keep_vocabulary:
        if not origin.has_vocabulary:
            raise ConfigError(
                f"--vocab same: {origin.source} comes without a vocabulary",
                hint="--vocab new counts one on the text; --vocab FILE takes another",
            )
        vocabulary, sources = "same", replace(sources, vocabulary_path=origin.folder / VOCABULARY)
    softmax = "the model's" if origin.has_softmax or origin.model.share_embedding_softmax else "rebuilt"
    return sources, replace(origin, record={**origin.record, "vocabulary": vocabulary, "softmax": softmax})


def refuse_without_origin(sources: Sources) -> None:
    """Refuses what only a run that continues a model can be asked for.

    Raises:
        ConfigError: It is asked for.
    """
    if sources.keep_vocabulary:
        raise ConfigError(
            "--vocab same: there is no model whose vocabulary could stay",
            hint="name the model with --init-from; a file with the name same is ./same",
        )


def going_on_notes(run_dir: Path, sources: Sources) -> Iterator[Notice]:
    """Where a resumed run is asked to continue another model than it began with."""
    record = origin_record(run_dir)
    began_with = None if record is None else record["path"]
    if sources.origin is not None and sources.origin != began_with:
        other = "from scratch" if began_with is None else f"with {began_with}"
        yield Notice(text=f"--init-from {sources.origin} is passed over: the run began {other}", warning=True)


def text_notes(origin: Origin, prepared: PreparedCorpus) -> Iterator[Notice]:
    """How the new text is cut beside the model's own, where they differ or nobody knows."""
    cut = prepared.text
    if origin.text is None:
        yield Notice(
            text=f"{origin.source} does not say how its text was cut into tokens; this one is cut by {cut.tokenizer}, "
            "and --tokenizer chooses"
        )
        return
    theirs, ours = to_dict(origin.text.settled()), to_dict(cut.settled())
    other = [f"{name} {ours[name]} (the model's: {theirs[name]})" for name in ours if ours[name] != theirs[name]]
    if cut.tokenizer == "sentencepiece" and origin.pieces_sha256 not in (None, prepared.pieces_sha256):
        other.append("other pieces of SentencePiece")
    if other:
        yield Notice(
            text=f"this text is cut otherwise than that of {origin.source}: {', '.join(other)}; its words are then "
            "others than those the model knows",
            warning=True,
        )


def _differences(model: ModelConfig, other: ModelConfig) -> str:
    pairs = list(zip(_flat(to_dict(model), "model."), _flat(to_dict(other), "model."), strict=False))
    if model.char_cnn is None or other.char_cnn is None:
        pairs = [(("model.char_cnn", _given(model)), ("model.char_cnn", _given(other)))]
    return ", ".join(f"{name} is {own} in the model, {value} here" for (name, own), (_, value) in pairs if own != value)


def _given(model: ModelConfig) -> str:
    return "null" if model.char_cnn is None else "a character CNN"


def _flat(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
