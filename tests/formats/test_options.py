import json
from pathlib import Path
from typing import Any

import pytest

from elmo_cli.config import ORIGINAL, PRESETS, CharCnnConfig, LstmConfig, ModelConfig
from elmo_cli.errors import ModelError
from elmo_cli.formats.options import options_dict, read_options

PUBLISHED: dict[str, Any] = {
    "lstm": {
        "use_skip_connections": True,
        "projection_dim": 512,
        "cell_clip": 3,
        "proj_clip": 3,
        "dim": 4096,
        "n_layers": 2,
    },
    "char_cnn": {
        "activation": "relu",
        "filters": [[1, 32], [2, 32], [3, 64], [4, 128], [5, 256], [6, 512], [7, 1024]],
        "n_highway": 2,
        "embedding": {"dim": 16},
        "n_characters": 262,
        "max_characters_per_token": 50,
    },
}
"""The original model's options, as they were published."""


def read(tmp_path: Path, options: Any) -> ModelConfig:
    (tmp_path / "options.json").write_text(json.dumps(options))
    return read_options(tmp_path / "options.json")[0]


def changed(place: str, value: Any) -> dict[str, Any]:
    """The published options with one value changed; the value ``...`` takes the key away."""
    options = json.loads(json.dumps(PUBLISHED))
    *sections, key = place.split(".")
    inner = options
    for section in sections:
        inner = inner[section]
    inner.pop(key) if value is ... else inner.update({key: value})
    return options


def problem(tmp_path: Path, options: Any) -> str:
    with pytest.raises(ModelError) as refusal:
        read(tmp_path, options)
    return refusal.value.message.removeprefix(f"{tmp_path / 'options.json'}: ")


def test_the_published_options_are_the_original_preset(tmp_path: Path) -> None:
    assert read(tmp_path, PUBLISHED) == ORIGINAL.model


def test_the_whole_file_comes_along(tmp_path: Path) -> None:
    (tmp_path / "options.json").write_text(json.dumps(PUBLISHED | {"n_epochs": 10}))
    assert read_options(tmp_path / "options.json")[1] == PUBLISHED | {"n_epochs": 10}


@pytest.mark.parametrize("characters", [261, 262, ...])
def test_any_count_of_the_character_table_is_fine(tmp_path: Path, characters: Any) -> None:
    assert read(tmp_path, changed("char_cnn.n_characters", characters)) == ORIGINAL.model


@pytest.mark.parametrize("none", [None, 0, ...])
def test_a_clip_that_is_absent_null_or_zero_is_none(tmp_path: Path, none: Any) -> None:
    assert read(tmp_path, changed("lstm.cell_clip", none)).lstm.cell_clip is None
    assert read(tmp_path, changed("lstm.proj_clip", none)).lstm.projection_clip is None


@pytest.mark.parametrize("absent", [..., None])
def test_what_training_may_leave_out_has_its_meaning_there(tmp_path: Path, absent: Any) -> None:
    assert read(tmp_path, changed("lstm.use_skip_connections", absent)).lstm.residual is False
    assert read(tmp_path, changed("lstm.n_layers", absent)).lstm.layers == 1
    highways = read(tmp_path, changed("char_cnn.n_highway", absent)).char_cnn
    assert highways is not None and highways.highways == 0


def test_without_char_cnn_words_are_ids(tmp_path: Path) -> None:
    options = changed("char_cnn", ...)
    assert read(tmp_path, options | {"n_tokens_vocab": 100}).char_cnn is None
    assert problem(tmp_path, options) == (
        "n_tokens_vocab: expected a whole number from 1 up (there is no char_cnn, so words are ids into a table of "
        "that length), found nothing"
    )


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("lstm.dim", ..., "lstm.dim: expected a whole number from 1 up, found nothing"),
        ("lstm.dim", "4096", 'lstm.dim: expected a whole number from 1 up, found "4096"'),
        ("lstm.dim", True, "lstm.dim: expected a whole number from 1 up, found true"),
        ("lstm.dim", 4096.0, "lstm.dim: expected a whole number from 1 up, found 4096.0"),
        ("lstm.dim", 2**40, "lstm.dim: expected a whole number from 1 up, found 1099511627776"),
        ("lstm.dim", 256, "lstm.projection_dim: expected at most lstm.dim (256), found 512"),
        ("lstm.n_layers", 10**6, "lstm.n_layers: expected a whole number from 1 to 64, found 1000000"),
        ("lstm.cell_clip", -3, "lstm.cell_clip: expected a number above 0, or null for no clip, found -3"),
        ("lstm.cell_clip", False, "lstm.cell_clip: expected a number above 0, or null for no clip, found false"),
        ("lstm.proj_clip", "3", 'lstm.proj_clip: expected a number above 0, or null for no clip, found "3"'),
        ("lstm.proj_clip", [], "lstm.proj_clip: expected a number above 0, or null for no clip, found []"),
        ("lstm.proj_clip", float("nan"), "lstm.proj_clip: expected a number above 0, or null for no clip, found NaN"),
        ("lstm.proj_clip", 1e999, "lstm.proj_clip: expected a number above 0, or null for no clip, found Infinity"),
        ("lstm.use_skip_connections", 1, "lstm.use_skip_connections: expected true or false, found 1"),
        ("lstm", [], "lstm.dim: expected a whole number from 1 up, found nothing"),
        ("char_cnn.activation", "gelu", 'char_cnn.activation: expected relu or tanh, found "gelu"'),
        ("char_cnn.activation", {}, "char_cnn.activation: expected relu or tanh, found {}"),
        (
            "char_cnn.n_characters",
            260,
            "char_cnn.n_characters: expected 261 or 262 (the characters are bytes), found 260",
        ),
        ("char_cnn.n_highway", -1, "char_cnn.n_highway: expected a whole number from 0 to 64, found -1"),
        ("char_cnn.embedding", 16, "char_cnn.embedding.dim: expected a whole number from 1 up, found nothing"),
        (
            "char_cnn.max_characters_per_token",
            10**9,
            "char_cnn.max_characters_per_token: expected a whole number from 3 to 1000, found 1000000000",
        ),
        (
            "char_cnn.max_characters_per_token",
            6,
            "char_cnn.filters: expected widths of at most max_characters_per_token (6), "
            "found [[1, 32], [2, 32], [3, 64], [4, 128], [5, 256], [6, 512], [7, 1024]]",
        ),
        (
            "char_cnn.filters",
            [[1, 500]],
            "char_cnn.filters: expected counts of at least lstm.projection_dim (512) in all, found 500",
        ),
        (
            "char_cnn.filters",
            [[1, 500], [2]],
            "char_cnn.filters: expected a list of 1 to 1000 [width, count] pairs of whole numbers from 1 up, "
            "found [[1, 500], [2]]",
        ),
        ("n_tokens_vocab", "many", 'n_tokens_vocab: expected a whole number from 1 up, found "many"'),
        ("bidirectional", False, "bidirectional is false: an ELMo has both directions"),
    ],
)
def test_a_value_that_does_not_fit_is_named(tmp_path: Path, place: str, value: Any, message: str) -> None:
    assert message in problem(tmp_path, changed(place, value))


@pytest.mark.parametrize("filters", [[], None, 7, [[1, 0]], [[0, 600]], [[1.5, 600]], [[True, 600]], [[1, 600]] * 1001])
def test_filters_that_are_none_are_refused(tmp_path: Path, filters: Any) -> None:
    assert "a list of 1 to 1000 [width, count] pairs" in problem(tmp_path, changed("char_cnn.filters", filters))


def test_all_problems_are_listed_at_once(tmp_path: Path) -> None:
    options = {"lstm": {"dim": -1, "cell_clip": "x"}, "char_cnn": {"filters": [[1]], "activation": "gelu"}}
    lines = problem(tmp_path, options).splitlines()
    assert lines[0] == "7 problems"
    assert [line.split(":")[0].strip() for line in lines[1:]] == [
        "lstm.dim",
        "lstm.projection_dim",
        "lstm.cell_clip",
        "char_cnn.embedding.dim",
        "char_cnn.filters",
        "char_cnn.activation",
        "char_cnn.max_characters_per_token",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected JSON in UTF-8"),
        (b"\xff\xfe", "expected JSON in UTF-8"),
        (b'{"lstm": ', "expected JSON in UTF-8: Expecting value: line 1 column 10"),
        (b"[]", r"expected a JSON object, found \[\]"),
        (b"[" * 100_000, "expected JSON in UTF-8"),
        (b"1" * 10_000, "expected JSON in UTF-8"),
        (b" " * (1 << 21), "expected at most 1,048,576 bytes of JSON, found 2,097,152"),
    ],
    ids=["empty", "not-utf8", "cut", "list", "deep", "long-number", "large"],
)
def test_a_file_that_is_no_options_file_is_an_error(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "options.json"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=message):
        read_options(path)


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"options.json: cannot be read: No such file"):
        read_options(tmp_path / "options.json")


@pytest.mark.parametrize("name", PRESETS)
def test_what_is_written_reads_back(tmp_path: Path, name: str) -> None:
    assert read(tmp_path, options_dict(PRESETS[name].model, 793_471)) == PRESETS[name].model


def test_a_model_without_clips_residual_and_characters_reads_back(tmp_path: Path) -> None:
    lstm = LstmConfig(cell_dim=8, projection_dim=8, layers=1, cell_clip=None, projection_clip=None, residual=False)
    for cnn in (None, CharCnnConfig(filters=((1, 8),), highways=0, activation="tanh", max_characters=7)):
        config = ModelConfig(char_cnn=cnn, lstm=lstm)
        assert read(tmp_path, options_dict(config, 10)) == config


def test_what_is_written_is_the_published_form() -> None:
    written = options_dict(ORIGINAL.model, 793_471)
    assert written == PUBLISHED | {"bidirectional": True, "n_tokens_vocab": 793_471}
    assert options_dict(ORIGINAL.model, None) == PUBLISHED | {"bidirectional": True}
