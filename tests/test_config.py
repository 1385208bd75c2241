"""Settings: every problem at once, unknown names with a suggestion, and JSON both ways."""

import ast
import inspect
import itertools
import json
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from elmo_cli import config as config_module
from elmo_cli.config import (
    LENGTHS,
    PRESETS,
    RATES,
    CharCnnConfig,
    InputConfig,
    LstmConfig,
    ModelConfig,
    OptimizerConfig,
    PiecesConfig,
    RunConfig,
    ScheduleConfig,
    TextConfig,
    TrainConfig,
    VocabularyConfig,
    as_named_now,
    from_dict,
    override,
    parse_assignments,
    preset,
    read_settings,
    read_toml,
    to_dict,
    to_toml,
)
from elmo_cli.errors import ConfigError


def test_a_section_reports_all_its_problems_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        TrainConfig(rows=0, dropout=1.0, epochs=1, steps=5, clip_norm=-1)
    for problem in (
        "train.rows must be at least 1, not 0",
        "train.dropout must be from 0 to below 1, not 1.0",
        "train.epochs, steps, words and hours exclude each other: set one",
        "train.clip_norm must be above 0 or null, not -1",
    ):
        assert problem in caught.value.message


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: CharCnnConfig(activation="gelu"), "activation must be relu or tanh, not 'gelu'"),
        (lambda: CharCnnConfig(filters=((51, 3),)), r"widths from 1 to 50: \[\(51, 3\)\]"),
        (lambda: CharCnnConfig(max_characters=2), "max_characters must be at least 3"),
        (lambda: LstmConfig(cell_dim=4, projection_dim=5), r"projection_dim must be from 1 to cell_dim \(4\), not 5"),
        (lambda: LstmConfig(cell_clip=0), "cell_clip must be above 0 or null, not 0"),
        (lambda: ModelConfig(char_cnn=CharCnnConfig(filters=((1, 8),))), "filters sum to 8, which must be at least"),
        (lambda: ModelConfig(share_embedding_softmax=True), "share_embedding_softmax needs a word table"),
        (lambda: TextConfig(tokenizer="bpe"), "tokenizer must be words, whitespace or sentencepiece: 'bpe'"),
        (lambda: TextConfig(normalization="nfd"), "normalization must be auto, nfc, nfkc or none: 'nfd'"),
        (lambda: PiecesConfig(size=7), "size must be at least 8, not 7"),
        (lambda: PiecesConfig(algorithm="word"), "algorithm must be unigram or bpe: 'word'"),
        (lambda: PiecesConfig(character_coverage=0.9), "character_coverage must be from 0.98 to 1, not 0.9"),
        (lambda: PiecesConfig(sample_sentences=0), "sample_sentences must be at least 1, not 0"),
        (lambda: InputConfig(decode_errors="ignore"), "decode_errors must be strict, replace or skip"),
        (lambda: InputConfig(encoding="utf-9"), "encoding is not one that Python knows: 'utf-9'"),
        (lambda: InputConfig(encoding="rot13"), "encoding is not one that Python knows: 'rot13'"),
        (lambda: VocabularyConfig(size=3), "size must be at least 4"),
        (lambda: VocabularyConfig(min_count=0), "min_count must be at least 1"),
        (lambda: TrainConfig(held_out=0.5), "held_out must be a share above 0 and below 0.5"),
        (lambda: TrainConfig(softmax_bias="ones"), "softmax_bias must be unigram or zero"),
        (lambda: TrainConfig(rows=4, accumulate=5), r"accumulate must be from 1 to rows \(4\): 5"),
        (lambda: TrainConfig(recurrent_dropout=1), "recurrent_dropout must be from 0 to below 1, not 1"),
        (lambda: TrainConfig(learning_rate=0.0), "learning_rate must be above 0, not 0.0"),
        (
            lambda: TrainConfig(optimizer=OptimizerConfig(weight_decay=5)),
            r"learning_rate x optimizer.weight_decay must be below 1: 0.2 x 5",
        ),
        (
            lambda: TrainConfig(hours=1, schedule=ScheduleConfig(name="cosine")),
            "schedule.name cosine has to know where it ends, which hours do not tell: set schedule.end to a step",
        ),
        (
            lambda: TrainConfig(hours=1, schedule=ScheduleConfig(name="plateau")),
            "plateau counts evaluations, which a run by hours has by the clock: set evaluate_every",
        ),
        (lambda: OptimizerConfig(name="lion"), "name must be one of adagrad, adamw, adam, sgd, rmsprop: 'lion'"),
        (lambda: OptimizerConfig(beta1=1), "beta1 must be from 0 to below 1, not 1"),
        (lambda: OptimizerConfig(beta2=0), "beta2 must be above 0 and below 1, not 0"),
        (lambda: OptimizerConfig(smoothing=1), "smoothing must be above 0 and below 1, not 1"),
        (lambda: OptimizerConfig(momentum=1), "momentum must be from 0 to below 1, not 1"),
        (lambda: OptimizerConfig(epsilon=0), "epsilon must be above 0, not 0"),
        (lambda: OptimizerConfig(weight_decay=-1), "weight_decay must not be negative: -1"),
        (lambda: OptimizerConfig(l1=-1), "l1 must not be negative: -1"),
        (lambda: OptimizerConfig(l2=-1), "l2 must not be negative: -1"),
        (
            lambda: ScheduleConfig(name="exponential"),
            "name must be one of constant, linear, cosine, inverse_sqrt, step",
        ),
        (lambda: ScheduleConfig(end=0), "end must be at least 1, not 0"),
        (lambda: ScheduleConfig(final_share=2), "final_share must be from 0 to 1, not 2"),
        (lambda: ScheduleConfig(decay_every=0), "decay_every must be at least 1, not 0"),
        (lambda: ScheduleConfig(name="step"), "decay_every must say how many steps a step lasts"),
        (lambda: ScheduleConfig(factor=1), "factor must be above 0 and below 1, not 1"),
        (lambda: ScheduleConfig(plateau_patience=0), "plateau_patience must be at least 1, not 0"),
    ],
)
def test_bad_settings_say_what_was_expected(make: type, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        make()


@pytest.mark.parametrize("name", [*PRESETS, "original-bilm-tf"])
def test_presets_round_trip_through_json(name: str) -> None:
    config = preset(name)
    assert from_dict(RunConfig, to_dict(config), where="test") == config


def test_a_twin_preset_is_the_references_recipe() -> None:
    twin = preset("small-bilm-tf")
    assert twin.model == preset("small").model
    assert (twin.train.warmup_steps, twin.train.reset_probability, twin.train.softmax_bias) == (0, 0.0, "zero")
    assert twin.train.rate == 0.2
    assert twin.train.clip_norm == 10.0


def test_an_unknown_preset_suggests_one() -> None:
    with pytest.raises(ConfigError, match="preset 'smal' does not exist; there are tiny, compact, small") as caught:
        preset("smal")
    assert caught.value.hint == "did you mean --preset small?"


def test_assignments_and_tables_lay_over_a_preset() -> None:
    values = parse_assignments(
        ["train.steps=50", "train.softmax_bias=zero", "model.lstm.cell_clip=null", "model.lstm.residual=false"]
    )
    config = override(preset("tiny"), values, where="--set")
    assert config.train.steps == 50
    assert config.train.softmax_bias == "zero"
    assert config.model.lstm.cell_clip is None
    assert config.model.lstm.residual is False
    assert config.model.lstm.cell_dim == preset("tiny").model.lstm.cell_dim
    words = override(preset("tiny"), parse_assignments(["model.char_cnn=null"]), where="--set")
    assert words.model.char_cnn is None
    filters = parse_assignments(["model.char_cnn.filters=[[1, 60], [2, 70]]"])
    assert override(preset("tiny"), filters, where="--set").model.char_cnn.filters == ((1, 60), (2, 70))  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("values", "message", "hint"),
    [
        ({"train": {"lerning_rate": 1}}, "test: unknown setting train.lerning_rate", "mean train.learning_rate?"),
        (
            {"zebra": 1},
            "test: unknown setting zebra",
            "known here: cleaning, input, model, pieces, text, train, vocabulary",
        ),
        ({"train": 5}, "test: train must be a table of settings, not 5", ""),
        ({"train": {"rows": "many"}}, "test: train.rows must be a whole number, not 'many'", ""),
        ({"train": {"rows": 2.5}}, "test: train.rows must be a whole number, not 2.5", ""),
        ({"train": {"steps": True}}, "test: train.steps must be a whole number or null, not True", ""),
        ({"model": {"char_cnn": {"filters": [1, 2]}}}, r"filters must be a list of \[width, count\]", ""),
        ({"train": {"rows": 0}}, "test: train.rows must be at least 1", ""),
    ],
)
def test_bad_values_are_named_with_their_place(values: dict, message: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        override(preset("tiny"), values, where="test")
    assert hint in caught.value.hint


def test_an_assignment_needs_an_equals_sign() -> None:
    with pytest.raises(ConfigError, match=r"--set train.rows: expected section.key=value"):
        parse_assignments(["train.rows"])
    with pytest.raises(ConfigError, match="train was already given a value"):
        parse_assignments(["train=1", "train.rows=2"])


def test_toml_files_are_read_and_bad_ones_named(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text("[train]\nsteps = 7\n", encoding="utf-8")
    bad.write_text("[train\n", encoding="utf-8")
    assert read_toml(good) == {"train": {"steps": 7}}
    with pytest.raises(ConfigError, match=r"bad\.toml: not TOML"):
        read_toml(bad)
    with pytest.raises(ConfigError, match=r"none\.toml: no such configuration file"):
        read_toml(tmp_path / "none.toml")


def test_every_setting_says_what_it_is() -> None:
    offered = [getattr(config_module, name) for name in config_module.__all__ if name != "RunConfig"]
    for section in (one for one in offered if isinstance(one, type) and is_dataclass(one)):
        tree = ast.parse(inspect.getsource(section))
        body = next(node for node in tree.body if isinstance(node, ast.ClassDef)).body
        documented = {
            node.target.id  # type: ignore[union-attr]
            for node, after in itertools.pairwise(body)
            if isinstance(node, ast.AnnAssign) and isinstance(after, ast.Expr)
        }
        missing = {entry.name for entry in fields(section)} - documented
        assert missing <= {"lstm"}, f"{section.__name__}: {missing}"


def test_normalisation_is_settled_by_the_tokenizer_before_it_is_recorded() -> None:
    forms = {"words": "nfc", "sentencepiece": "nfc", "whitespace": "none"}
    assert {name: TextConfig(tokenizer=name).settled().normalization for name in forms} == forms
    assert TextConfig(tokenizer="whitespace", normalization="nfkc").settled().normalization == "nfkc"


def test_settings_recorded_before_there_was_normalisation_mean_none() -> None:
    assert TextConfig.recorded({}) == TextConfig(tokenizer="whitespace", normalization="none")
    old = {"tokenizer": "words", "language": "de", "decode_errors": "strict"}
    assert TextConfig.recorded(old) == TextConfig(language="de", normalization="none")
    settled = TextConfig(tokenizer="sentencepiece", lowercase=True).settled()
    assert TextConfig.recorded(to_dict(settled)) == settled


def test_settings_that_have_moved_are_found_in_old_records() -> None:
    record = to_dict(RunConfig())
    del record["input"]
    record["text"]["decode_errors"] = "replace"
    assert from_dict(RunConfig, as_named_now(record), where="config.json").input.decode_errors == "replace"
    now = to_dict(RunConfig(input=InputConfig(decode_errors="skip")))
    assert as_named_now(now) == now


def test_every_preset_survives_toml(tmp_path: Path) -> None:
    without = parse_assignments(
        ["model.lstm.cell_clip=null", "model.char_cnn=null", "train.clip_norm=null", "train.optimizer.name=sgd"]
    )
    for config in (*PRESETS.values(), override(preset("tiny"), without, where="test")):
        path = tmp_path / "run.toml"
        path.write_text(to_toml(config, lambda name: f"about {name}"), encoding="utf-8")
        assert override(preset("original"), read_settings(path), where="test") == config
    assert "# about train.optimizer.name" in path.read_text(encoding="utf-8")
    assert 'cell_clip = "null"' in path.read_text(encoding="utf-8")


def test_the_settings_of_a_run_are_read_from_its_record_or_its_folder(tmp_path: Path) -> None:
    config = override(preset("tiny"), {"train": {"rows": 7, "optimizer": {"name": "rmsprop"}}}, where="test")
    (tmp_path / "config.json").write_text(json.dumps({"tool": "elmo", "config": to_dict(config)}), encoding="utf-8")
    for place in (tmp_path, tmp_path / "config.json"):
        assert override(preset("original"), read_settings(place), where="test") == config
    (tmp_path / "bad.json").write_text("[1]", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"bad\.json: not the settings of a run") as caught:
        read_settings(tmp_path / "bad.json")
    assert "the config.json of a run" in caught.value.hint
    with pytest.raises(ConfigError, match=r"none\.json: no such configuration file"):
        read_settings(tmp_path / "none.json")


def test_the_optimizer_decides_rate_and_decay_where_nothing_is_set() -> None:
    assert TrainConfig().settled() == TrainConfig(learning_rate=0.2, optimizer=OptimizerConfig(weight_decay=0.0))
    adamw = TrainConfig(optimizer=OptimizerConfig(name="adamw")).settled()
    assert adamw.learning_rate == RATES["adamw"]
    assert adamw.optimizer.weight_decay == 0.01
    assert TrainConfig(learning_rate=0.3).settled().learning_rate == 0.3
    assert adamw.settled() == adamw


def test_settings_recorded_before_there_were_optimizers_mean_adagrad() -> None:
    record = to_dict(RunConfig(train=TrainConfig(learning_rate=0.2)))
    for name in ("optimizer", "schedule", "accumulate", "recurrent_dropout"):
        del record["train"][name]
    config = from_dict(RunConfig, record, where="config.json")
    assert config.train.settled() == TrainConfig().settled()


def test_a_schedule_says_what_of_the_run_it_depends_on() -> None:
    def fixed(**settings: object) -> tuple[str, ...]:
        every = settings.pop("evaluate_every", None)
        return TrainConfig(schedule=ScheduleConfig(**settings), evaluate_every=every).fixed_by_schedule  # type: ignore[arg-type]

    assert fixed() == fixed(name="cosine", end=100) == fixed(name="inverse_sqrt") == ()
    assert fixed(name="linear") == LENGTHS
    assert fixed(name="plateau", evaluate_every=10) == ("evaluate_every",)
    assert fixed(name="plateau") == (*LENGTHS, "evaluate_every")
