"""The full softmax over the published models' vocabulary, in bounded memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from elmo_cli.config import CharCnnConfig, LstmConfig, ModelConfig
from elmo_cli.formats.model_folder import ModelFiles, write_model_folder
from elmo_cli.text.vocabulary import Vocabulary
from tests import numpy_elmo as reference

CLASSES, WIDTH, WORDS = 793_471, 128, 400
BEYOND_WEIGHTS = 1_000_000_000
"""Bytes that a whole process may use beside the softmax's weights: interpreter, libraries and vocabulary included."""

SCRIPT = """
import json, resource, sys
from elmo_cli.flows.evaluation.evaluate import evaluate

*_, result = evaluate(sys.argv[1], [sys.argv[2]], device="cpu", threads=1)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"peak": peak, "seconds": result.seconds, "targets": result.joint.targets}))
"""


@pytest.mark.slow
def test_the_published_vocabulary_takes_less_than_a_gigabyte_beyond_its_weights(tmp_path: Path) -> None:
    config = ModelConfig(
        char_cnn=CharCnnConfig(embedding_dim=4, filters=((1, 64), (2, 64)), highways=1, max_characters=12),
        lstm=LstmConfig(cell_dim=256, projection_dim=WIDTH, cell_clip=3.0, projection_clip=3.0),
    )
    words = [f"w{number}" for number in range(CLASSES - 3)]
    Vocabulary(["<S>", "</S>", "<UNK>", *words]).write(tmp_path / "vocab.txt")
    rng = np.random.default_rng(1)
    weights = rng.normal(size=(CLASSES, WIDTH)).astype(np.float32) / 10
    files = ModelFiles(
        config=config,
        weights=reference.random_model(config, seed=1),
        softmax=(weights, np.zeros(CLASSES, dtype=np.float32)),
        vocabulary_path=tmp_path / "vocab.txt",
        info={"text": {"tokenizer": "whitespace"}},
    )
    write_model_folder(tmp_path / "model", files)
    text = [" ".join(words[number] for number in rng.integers(0, len(words), 20)) for _ in range(WORDS // 20)]
    (tmp_path / "text.txt").write_text("\n".join(text))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "model"), str(tmp_path / "text.txt")],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    found = json.loads(done.stdout)
    assert found["targets"] == WORDS + WORDS // 20
    assert found["peak"] - weights.nbytes < BEYOND_WEIGHTS, found
