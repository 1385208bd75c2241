"""Languages without spaces: raw text at every stage, from the first file to the vectors."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import pytest

from elmo_cli.config import PiecesConfig, SplitConfig, TextConfig, VocabularyConfig
from elmo_cli.errors import ConfigError, ModelError, TextError
from elmo_cli.flows.corpora.prepare import prepare
from elmo_cli.flows.corpora.vocabulary import build_vocabulary
from elmo_cli.flows.corpus_results import PrepareResult, VocabularyResult
from elmo_cli.flows.evaluation.evaluate import evaluate
from elmo_cli.flows.evaluation_results import EvaluateResult
from elmo_cli.flows.model_results import EmbedResult
from elmo_cli.flows.models.export import export
from elmo_cli.flows.models.loaded import load_model
from elmo_cli.flows.pretraining.pretrain import pretrain
from elmo_cli.flows.run_results import PretrainResult
from elmo_cli.flows.vectors.embed import embed
from elmo_cli.text.prepared import read_prepared
from elmo_cli.text.readers import read_lines

CHINESE = TextConfig(tokenizer="sentencepiece", language="zh", normalization="nfkc", zero_digits=True)
LINES = ["今天天气很好。你好吗？", "他说他２０走了！", "我们都很好。", "天气不好，他不走。", "你说今天好不好？"]
STEPS = {"train": {"steps": 3, "evaluate_every": 3, "rows": 2, "window": 5}}


def _prepare(text: Path, out: Path, config: TextConfig = CHINESE, *, size: int = 40, coverage: float = 1.0) -> int:
    """Prepares a text and returns the number of its tokens."""
    pieces = PiecesConfig(size=size, character_coverage=coverage)
    *_, result = prepare([str(text)], out, text=config, pieces=pieces, split=SplitConfig(held_out=0.1))
    assert isinstance(result, PrepareResult)
    return result.tokens + result.held_out_tokens


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text, a corpus prepared from it, and a run of three steps on that."""
    folder = tmp_path_factory.mktemp("pieces")
    (folder / "text.txt").write_text("\n".join(LINES * 8), encoding="utf-8")
    _prepare(folder / "text.txt", folder / "corpus")
    *_, result = pretrain([str(folder / "corpus")], folder / "run", preset="tiny", settings=STEPS, device="cpu")
    assert isinstance(result, PretrainResult)
    return folder


def test_the_model_of_the_corpus_is_that_of_the_run(folder: Path) -> None:
    pieces = (folder / "corpus/tokenizer.model").read_bytes()
    assert (folder / "run/model/tokenizer.model").read_bytes() == pieces
    digest = hashlib.sha256(pieces).hexdigest()
    assert json.loads((folder / "run/model/model.json").read_text())["pieces_sha256"] == digest
    assert json.loads((folder / "corpus/prepare.json").read_text())["pieces_sha256"] == digest
    model = load_model(folder / "run")
    assert (model.text, model.pieces) == (CHINESE, pieces)


def test_raw_text_is_cut_as_the_training_text_was(folder: Path) -> None:
    corpus = read_prepared(folder / "corpus")
    prepared = {line for file in (*corpus.shards, corpus.held_out) if file for line in read_lines(file)}
    tokenizer = load_model(folder / "run").make_tokenizer(CHINESE)
    cut = {" ".join(sentence) for line in LINES for sentence in tokenizer.sentences(line)}
    assert cut == prepared
    assert any("00" in line.replace(" ", "") for line in cut), "wide digits are digits, and every one is 0"


def test_eval_and_embed_take_raw_text_and_keys_keep_the_line(folder: Path, tmp_path: Path) -> None:
    raw = tmp_path / "raw.txt"
    raw.write_text("今天２０好。\n你好 吗？\n", encoding="utf-8")
    *_, scored = evaluate(folder / "run", [str(raw)], device="cpu")
    *_, written = embed(folder / "run", str(raw), tmp_path / "v.hdf5", device="cpu")
    assert isinstance(scored, EvaluateResult) and isinstance(written, EmbedResult)
    tokenizer = load_model(folder / "run").make_tokenizer(CHINESE)
    assert scored.words == sum(len(s) for line in read_lines(raw) for s in tokenizer.sentences(line))
    with h5py.File(tmp_path / "v.hdf5") as file:
        assert file["0"].shape[1] == len(tokenizer.tokens("今天２０好。"))
        assert set(json.loads(file["sentence_to_index"][0])) == {"今天２０好。", "你好 吗？"}


@pytest.mark.parametrize("container", ["nlpl", "safetensors", "hdf5"])
def test_an_exported_model_still_takes_raw_text(folder: Path, tmp_path: Path, container: str) -> None:
    *_, _ = export(folder / "run", tmp_path / "out", to=container)
    model = load_model(tmp_path / "out")
    assert model.pieces == load_model(folder / "run").pieces
    assert model.make_tokenizer(model.text).tokens(LINES[0])


def test_a_given_model_is_used_instead_of_learning(folder: Path, tmp_path: Path) -> None:
    given = folder / "corpus/tokenizer.model"
    settings = STEPS | {"text": {"tokenizer": "sentencepiece", "language": "zh"}}
    text = [str(folder / "text.txt")]
    *_, _ = pretrain(text, tmp_path / "run", preset="tiny", settings=settings, pieces_model=given, device="cpu")
    assert (tmp_path / "run/model/tokenizer.model").read_bytes() == given.read_bytes()


def test_a_given_model_comes_too_late_for_a_prepared_corpus(folder: Path, tmp_path: Path) -> None:
    corpus, given = [str(folder / "corpus")], folder / "corpus/tokenizer.model"
    with pytest.raises(
        ConfigError, match=r"cut into tokens already, so --pieces-model .* comes too late\nHint: leave it"
    ):
        list(pretrain(corpus, tmp_path / "run", preset="tiny", settings=STEPS, pieces_model=given, device="cpu"))


def test_another_model_in_its_place_is_refused(folder: Path, tmp_path: Path) -> None:
    *_, _ = export(folder / "run", tmp_path / "model", to="hdf5")
    (tmp_path / "model/tokenizer.model").write_bytes(b"another")
    with pytest.raises(
        ModelError, match=r"tokenizer.model: expected the model that cut the training text, SHA-256 \w+,"
    ):
        load_model(tmp_path / "model")
    _prepare(folder / "text.txt", tmp_path / "corpus")
    (tmp_path / "corpus/tokenizer.model").write_bytes(b"another")
    with pytest.raises(TextError, match=r"tokenizer.model: expected the model that cut this text, SHA-256 \w+, found"):
        read_prepared(tmp_path / "corpus").read_pieces()


def test_a_model_that_came_without_its_pieces_says_so(folder: Path, tmp_path: Path) -> None:
    *_, _ = export(folder / "run", tmp_path / "model", to="hdf5")
    (tmp_path / "model/tokenizer.model").unlink()
    with pytest.raises(ConfigError, match=r"model: the tokenizer sentencepiece needs tokenizer.model, and this model"):
        list(evaluate(tmp_path / "model", [str(folder / "text.txt")], device="cpu"))


def _raw(folder: Path, language: str, sources: Sequence[Path], lines: int) -> tuple[Path, Path]:
    every = [line for source in sources for line in list(read_lines(source))[:lines] if line.strip()]
    training, test = folder / f"{language}.txt", folder / f"{language}-test.txt"
    training.write_text("\n".join(every[:-50]), encoding="utf-8")
    test.write_text("\n".join(every[-50:]), encoding="utf-8")
    return training, test


@pytest.mark.slow
@pytest.mark.parametrize("language", ["zh", "ja"])
def test_chinese_and_japanese_from_raw_text_to_vectors(shared: Path, tmp_path: Path, language: str) -> None:
    data = shared / "data"
    chinese = [data / "common-voice/zh-CN/sentences.txt", data / "chinese-wikipedia/contexts.txt"]
    sources = {"zh": chinese, "ja": [data / "common-voice/ja/sentences.txt"]}[language]
    training, test = _raw(tmp_path, language, sources, 2_000)
    text = TextConfig(tokenizer="sentencepiece", language=language)
    size = {"zh": 6_000, "ja": 3_000}[language]
    tokens = _prepare(training, tmp_path / "corpus", text, size=size, coverage=0.9995)
    assert tokens < 0.9 * len(training.read_text(encoding="utf-8")), "pieces are longer than characters"
    corpus, vocabulary = tmp_path / "corpus", tmp_path / "vocab.txt"
    for report in build_vocabulary([str(corpus)], vocabulary, config=VocabularyConfig(), text=text):
        if isinstance(report, VocabularyResult):
            assert report.coverage > 0.94
    settings = {"train": {"steps": 30, "evaluate_every": 10}}
    *_, trained = pretrain(
        [str(corpus)], tmp_path / "run", preset="tiny", settings=settings, vocabulary_path=vocabulary, device="cpu"
    )
    *_, scored = evaluate(tmp_path / "run", [str(test)], device="cpu")
    *_, written = embed(tmp_path / "run", str(test), tmp_path / "v.hdf5", device="cpu")
    assert (
        isinstance(trained, PretrainResult) and isinstance(scored, EvaluateResult) and isinstance(written, EmbedResult)
    )
    untrained = sum(1 for _ in read_lines(vocabulary))
    assert trained.held_out_perplexity < scored.perplexity * 3 and scored.perplexity < untrained / 2
    assert written.sentences == 50
    with h5py.File(tmp_path / "v.hdf5") as file:
        assert all(np.isfinite(file[str(number)][:]).all() for number in range(50))
