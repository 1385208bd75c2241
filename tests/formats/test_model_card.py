import re

import numpy as np
import pytest

from elmo_cli.config import CharCnnConfig, LstmConfig, ModelConfig
from elmo_cli.formats.model_card import CardFields, model_card
from elmo_cli.formats.model_files import ModelFiles
from tests.numpy_elmo import random_model

CONFIG = ModelConfig(
    char_cnn=CharCnnConfig(embedding_dim=3, filters=((1, 4), (2, 6)), highways=1),
    lstm=LstmConfig(cell_dim=8, projection_dim=5),
)
BARE = ModelFiles(config=CONFIG, weights=random_model(CONFIG, seed=1))
INFO = {
    "tool": "elmo 0.1.0",
    "text": {"tokenizer": "words", "language": "en"},
    "training": {"words": 1_234_567, "sentences": 89, "steps": 1000, "epochs": 2.5},
    "held_out": {
        "perplexity": 184.912,
        "forward": 190.5,
        "backward": 179.49,
        "targets_per_direction": 13_023,
        "context": "sentence: each from the start state",
        "definition": "exp of the mean loss of both directions | full softmax",
    },
}


def rows(card: str) -> dict[str, str]:
    return dict(re.findall(r"^\| (.+?) \| (.+) \|$", card, re.MULTILINE))


def test_what_is_known_is_told() -> None:
    softmax = (np.zeros((1000, 5), np.float32), np.zeros(1000, np.float32))
    files = ModelFiles(config=CONFIG, weights=BARE.weights, softmax=softmax, info=INFO)
    card = model_card("elmo", files, "hdf5", CardFields(language="en", license="mit", corpus="Old books"))
    assert rows(card) == {
        "Language": "en",
        "License": "mit",
        "Corpus": "Old books",
        "Tokens": "1,234,567",
        "Sentences": "89",
        "Training steps": "1,000",
        "Epochs": "2.50",
        "Tokenisation": "words",
        "Written by": "elmo 0.1.0",
        "Input": "characters",
        "LSTM layers per direction": "2",
        "Vectors": "3 layers, 10 wide",
        "Parameters without softmax": f"{sum(array.size for array in BARE.weights.values()):,}",
        "Softmax": "1,000 words",
        "Both directions": "184.91",
        "Forward": "190.50",
        "Backward": "179.49",
        "Targets per direction": "13,023",
        "Definition": r"exp of the mean loss of both directions \| full softmax",
        "Context": "sentence: each from the start state",
    }


@pytest.mark.parametrize(
    "info", [{}, {"training": None, "held_out": 3, "text": []}, {"training": {"words": True, "steps": "many"}}]
)
def test_what_is_not_known_is_said_to_be_unknown(info: dict[str, object]) -> None:
    card = model_card("elmo", ModelFiles(config=CONFIG, weights=BARE.weights, info=info), "hdf5", CardFields())
    told = rows(card)
    unknown = {name for name, value in told.items() if value == "unknown"}
    own = {"Input", "LSTM layers per direction", "Vectors", "Parameters without softmax", "Softmax"}
    assert told.keys() - unknown == own
    assert told["Softmax"] == "not included"
    assert card.splitlines()[:4] == ["---", "# language: unknown", 'license: "unknown"', "library_name: elmo-cli"]


def test_only_programs_that_can_read_the_model_are_named() -> None:
    lines = model_card("elmo", BARE, "hdf5", CardFields()).splitlines()
    assert "bilm-tf, simple_elmo and AllenNLP take `options.json` and `weights.hdf5`." in lines
    lstm = LstmConfig(cell_dim=8, projection_dim=5, residual=False)
    config = ModelConfig(char_cnn=CONFIG.char_cnn, lstm=lstm)
    lines = model_card("e.zip", ModelFiles(config=config, weights=BARE.weights), "nlpl", CardFields()).splitlines()
    reason = "AllenNLP cannot: it has no residual connections."
    assert f"bilm-tf and simple_elmo take `options.json` and `model.hdf5`. {reason}" in lines


def test_what_people_write_cannot_leave_its_place() -> None:
    fields = CardFields(language="en\n---\n", license='"x"', corpus="a\n| b | c |")
    lines = model_card("elmo", BARE, "hdf5", fields).splitlines()
    assert lines[1:3] == ['language: "en\\n---\\n"', 'license: "\\"x\\""']
    assert r"| Corpus | a \| b \| c \| |" in lines


@pytest.mark.parametrize(
    ("container", "name", "command"),
    [
        ("hdf5", "elmo", "elmo embed elmo sentences.txt --out vectors.hdf5"),
        ("nlpl", "my elmo.zip", "elmo embed 'my elmo.zip' sentences.txt --out vectors.hdf5"),
        ("safetensors", "elmo", "elmo embed elmo sentences.txt --out vectors.hdf5"),
    ],
)
def test_every_form_says_how_it_is_loaded(container: str, name: str, command: str) -> None:
    lines = model_card(name, BARE, container, CardFields()).splitlines()
    assert command in lines
    assert f'model = load_model("{name}")' in lines
    assert ('tensors = load_file("model.safetensors")' in lines) == (container == "safetensors")
