"""The tagger of the examples, on a few sentences of a treebank and a model of random weights."""

from pathlib import Path

import pytest
import torch

from elmo_cli import Elmo, ElmoEmbedder, batch_to_ids
from elmo_cli.config import CharCnnConfig, LstmConfig, ModelConfig
from elmo_cli.errors import TextError
from elmo_cli.formats.model_folder import ModelFiles, write_model_folder
from examples import tagger
from tests import numpy_elmo as reference

CONFIG = ModelConfig(
    char_cnn=CharCnnConfig(embedding_dim=4, filters=((1, 3), (2, 4), (3, 5)), highways=1),
    lstm=LstmConfig(cell_dim=9, projection_dim=5, cell_clip=3.0, projection_clip=3.0),
)
EPOCHS, LIMIT = 2, 20
Results = dict[str, tuple[tagger.Tagger, float, float]]
NAMES = ["token layer alone", "frozen ELMo", "fine-tuned ELMo"]
HEADER = "# sent_id = 1\n# text = He's off.\n"
SENTENCE = """\
1-2\tHe's\t_\t_\t_\t_\t_\t_\t_\t_
1\tHe\the\tPRON\t_\t_\t3\tnsubj\t_\t_
2\t's\tbe\tAUX\t_\t_\t3\tcop\t_\t_
2.1\tgoing\tgo\tVERB\t_\t_\t_\t_\t_\t_
3\toff\toff\tADV\t_\t_\t0\troot\t_\t_
4\t.\t.\tPUNCT\t_\t_\t3\tpunct\t_\t_
"""
WORD = "1\tWait\twait\tVERB\t_\t_\t0\troot\t_\t_\n"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "model"
    write_model_folder(folder, ModelFiles(config=CONFIG, weights=reference.random_model(CONFIG, seed=1)))
    return folder


@pytest.fixture(scope="module")
def treebank(shared: Path) -> Path:
    folder = shared / "data/ud-english-ewt"
    if not folder.is_dir():
        pytest.skip(f"needs the treebank in {folder}, which is not on this machine")
    return folder


@pytest.fixture(scope="module")
def results(model: Path, treebank: Path) -> Results:
    return tagger.compare(str(model), treebank, EPOCHS, LIMIT, seed=1)


def written(folder: Path, text: str) -> Path:
    folder.mkdir()
    for part in ("train", "dev", "test"):
        (folder / f"xx_small-ud-{part}.conllu").write_text(text, encoding="utf-8")
    return folder


def first_sentences(file: Path, count: int) -> list[list[tuple[str, str]]]:
    """Words with their tags, read line by line."""
    sentences: list[list[tuple[str, str]]] = [[]]
    for line in file.read_text(encoding="utf-8").splitlines():
        if not line:
            sentences.append([])
        elif line[0].isdigit() and not {"-", "."} & set(line.split("\t")[0]):
            sentences[-1].append((line.split("\t")[1], line.split("\t")[3]))
    return sentences[:count]


def weights_of(elmo: Elmo) -> dict[str, torch.Tensor]:
    """What the language model knows; the mix is not of it."""
    return dict(elmo._elmo_lstm.bilm.named_parameters())


def test_accuracies_are_those_of_an_independent_count(results: Results, treebank: Path) -> None:
    train, dev, test = (
        first_sentences(next(treebank.glob(f"*-{part}.conllu")), LIMIT) for part in ("train", "dev", "test")
    )
    tags = sorted({tag for sentence in train for _, tag in sentence})
    assert list(results) == NAMES
    for name, (trained, *accuracies) in results.items():
        for sentences, accuracy in zip([dev, test], accuracies, strict=True):
            right = 0
            for sentence in sentences:
                # Sentence by sentence through Elmo, where the example has batches, and layers computed once.
                vectors = trained.elmo(batch_to_ids([[word for word, _ in sentence]]))["elmo_representations"][0]
                given = trained.score(vectors[0]).argmax(dim=1).tolist()
                right += sum(tags[number] == tag for number, (_, tag) in zip(given, sentence, strict=True))
            assert accuracy == right / sum(map(len, sentences)), name


def test_frozen_elmo_stays_as_it_was_and_its_mix_learns(results: Results, model: Path) -> None:
    before = weights_of(Elmo.from_pretrained(model))
    for name in NAMES[:2]:
        for weight_name, weight in weights_of(results[name][0].elmo).items():
            assert weight.grad is None and torch.equal(weight, before[weight_name]), weight_name
    fixed, learned = (results[name][0].elmo.scalar_mixes[0] for name in NAMES[:2])
    assert all(parameter.grad is None for parameter in fixed.parameters())
    assert all(parameter.grad is not None and parameter.grad.item() != 0 for parameter in learned.parameters())


def test_fine_tuning_reaches_every_weight_of_the_language_model(results: Results, model: Path) -> None:
    before = weights_of(Elmo.from_pretrained(model))
    for name, weight in weights_of(results["fine-tuned ELMo"][0].elmo).items():
        assert weight.grad is not None and bool(weight.grad.any()), name
        assert not torch.equal(weight, before[name]), name


def test_the_report_has_all_figures_and_the_same_seed_gives_them_again(
    results: Results, model: Path, treebank: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tagger.main([str(model), str(treebank), "--epochs", str(EPOCHS), "--limit", str(LIMIT)])
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split()[:4] == ["vectors", "dev", "test", "gamma"]
    for line, (name, (trained, dev, test)) in zip(lines, results.items(), strict=True):
        mix = trained.elmo.scalar_mixes[0]
        assert line.startswith(name)
        *figures, gamma = line.removeprefix(name).split()[:3]
        assert (figures, gamma) == ([f"{dev:.2%}", f"{test:.2%}"], f"{mix.gamma.item():.2f}")
        exponents = [parameter.exp().item() for parameter in mix.scalar_parameters]
        weights = [float(weight) for weight in line.removeprefix(name).split()[3:]]
        assert weights == pytest.approx([exponent / sum(exponents) for exponent in exponents], abs=0.0006)
        assert sum(weights) == pytest.approx(1, abs=0.0016)
    assert lines[0].split()[-3:] == ["1.000", "0.000", "0.000"]


def test_spellings_of_two_words_and_unsaid_words_are_left_out(tmp_path: Path) -> None:
    folder = written(tmp_path / "treebank", HEADER + SENTENCE + "\n" + WORD + "\n")
    sentence = (["He", "'s", "off", "."], ["PRON", "AUX", "ADV", "PUNCT"])
    assert tagger.read_treebank(folder, "dev", None) == [sentence, (["Wait"], ["VERB"])]
    assert tagger.read_treebank(folder, "dev", 1) == [sentence]


def test_a_row_without_its_columns_is_told(tmp_path: Path) -> None:
    folder = written(tmp_path / "treebank", "1\tWait\tVERB\n")
    with pytest.raises(TextError, match=r"dev\.conllu: expected ten columns, found 3: \['1', 'Wait', 'VERB'\]"):
        tagger.read_treebank(folder, "dev", None)


def test_a_tag_that_training_lacks_counts_as_wrong(model: Path) -> None:
    text = [(["Oh"], ["INTJ"]), (["He", "waits"], ["VERB", "VERB"])]
    batches = tagger.make_batches("dev", text, ["VERB"], ElmoEmbedder(model_dir=model))
    assert tagger.Tagger(Elmo.from_pretrained(model), 1).accuracy(batches) == 2 / 3


def test_a_folder_without_treebank_is_told(model: Path, tmp_path: Path) -> None:
    with pytest.raises(
        SystemExit, match=r"nowhere: expected one file \*-train.conllu, found 0\nHint: the English treebank is at"
    ):
        tagger.main([str(model), str(tmp_path / "nowhere")])


def test_a_folder_without_model_is_told(tmp_path: Path) -> None:
    folder = written(tmp_path / "treebank", SENTENCE)
    with pytest.raises(SystemExit, match="nowhere"):
        tagger.main([str(tmp_path / "nowhere"), str(folder)])


@pytest.mark.parametrize("option", ["--epochs", "--limit"])
def test_nothing_to_do_is_a_wrong_command_line(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        tagger.main(["model", "treebank", option, "0"])
    assert "--epochs and --limit: expected 1 or more" in capsys.readouterr().err


def test_progress_is_told_after_two_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([0.0, 1.0, 4.0, 5.0])
    monkeypatch.setattr(tagger.time, "monotonic", lambda: next(clock))
    progress = tagger.Progress("training", 10_000)
    for _ in range(3):
        progress.add(1_000)
    assert capsys.readouterr().err == "training: 2,000 of 10,000 words, 500 words/s, 16 s left\n"
