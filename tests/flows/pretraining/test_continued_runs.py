"""Runs that continue a model: what they begin with, what stays frozen, and that they need the model only once."""

import hashlib
import json
import shutil
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elmo_cli.config import SplitConfig, TextConfig
from elmo_cli.errors import ConfigError, ModelError, TextError
from elmo_cli.flows.corpora.prepare import prepare
from elmo_cli.flows.models.loaded import LoadedModel, load_model
from elmo_cli.flows.pretraining.pretrain import pretrain
from elmo_cli.flows.pretraining.training import target_counts
from elmo_cli.flows.reports import Notice, Report
from elmo_cli.flows.run_results import PretrainResult
from elmo_cli.formats.model_card import CardFields, model_card
from elmo_cli.formats.model_folder import read_model_folder
from elmo_cli.text.store import open_store
from elmo_cli.train.metrics import read_metrics
from tests.flows.pretraining.test_pretrain import model_bytes, unmeasured
from tests.formats import containers

MODEL: dict[str, Any] = {
    "char_cnn": {"embedding_dim": 4, "filters": [[1, 8], [2, 16]], "max_characters": 12},
    "lstm": {"cell_dim": 16, "projection_dim": 8},
}
TRAIN = {"rows": 4, "window": 5, "negatives": 6, "steps": 20, "evaluate_every": 10, "checkpoint_every": 5}


def sentences(seed: int, people: str, things: str) -> str:
    rng = np.random.default_rng(seed)
    return "".join(
        f"{rng.choice(people.split())} likes {rng.choice(things.split())} and {rng.choice(things.split())} .\n"
        for _ in range(300)
    )


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The text of the first model, and one with other words in it."""
    folder = tmp_path_factory.mktemp("texts")
    folder.joinpath("first.txt").write_text(sentences(1, "Ann Bob Cem", "apples bread cheese"), encoding="utf-8")
    folder.joinpath("second.txt").write_text(sentences(2, "Bob Dörte Eve", "bread tea figs"), encoding="utf-8")
    return folder / "first.txt", folder / "second.txt"


def run(text: Path, run_dir: Path, **options: Any) -> list[Report]:
    settings = options.pop("settings", {})
    settings = {**settings, "train": {**TRAIN, **settings.get("train", {})}, "vocabulary": {"min_count": 1}}
    return list(pretrain([str(text)], run_dir, settings=settings, device="cpu", threads=1, **options))


@pytest.fixture(scope="module")
def first(texts: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that was trained here."""
    run_dir = tmp_path_factory.mktemp("models") / "first"
    run(texts[0], run_dir, preset="tiny", settings={"model": MODEL})
    return run_dir


def notices(reports: list[Report], *, warning: bool | None = None) -> str:
    found = [report for report in reports if isinstance(report, Notice)]
    return "\n".join(report.text for report in found if warning is None or report.warning == warning)


def rows(model: LoadedModel) -> dict[str, tuple[np.ndarray, float]]:
    assert model.softmax is not None
    assert model.vocabulary is not None
    pairs = zip(model.softmax.weight_VD.numpy(), model.softmax.bias_V.numpy(), strict=True)
    return dict(zip(model.vocabulary.words, pairs, strict=True))


def at_the_start(text: Path, run_dir: Path, **options: Any) -> LoadedModel:
    """The model that a run begins with: evaluated, written, and not yet changed."""
    settings = {"train": {**options.pop("train", {}), "steps": 10}}
    flow = pretrain(
        [str(text)],
        run_dir,
        settings={"train": {**TRAIN, **settings["train"]}, "vocabulary": {"min_count": 1}},
        device="cpu",
        threads=1,
        **options,
    )
    for report in flow:
        if isinstance(report, Notice) and report.text.startswith("step 0: held-out perplexity"):
            break
    flow.close()
    return load_model(run_dir)


def test_a_run_begins_with_the_model_and_its_vocabulary(first: Path, texts: tuple[Path, Path], tmp_path: Path) -> None:
    began = at_the_start(texts[1], tmp_path / "run", init_from=str(first))
    before = load_model(first)
    assert began.fingerprint == before.fingerprint
    assert began.vocabulary is not None
    assert before.vocabulary is not None
    assert began.vocabulary.words == before.vocabulary.words
    for word, (row, _) in rows(before).items():
        np.testing.assert_array_equal(rows(began)[word][0], row)


def test_biases_move_to_the_frequencies_of_the_new_text(first: Path, texts: tuple[Path, Path], tmp_path: Path) -> None:
    began, before = at_the_start(texts[1], tmp_path / "run", init_from=str(first)), load_model(first)
    assert before.vocabulary is not None
    counts_V = before.vocabulary.counts_V
    assert counts_V is not None
    told = target_counts(next(open_store(path.parent) for path in (tmp_path / "run").glob("**/train/meta.json")))
    share = counts_V / (counts_V[2:].sum() + counts_V[0])
    share[:2] /= 2
    expected_V = np.log((told + 1) / (share * told.sum() + 1))
    moved = [rows(began)[word][1] - rows(before)[word][1] for word in before.vocabulary.words]
    np.testing.assert_allclose(moved, expected_V, atol=1e-5)
    assert moved[before.vocabulary.ids["Ann"]] < -1 < 0 < moved[before.vocabulary.unknown_id]

    still = at_the_start(texts[1], tmp_path / "still", init_from=str(first), train={"softmax_bias": "zero"})
    for word, (_, bias) in rows(before).items():
        assert rows(still)[word][1] == bias


@pytest.mark.parametrize("start", ["tokens", "mean", "zero", "random"])
def test_a_new_vocabulary_keeps_the_rows_of_shared_words(
    first: Path, texts: tuple[Path, Path], tmp_path: Path, start: str
) -> None:
    options = {"init_from": str(first), "keep_vocabulary": False, "train": {"softmax_start": start}}
    began, before = at_the_start(texts[1], tmp_path / "run", **options), rows(load_model(first))
    after = rows(began)
    shared = before.keys() & after.keys()
    assert {"<S>", "</S>", "<UNK>", "Bob", "likes", "bread", "."} == shared - {"and"}
    for word in shared:
        np.testing.assert_array_equal(after[word][0], before[word][0])
    new = np.stack([after[word][0] for word in ("Eve", "tea", "figs")])
    if start == "zero":
        assert not new.any()
    elif start == "mean":
        np.testing.assert_allclose(new, [np.mean([before[word][0] for word in shared], 0)] * 3, atol=1e-6)
    else:
        assert len(np.unique(new.round(6), axis=0)) == 3
    # Frequent new words are expected more than rare ones, however their rows begin.
    assert after["tea"][1] > min(bias for _, bias in after.values())


def test_the_model_that_comes_out_says_what_it_continues(first: Path, texts: tuple[Path, Path], tmp_path: Path) -> None:
    reports = run(texts[1], tmp_path / "second", init_from=str(first), keep_vocabulary=False)
    record = json.loads((tmp_path / "second/config.json").read_text())["origin"]
    origin = load_model(first)
    assert record["path"] == str(first)
    assert record["sha256"] == origin.fingerprint
    assert (record["vocabulary"], record["softmax"]) == ("new", "the model's")
    assert record["words"] == origin.info["training"]["words"]
    assert load_model(tmp_path / "second").info["origin"] == record
    assert "the optimizer starts afresh" in notices(reports)
    run(texts[0], tmp_path / "third", init_from=str(tmp_path / "second"))
    files = read_model_folder(tmp_path / "third")
    assert files.info["origin"]["origin"] == record
    card = model_card("third", files, "hdf5", CardFields())
    assert f"| Continues | {tmp_path / 'second'} (SHA-256 of its weights " in card
    assert f", which continues {first} (SHA-256 of its weights {origin.fingerprint}, " in card


def test_what_the_model_does_before_the_first_step_is_measured(
    first: Path, texts: tuple[Path, Path], tmp_path: Path
) -> None:
    reports = run(texts[1], tmp_path / "run", init_from=str(first))
    result = reports[-1]
    assert isinstance(result, PretrainResult)
    measured = [entry for entry in read_metrics(tmp_path / "run/metrics.jsonl") if "held_out_perplexity" in entry]
    assert [entry["step"] for entry in measured] == [0, 10, 20]
    assert result.held_out_perplexity == min(entry["held_out_perplexity"] for entry in measured)


def test_coverage_of_the_new_text_is_said(first: Path, texts: tuple[Path, Path], tmp_path: Path) -> None:
    assert "; 100.0% of the text's tokens are in the vocabulary" in notices(
        run(texts[1], tmp_path / "new", init_from=str(first), keep_vocabulary=False)
    )
    said = notices(run(texts[1], tmp_path / "same", init_from=str(first)))
    words = texts[1].read_text().split()
    known = sum(word in load_model(first).vocabulary.ids for word in words) / len(words)  # type: ignore[union-attr]
    share = float(said.partition("classes are the model's own; ")[2].partition("%")[0])
    assert share == pytest.approx(100 * known, abs=1.5)


@pytest.mark.parametrize("stop", [1, 4, 10, 25])
def test_a_stopped_run_goes_on_to_the_same_bits_without_the_model(
    first: Path, texts: tuple[Path, Path], tmp_path: Path, stop: int
) -> None:
    source = tmp_path / "model"
    shutil.copytree(first / "model", source)
    options = {"init_from": str(source), "keep_vocabulary": False, "settings": {"train": {"freeze_steps": 7}}}
    run(texts[1], tmp_path / "whole", **options)
    settings = {"train": {**TRAIN, "freeze_steps": 7}, "vocabulary": {"min_count": 1}}
    stopped = tmp_path / "stopped"
    flow = pretrain(
        [str(texts[1])],
        stopped,
        settings=settings,
        device="cpu",
        threads=1,
        init_from=str(source),
        keep_vocabulary=False,
    )
    for _ in flow:  # until the settings are written, which is when the model was last needed
        if (stopped / "config.json").exists():
            break
    list(islice(flow, stop))
    flow.close()
    shutil.rmtree(source)
    reports = run(texts[1], stopped, resume=True, **options)
    assert isinstance(reports[-1], PretrainResult)
    assert model_bytes(stopped) == model_bytes(tmp_path / "whole")
    assert unmeasured(stopped) == unmeasured(tmp_path / "whole")


def test_a_moved_run_goes_on_with_its_own_copy(first: Path, texts: tuple[Path, Path], tmp_path: Path) -> None:
    settings = {"train": TRAIN, "vocabulary": {"min_count": 1}}
    flow = pretrain(
        [str(texts[1])], tmp_path / "here", settings=settings, device="cpu", threads=1, init_from=str(first)
    )
    for _ in flow:
        if (tmp_path / "here/config.json").exists():
            break
    flow.close()
    (tmp_path / "here").rename(tmp_path / "there")
    assert isinstance(run(texts[1], tmp_path / "there", resume=True)[-1], PretrainResult)


def test_a_copy_that_was_changed_is_refused(first: Path, texts: tuple[Path, Path], tmp_path: Path) -> None:
    run(texts[1], tmp_path / "run", init_from=str(first))
    shutil.rmtree(tmp_path / "run/checkpoints")
    other = next((tmp_path / "run/model").glob("weights.hdf5"))
    shutil.copy(other, tmp_path / "run/origin/weights.hdf5")
    with pytest.raises(ModelError, match=r"run/origin: expected the model that the run began with, weights of SHA-256"):
        run(texts[1], tmp_path / "run", resume=True)


def test_another_model_is_passed_over_when_a_run_goes_on(first: Path, texts: tuple[Path, Path], tmp_path: Path) -> None:
    run(texts[1], tmp_path / "run", init_from=str(first))
    reports = run(texts[1], tmp_path / "run", init_from="elsewhere", resume=True)
    assert f"--init-from elsewhere is passed over: the run began with {first}" in notices(reports, warning=True)


@pytest.mark.parametrize("optimizer", ["adagrad", "adamw", "adam", "sgd", "rmsprop"])
def test_frozen_layers_keep_every_bit_under_every_optimizer(
    first: Path, texts: tuple[Path, Path], tmp_path: Path, optimizer: str
) -> None:
    train = {
        "freeze": "token_encoder,lstm.2",
        "accumulate": 2,
        "optimizer": {"name": optimizer, "weight_decay": 0.1},
        "evaluate_every": 20,
        "learning_rate": 0.01,
    }
    run(texts[1], tmp_path / "run", init_from=str(first), settings={"train": train})
    before = load_model(first).bilm.state_dict()
    newest = max((tmp_path / "run/checkpoints").iterdir())
    tree = json.loads((newest / "meta.json").read_text())["tree"]
    after = load_model(tmp_path / "run").bilm.state_dict()
    changed = {name for name, values in after.items() if not np.array_equal(values, before[name])}
    assert {name for name in changed if name.startswith("layers.0.")}
    assert not {name for name in changed if not name.startswith("layers.0.")}
    kept = json.dumps({name: tree[name] for name in ("accumulators", "averages") if name in tree})
    assert "softmax.bias_V" in kept
    assert "token_encoder" not in kept
    assert "layers.1" not in kept


def test_a_frozen_softmax_keeps_every_bit(first: Path, texts: tuple[Path, Path], tmp_path: Path) -> None:
    settings = {"train": {"freeze": "softmax", "optimizer": {"weight_decay": 0.1}, "softmax_bias": "zero"}}
    run(texts[1], tmp_path / "run", init_from=str(first), settings=settings)
    before, after = load_model(first), load_model(tmp_path / "run")
    assert before.fingerprint != after.fingerprint
    for word, (row, bias) in rows(before).items():
        np.testing.assert_array_equal(rows(after)[word][0], row)
        assert rows(after)[word][1] == bias


def test_only_the_softmax_learns_while_the_rest_waits(first: Path, texts: tuple[Path, Path], tmp_path: Path) -> None:
    settings = {"train": {"freeze_steps": 10, "evaluate_every": 10, "steps": 10}}
    run(texts[1], tmp_path / "waits", init_from=str(first), settings=settings)
    after = load_model(tmp_path / "waits")
    assert after.fingerprint == load_model(first).fingerprint
    assert any(not np.array_equal(rows(after)[word][0], row) for word, (row, _) in rows(load_model(first)).items())
    settings = {"train": {"freeze_steps": 10, "evaluate_every": 11, "steps": 11, "patience": None}}
    run(texts[1], tmp_path / "thaws", init_from=str(first), settings=settings)
    newest = max((tmp_path / "thaws/checkpoints").iterdir())
    assert newest.name == "step-000000011"
    assert load_model(tmp_path / "thaws").fingerprint != after.fingerprint


def test_a_frozen_stack_of_lstms_keeps_its_own_start(texts: tuple[Path, Path], first: Path, tmp_path: Path) -> None:
    run(texts[0], tmp_path / "carried", preset="tiny", settings={"model": MODEL, "train": {"reset_probability": 0}})
    began = load_model(tmp_path / "carried").own_start
    assert began is not None
    assert began.cell.any()
    settings = {"train": {"freeze": "lstm"}}
    run(texts[1], tmp_path / "frozen", init_from=str(tmp_path / "carried"), settings=settings)
    kept = load_model(tmp_path / "frozen").own_start
    assert kept is not None
    np.testing.assert_array_equal(kept.cell, began.cell)
    run(texts[1], tmp_path / "free", init_from=str(tmp_path / "carried"))
    zeros = load_model(tmp_path / "free").own_start
    assert zeros is not None
    assert not zeros.cell.any()


@pytest.mark.parametrize("form", containers.FORMS)
def test_a_model_out_of_any_container_is_continued(tmp_path: Path, texts: tuple[Path, Path], form: str) -> None:
    path = containers.write_form(tmp_path / "from", form)
    settings = {"train": {"steps": 4, "evaluate_every": 4}}
    reports = run(texts[1], tmp_path / "run", init_from=str(path), settings=settings)
    said = notices(reports)
    assert "does not say how its text was cut into tokens; this one is cut by words, and --tokenizer chooses" in said
    assert "softmax: the model came without one, and begins anew with" in said
    record = json.loads((tmp_path / "run/config.json").read_text())
    assert record["origin"]["sha256"] == load_model(str(path)).fingerprint
    assert (record["origin"]["vocabulary"], record["origin"]["softmax"]) == ("new", "rebuilt")
    assert load_model(tmp_path / "run").softmax is not None


def test_the_published_fixture_is_continued_on_real_text(shared: Path, tmp_path: Path) -> None:
    model = tmp_path / "published"
    model.mkdir()
    for name in ("options.json", "lm_weights.hdf5"):
        shutil.copy(shared / "fixtures/bilm" / name, model / name)
    text = tmp_path / "text.txt"
    with (shared / "data/wikitext-2/valid.sentences.txt").open(encoding="utf-8") as lines:
        text.write_text("".join(islice(lines, 400)), encoding="utf-8")
    began = {}
    for start in ("tokens", "zero"):
        train = {"steps": 10, "rows": 8, "negatives": 500, "softmax_start": start}
        settings = {"text": {"tokenizer": "whitespace"}, "train": train}
        run(text, tmp_path / start, init_from=str(model), settings=settings)
        records = read_metrics(tmp_path / start / "metrics.jsonl")
        began[start] = next(entry["held_out_perplexity"] for entry in records if entry["step"] == 0)
    # Rows of zeros leave the words' frequencies; what the model reads tells more.
    assert began["tokens"] < 0.95 * began["zero"]


def test_word_ids_keep_the_rows_of_shared_words_and_read_new_ones_as_unknown(
    texts: tuple[Path, Path], tmp_path: Path
) -> None:
    model = {**MODEL, "char_cnn": None}
    run(texts[0], tmp_path / "ids", preset="tiny", settings={"model": model})
    before = load_model(tmp_path / "ids")
    began = at_the_start(texts[1], tmp_path / "new", init_from=str(tmp_path / "ids"), keep_vocabulary=False)
    assert before.vocabulary is not None
    assert began.vocabulary is not None
    old, new = before.bilm.state_dict()["token_encoder.table_VD"], began.bilm.state_dict()["token_encoder.table_VD"]
    for number, word in enumerate(began.vocabulary.words):
        np.testing.assert_array_equal(new[number], old[before.vocabulary.ids.get(word, before.vocabulary.unknown_id)])


def test_a_table_that_waits_owes_no_decay(texts: tuple[Path, Path], tmp_path: Path) -> None:
    model = {**MODEL, "char_cnn": None}
    run(texts[0], tmp_path / "ids", preset="tiny", settings={"model": model})
    train = {"freeze_steps": 10, "steps": 10, "optimizer": {"weight_decay": 0.5}}
    run(texts[0], tmp_path / "waits", init_from=str(tmp_path / "ids"), settings={"train": train})
    assert load_model(tmp_path / "waits").fingerprint == load_model(tmp_path / "ids").fingerprint


def test_settings_that_contradict_the_model_are_refused(first: Path, texts: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--preset small: another architecture than that of --init-from .*: ") as why:
        run(texts[1], tmp_path / "run", init_from=str(first), preset="small")
    assert "model.lstm.cell_dim is 16 in the model, 1024 here" in why.value.message
    settings = {"model": {"lstm": {"cell_dim": 32}}}
    with pytest.raises(
        ConfigError, match=r"its architecture cannot change: model\.lstm\.cell_dim is 16 in the model, 32 here\n"
    ):
        run(texts[1], tmp_path / "run2", init_from=str(first), settings=settings)
    run(texts[1], tmp_path / "run3", init_from=str(first), settings={"model": {"lstm": {"cell_dim": 16}}})
    with pytest.raises(
        ConfigError, match=r"train\.freeze: expected names out of token_encoder, lstm\.1, .*found lstm\.3"
    ):
        run(texts[1], tmp_path / "run4", init_from=str(first), settings={"train": {"freeze": "lstm.3"}})


def test_what_cannot_be_continued_says_what_to_do(first: Path, texts: tuple[Path, Path], tmp_path: Path) -> None:
    containers.write_manylangs(tmp_path / "many")
    with pytest.raises(ConfigError, match="a model of ELMoForManyLangs, which is read and not trained here") as why:
        run(texts[1], tmp_path / "run", init_from=str(tmp_path / "many"))
    assert why.value.hint == "train a model of characters on the same text: leave --init-from away"
    published = containers.write_form(tmp_path / "from", "folder")
    with pytest.raises(ConfigError, match=r"--vocab same: .* comes without a vocabulary"):
        run(texts[1], tmp_path / "run", init_from=str(published), keep_vocabulary=True)
    with pytest.raises(ConfigError, match=r"the softmax cannot be frozen, because .* came without one"):
        run(texts[1], tmp_path / "run", init_from=str(published), settings={"train": {"freeze": "softmax"}})
    with pytest.raises(ConfigError, match="--vocab same: there is no model whose vocabulary could stay"):
        run(texts[1], tmp_path / "run", preset="tiny", keep_vocabulary=True)
    ids = tmp_path / "ids"
    containers.write_published(ids, containers.VARIANTS["word ids"])
    (ids / "vocab.txt").unlink()
    with pytest.raises((ConfigError, TextError, ModelError), match="word ids without its vocabulary"):
        run(texts[1], tmp_path / "run", init_from=str(ids))
    with pytest.raises(ModelError, match="no such model folder"):
        run(texts[1], tmp_path / "run", init_from=str(tmp_path / "nowhere"))


def test_text_is_cut_as_the_model_s_own_was_and_differences_are_said(texts: tuple[Path, Path], tmp_path: Path) -> None:
    settings: dict[str, Any] = {"model": MODEL, "text": {"lowercase": True}}
    run(texts[0], tmp_path / "small", preset="tiny", settings=settings)
    reports = run(texts[1], tmp_path / "as-it-was", init_from=str(tmp_path / "small"))
    assert load_model(tmp_path / "as-it-was").text.lowercase
    assert "cut otherwise" not in notices(reports)
    reports = run(
        texts[1], tmp_path / "other", init_from=str(tmp_path / "small"), settings={"text": {"lowercase": False}}
    )
    assert "cut otherwise than that of" in notices(reports, warning=True)
    assert "lowercase False (the model's: True)" in notices(reports, warning=True)
    flow = prepare([str(texts[1])], tmp_path / "prepared", text=TextConfig(), split=SplitConfig(held_out=0.1))
    list(flow)
    reports = run(tmp_path / "prepared", tmp_path / "given", init_from=str(tmp_path / "small"))
    assert "lowercase False (the model's: True)" in notices(reports, warning=True)


def test_pieces_come_with_the_model(texts: tuple[Path, Path], tmp_path: Path) -> None:
    pieces = {"text": {"tokenizer": "sentencepiece"}, "pieces": {"size": 60}}
    run(texts[0], tmp_path / "small", preset="tiny", settings={"model": MODEL, **pieces})
    run(texts[1], tmp_path / "next", init_from=str(tmp_path / "small"))
    one, other = (
        hashlib.sha256((tmp_path / name / "model/tokenizer.model").read_bytes()).digest() for name in ("small", "next")
    )
    assert one == other
