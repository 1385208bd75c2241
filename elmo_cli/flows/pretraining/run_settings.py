"""The settings of a run: the preset's with the user's laid over them, or those that a resumed run began with."""

import json
import platform
import shutil
from collections.abc import Generator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from elmo_cli import __version__
from elmo_cli.config import LENGTHS, RunConfig, as_named_now, from_dict, override, preset, to_dict
from elmo_cli.device import describe
from elmo_cli.errors import ConfigError, OutputError
from elmo_cli.files import LOCK, write_text
from elmo_cli.flows.corpora.corpus import DERIVED, Sources, tokenise, training_corpus
from elmo_cli.flows.pretraining.origin import (
    ORIGIN,
    going_on_notes,
    refuse_without_origin,
    settings_from,
    sources_from,
    take_origin,
    text_notes,
)
from elmo_cli.flows.reports import Notice, Report
from elmo_cli.formats.model_folder import VOCABULARY
from elmo_cli.model.precision import check_precision

FREE_ON_RESUME = (
    *LENGTHS,
    "evaluate_every",
    "checkpoint_every",
    "keep",
    "patience",
    "on_non_finite",
    "back_offs",
)
"""Training settings that a resumed run may change: none of them decides what a step computes."""

ANY_PRESET = "tiny"
"""Whose text settings count while the corpus is still being measured; all presets agree in them."""


def check_place(run_dir: Path) -> None:
    """Refuses a folder that holds anything but a run.

    Raises:
        OutputError: It does.
    """
    if run_dir.is_file() or (run_dir.is_dir() and any(run_dir.iterdir()) and not (run_dir / LOCK).exists()):
        raise OutputError(
            f"{run_dir}: exists and is not a run of elmo pretrain; nothing was changed",
            hint="choose another place with --out",
        )


def settle(
    run_dir: Path,
    sources: Sources,
    preset_name: str,
    settings: Mapping[str, Any],
    device: torch.device,
    resume: bool,
) -> Generator[Report, None, tuple[RunConfig, Sources]]:
    """The run's settings and text: the saved ones of a run that goes on, otherwise what the user named."""
    saved_path = run_dir / "config.json"
    if saved_path.exists():
        if not resume:
            raise OutputError(
                f"{run_dir}: holds a run already",
                hint=f"go on with it: add --resume; or begin another: --out {run_dir}-2",
            )
        return (yield from _go_on(saved_path, sources, settings, device))
    if not sources.inputs:
        raise ConfigError(f"{run_dir}: no run to resume and no text to train on", hint="name a text file")
    for name in (*DERIVED, ORIGIN):  # of a call that was killed before it had settled its settings
        leftover = run_dir / name
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink(missing_ok=True)
    if sources.origin is not None:
        origin = take_origin(run_dir, sources.origin)
        config, chosen = settings_from(origin, preset_name, settings)
        sources, origin = sources_from(origin, sources, config)
        check_precision(config.train.precision, device)
        words = yield from tokenise(run_dir, sources, config)
        yield from text_notes(origin, training_corpus(run_dir, sources))
    else:
        refuse_without_origin(sources)
        origin = None
        chosen = ANY_PRESET if preset_name == "auto" else preset_name
        config = override(preset(chosen), settings, where="settings")
        check_precision(config.train.precision, device)
        words = yield from tokenise(run_dir, sources, config)
        if preset_name == "auto":
            chosen = suitable_preset(words, device)
            config = override(preset(chosen), settings, where="settings")
            yield Notice(text=f"preset {chosen}: suits {words:,} words on {describe(device)}; choose with --preset")
    config = _fit_rows(config, words, "rows" in settings.get("train", {}))
    config = replace(config, train=config.train.settled())
    record = {
        "tool": f"elmo {__version__}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "device": describe(device),
        "preset": chosen,
        "inputs": list(sources.inputs),
        "vocabulary": str(sources.vocabulary_path) if sources.vocabulary_path else None,
        "pieces_model": str(sources.pieces_model) if sources.pieces_model else None,
        "validation": list(sources.validation),
        **({ORIGIN: origin.record} if origin is not None else {}),
        "config": to_dict(config),
    }
    write_text(saved_path, json.dumps(record, indent=2) + "\n")
    return config, sources


def _go_on(
    saved_path: Path, sources: Sources, settings: Mapping[str, Any], device: torch.device
) -> Generator[Report, None, tuple[RunConfig, Sources]]:
    """Settings and text that a run began with."""
    run_dir, record = saved_path.parent, _recorded(saved_path)
    saved = from_dict(RunConfig, as_named_now(record["config"]), where=str(saved_path))
    config = override(saved, _length_alone(settings), where="settings")
    _refuse_changes(run_dir, saved, config)
    check_precision(config.train.precision, device)
    vocabulary_path = Path(record["vocabulary"]) if record["vocabulary"] else None
    if record.get(ORIGIN, {}).get("vocabulary") == "same":
        vocabulary_path = run_dir / ORIGIN / VOCABULARY  # wherever the run's folder has been moved to
    pieces_model = Path(record["pieces_model"]) if record.get("pieces_model") else None
    began_with = Sources(tuple(record["inputs"]), vocabulary_path, tuple(record["validation"]), pieces_model)
    if sources.inputs and sources.inputs != began_with.inputs:
        named = " ".join(began_with.inputs)
        yield Notice(text=f"going on with the text that the run began with: {named}", warning=True)
    yield from going_on_notes(run_dir, sources)
    yield from tokenise(run_dir, began_with, config)
    return config, began_with


def suitable_preset(words: int, device: torch.device) -> str:
    """The largest preset whose ten epochs are a matter of minutes to hours on a CPU, and of hours to days on a GPU."""
    if device.type == "cuda":
        sizes = {"compact": 2_000_000, "small": 20_000_000, "medium": 100_000_000}
        return next((name for name, most in sizes.items() if words < most), "original")
    return "tiny" if words < 500_000 else "compact"


def _fit_rows(config: RunConfig, words: int, chosen_by_user: bool) -> RunConfig:
    # An epoch of at least fifty steps, so that a small text is still learned in steps and not in leaps.
    most = max(1, words // (50 * config.train.window))
    if chosen_by_user or config.train.rows <= most:
        return config
    return replace(config, train=replace(config.train, rows=most))


def _length_alone(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with the other ways to say how long a run is undone."""
    train = dict(settings.get("train", {}))
    if any(name in train for name in LENGTHS):
        train = dict.fromkeys(LENGTHS) | train
    return {**settings, "train": train}


def _refuse_changes(run_dir: Path, saved: RunConfig, config: RunConfig) -> None:
    fixed = saved.train.fixed_by_schedule
    free = {name: getattr(saved.train, name) for name in FREE_ON_RESUME if name not in fixed}
    if replace(config, train=replace(config.train, **free)) != saved:
        old, new = _flat(to_dict(saved)), _flat(to_dict(config))
        changed = [name for name in old if old[name] != new.get(name)]
        schedule = f"; the schedule {saved.train.schedule.name} depends on {', '.join(fixed)}" if fixed else ""
        raise ConfigError(
            f"{run_dir}: a run goes on with the settings it began with; changed: {', '.join(changed)}{schedule}",
            hint="leave them away, or begin another run with another --out",
        )


def _flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def _recorded(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        record["config"], record["inputs"], record["vocabulary"], record["validation"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path}: not the settings of a run ({type(error).__name__}: {error})",
            hint="the file is damaged: put back a copy of it, or begin another run with another --out",
        ) from error
    return record
