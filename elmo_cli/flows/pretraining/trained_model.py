"""What a run has learned, written as a model folder."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from elmo_cli import __version__
from elmo_cli.config import RunConfig, to_dict
from elmo_cli.flows.corpora.corpus import Corpus
from elmo_cli.flows.evaluation.line_losses import LineLosses
from elmo_cli.flows.pretraining.training import Trainer
from elmo_cli.formats.model_folder import ModelFiles, write_model_folder
from elmo_cli.model.lstm import LstmState
from elmo_cli.model.published import to_published


def write_trained_model(
    model_dir: Path,
    trainer: Trainer,
    start: LstmState,
    config: RunConfig,
    corpus: Corpus,
    losses: LineLosses,
    origin: dict[str, Any] | None = None,
) -> None:
    """Writes the published layout, with what it was trained on and how well it does in ``info.json``.

    Args:
        model_dir: The folder, replaced if it is there.
        trainer: Weights and their step.
        start: State that sentences start from.
        config: Settings of the run.
        corpus: What it is trained on.
        losses: Of the held-out text at this step.
        origin: What is recorded of the model that the run continues, if it continues one.

    Raises:
        OutputError: The disk is full or read-only.
    """
    softmax = trainer.softmax
    files = ModelFiles(
        config=config.model,
        weights=to_published(trainer.bilm),
        softmax=(_host(softmax.weight_VD), _host(softmax.bias_V)),
        start_state=start.to_arrays(),
        vocabulary_path=corpus.vocabulary_path,
        pieces=corpus.pieces_path,
        info=_info(trainer, config, corpus, losses) | ({"origin": origin} if origin is not None else {}),
    )
    write_model_folder(model_dir, files)


def _info(trainer: Trainer, config: RunConfig, corpus: Corpus, losses: LineLosses) -> dict[str, Any]:
    text, step = corpus.training, trainer.step_number
    forward, backward = np.exp(losses.mean_losses_G).tolist()
    return {
        "tool": f"elmo {__version__}",
        "text": to_dict(corpus.text),
        "libraries": dict(corpus.libraries),
        "pieces_sha256": corpus.pieces_sha256,
        "training": {
            "words": text.num_tokens,
            "sentences": text.num_sentences,
            "steps": step,
            "epochs": round(step / trainer.windows.steps_per_epoch, 3),
            "settings": to_dict(config.train),
        },
        "held_out": {
            "perplexity": float(np.exp(losses.mean_loss)),
            "forward": forward,
            "backward": backward,
            "targets_per_direction": losses.targets,
            "context": "sentence: each from the start state",
            "definition": "exp of the mean loss of both directions, full softmax, every position once",
        },
    }


def _host(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().to("cpu", torch.float32).numpy()
