"""What programs for AllenNLP's ``Elmo`` rely on (reference/allennlp.md, 7.2), and the NumPy network's numbers."""

import copy
import inspect
import json
import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from elmo_cli import Elmo, batch_to_ids
from elmo_cli.config import ModelConfig
from elmo_cli.errors import ConfigError, ModelError
from elmo_cli.formats.model_folder import ModelFiles, read_model_folder, write_model_folder
from tests import numpy_elmo as reference

Files = tuple[Path, Path]
SENTENCES = [["The", "sentence", "."], ["ELMo", "helps", "disambiguate", "ELMo", "from", "Elmo", "."]]
E = 10


def make(files: Files, outputs: int = 1, **settings: object) -> Elmo:
    settings.setdefault("dropout", 0.0)
    return Elmo(*files, outputs, **settings)  # type: ignore[arg-type]


def test_arguments_have_allennlps_names_order_and_defaults() -> None:
    parameters = inspect.signature(Elmo).parameters.values()
    names = [(p.name, p.default) for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert names == [
        ("options_file", inspect.Parameter.empty),
        ("weight_file", inspect.Parameter.empty),
        ("num_output_representations", inspect.Parameter.empty),
        ("requires_grad", False),
        ("do_layer_norm", False),
        ("dropout", 0.5),
        ("vocab_to_cache", None),
        ("keep_sentence_boundaries", False),
        ("scalar_mix_parameters", None),
        ("module", None),
    ]


@pytest.mark.parametrize(("keep", "columns"), [(False, 7), (True, 9)])
def test_shapes_and_mask(files: Files, keep: bool, columns: int) -> None:
    elmo = make(files, 2, keep_sentence_boundaries=keep)
    out = elmo(batch_to_ids(SENTENCES))
    assert [tuple(vectors.shape) for vectors in out["elmo_representations"]] == [(2, columns, E)] * 2
    assert out["mask"].dtype == torch.bool
    assert out["mask"].sum(1).tolist() == [columns - 4, columns]
    assert elmo.get_output_dim() == E


@pytest.mark.parametrize("do_layer_norm", [False, True])
@pytest.mark.parametrize("keep", [False, True])
def test_padding_is_exactly_zero_and_nothing_else_is(files: Files, keep: bool, do_layer_norm: bool) -> None:
    out = make(files, keep_sentence_boundaries=keep, do_layer_norm=do_layer_norm)(batch_to_ids([*SENTENCES, []]))
    assert torch.equal(out["elmo_representations"][0].ne(0).any(-1), out["mask"])


def test_every_layer_is_the_numpy_networks(files: Files, weights: reference.Weights, config: ModelConfig) -> None:
    ids = [reference.sentence_characters(sentence, 50) for sentence in SENTENCES]
    expected, _ = reference.embed(weights, config, ids, reference.zero_state(config, 2))
    for layer in range(3):
        picked = [1.0 if number == layer else -9e10 for number in range(3)]
        elmo = make(files, scalar_mix_parameters=picked, state="zero")
        vectors = elmo(batch_to_ids(SENTENCES))["elmo_representations"][0].numpy()
        for row, layers in enumerate(expected):
            np.testing.assert_allclose(vectors[row, : len(SENTENCES[row])], layers[layer], rtol=0, atol=1e-6)


def test_carried_batches_of_three_are_tensorflows(shared: Path) -> None:
    folder = shared / "fixtures/bilm"
    elmo = make(
        (folder / "options.json", folder / "lm_weights.hdf5"), scalar_mix_parameters=[-9e10, -9e10, 1], state="carry"
    )
    lists = json.loads((folder / "lm_embeddings_sentences.json").read_text(encoding="utf-8"))
    expected = [h5py.File(folder / f"lm_embeddings_{number}.hdf5") for number in range(3)]
    for place in range(10):
        out = elmo(batch_to_ids([sentences[place].split() for sentences in lists]))
        for file, vectors, mask in zip(expected, out["elmo_representations"][0], out["mask"], strict=True):
            forward, backward = file[str(place)][...]
            np.testing.assert_allclose(
                vectors[mask].numpy(), np.concatenate([forward, backward], axis=1), rtol=0, atol=2e-6
            )


def test_four_dimensions_are_rows_of_three(files: Files) -> None:
    ids = batch_to_ids([*SENTENCES, ["a"], ["b", "c"], [], ["d", "e"]])
    elmo = make(files, 2, keep_sentence_boundaries=True, state="carry")
    stacked = elmo(ids.view(2, 3, 7, 50))
    assert stacked["mask"].shape == (2, 3, 9)
    for block in range(2):
        elmo.reset_states()
        flat = elmo(ids.view(2, 3, 7, 50)[block])
        for one, other in zip(stacked["elmo_representations"], flat["elmo_representations"], strict=True):
            torch.testing.assert_close(one[block], other, rtol=0, atol=1e-6)


@pytest.mark.parametrize("sentences", [[], [[]], [[], []]])
def test_batches_without_a_word_give_no_vectors(files: Files, sentences: list[list[str]]) -> None:
    out = make(files)(batch_to_ids(sentences))
    assert out["elmo_representations"][0].shape == (len(sentences), 0, E)
    assert out["mask"].shape == (len(sentences), 0)


def test_a_sentence_is_the_same_beside_a_longer_one_and_with_more_padding(files: Files) -> None:
    elmo = make(files)
    alone = elmo(batch_to_ids(SENTENCES[:1]))["elmo_representations"][0][0]
    together = elmo(batch_to_ids(SENTENCES))["elmo_representations"][0][0, :3]
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-6)


def test_carried_state_changes_vectors_until_it_is_reset(files: Files) -> None:
    elmo, ids = make(files, state="carry"), batch_to_ids(SENTENCES)
    runs = [elmo(ids)["elmo_representations"][0] for _ in range(2)]
    assert (runs[0] - runs[1]).abs().max() > 1e-3
    elmo.reset_states()
    assert torch.equal(elmo(ids)["elmo_representations"][0], runs[0])


@pytest.mark.parametrize(
    ("requires_grad", "learning"),
    [
        (False, set()),
        (True, {"token_encoder", "layers.0", "layers.1"}),
        ({"lstm.2"}, {"layers.1"}),
        (["lstm.1", "char_cnn"], {"token_encoder", "layers.0"}),
    ],
)
def test_gradients_reach_the_layers_that_learn_and_no_others(
    files: Files, requires_grad: object, learning: set[str]
) -> None:
    elmo = make(files, requires_grad=requires_grad)
    # Random ids, as AllenNLP's own test has them: 0 and padding may stand inside a word.
    ids = torch.randint(0, 262, (3, 4, 50), generator=torch.Generator().manual_seed(1))
    elmo(ids)["elmo_representations"][0].sum().backward()
    for name, parameter in elmo._elmo_lstm.bilm.named_parameters():
        expected = any(name.startswith(start) for start in learning)
        assert (parameter.grad is not None) == expected, name
    assert all(parameter.grad is not None for parameter in elmo.scalar_mix_0.parameters())


def test_a_character_of_id_zero_has_a_vector_of_zeros(
    files: Files, weights: reference.Weights, config: ModelConfig
) -> None:
    ids = batch_to_ids([["word", "tail"]])
    ids[0, 0, 3] = 0
    ids[0, 1, 2] = 261
    elmo = make(files, scalar_mix_parameters=[1, -9e10, -9e10])
    vectors = elmo(ids)["elmo_representations"][0][0, :, :5]
    table = np.concatenate([weights["char_embed"], np.zeros((1, 4), np.float32)])
    chars = ids[0].numpy() - 1
    expected = reference.token_vectors({**weights, "char_embed": table}, config, np.where(chars < 0, 261, chars))
    np.testing.assert_allclose(vectors.numpy(), expected, rtol=0, atol=1e-6)


def test_the_gradient_is_the_slope(files: Files, weights: reference.Weights, config: ModelConfig) -> None:
    elmo = make(files, requires_grad=True, state="zero").double()
    factors = np.random.default_rng(1).normal(size=(2, 7, E))
    out = elmo(batch_to_ids(SENTENCES))["elmo_representations"][0]
    (out * torch.from_numpy(factors)).sum().backward()
    ids = [reference.sentence_characters(sentence, 50) for sentence in SENTENCES]

    def loss(changed: reference.Weights) -> float:
        vectors, _ = reference.embed(changed, config, ids, reference.zero_state(config, 2))
        return sum(
            float((layers.mean(0) * factors[row, : layers.shape[1]]).sum()) for row, layers in enumerate(vectors)
        )

    bilm = elmo._elmo_lstm.bilm
    cell = "RNN_{}/RNN/MultiRNNCell/Cell{}/LSTMCell/{}"
    for name, place, gradient in [
        ("char_embed", (ord("e"), 1), bilm.token_encoder.embedding.grad),
        ("CNN/b_cnn_2", (3,), bilm.token_encoder.biases[2].grad),
        ("CNN_proj/W_proj", (4, 2), bilm.token_encoder.projection.weight.grad),
        (cell.format(0, 0, "W_0"), (2, 7), bilm.layers[0].kernel.grad[0]),
        (cell.format(1, 1, "W_0"), (6, 20), bilm.layers[1].kernel.grad[1]),
        (cell.format(1, 0, "W_P_0"), (3, 1), bilm.layers[0].projection.grad[1]),
    ]:
        slope = reference.finite_difference(loss, weights, name, place)
        assert gradient[place].item() == pytest.approx(slope, rel=1e-5, abs=1e-7), name


@pytest.mark.parametrize("words", [["The", "sentence"], ["@@PADDING@@", "The", "from", "."]])
def test_a_cache_with_any_ids_changes_nothing(files: Files, words: list[str]) -> None:
    ids = batch_to_ids(SENTENCES)
    places = {word: number for number, word in enumerate(words)}
    word_ids = torch.zeros(2, 7, dtype=torch.long)
    for row, sentence in enumerate(SENTENCES):
        for column, word in enumerate(sentence):
            word_ids[row, column] = places.get(word, 99 if column % 2 else -1)
    expected = make(files)(ids)["elmo_representations"][0]
    cached = make(files, vocab_to_cache=words)
    torch.testing.assert_close(cached(ids, word_ids)["elmo_representations"][0], expected, rtol=0, atol=1e-6)
    stacked = cached(ids.expand(4, -1, -1, -1), word_ids.expand(4, -1, -1))["elmo_representations"][0]
    torch.testing.assert_close(stacked, expected.expand(4, -1, -1, -1), rtol=0, atol=1e-6)


def test_a_cache_follows_loaded_weights_and_rests_while_characters_learn(files: Files) -> None:
    ids, word_ids = batch_to_ids([["The"]]), torch.zeros(1, 1, dtype=torch.long)
    other = make(files)
    with torch.no_grad():
        other._elmo_lstm.bilm.token_encoder.embedding.mul_(0.5)
    cached = make(files, vocab_to_cache=["The"])
    cached.load_state_dict(other.state_dict())
    torch.testing.assert_close(
        cached(ids, word_ids)["elmo_representations"], other(ids)["elmo_representations"], rtol=0, atol=1e-6
    )
    with pytest.warns(UserWarning, match="vocab_to_cache is not used while char_cnn learns"):
        learning = make(files, vocab_to_cache=["The"], requires_grad=True)
    learning(ids, word_ids)["elmo_representations"][0].sum().backward()
    assert learning._elmo_lstm.bilm.token_encoder.embedding.grad is not None


def test_word_ids_without_a_cache_are_passed_over_with_a_warning(files: Files) -> None:
    elmo, ids = make(files), batch_to_ids(SENTENCES)
    with pytest.warns(UserWarning, match="word_inputs are passed over: there is no cache; vocab_to_cache makes one"):
        got = elmo(ids, torch.zeros(2, 7, dtype=torch.long))["elmo_representations"][0]
    assert torch.equal(got, elmo(ids)["elmo_representations"][0])


def test_a_cache_that_comes_to_rest_later_is_told_too(files: Files) -> None:
    elmo = make(files, vocab_to_cache=["The"])
    with pytest.warns(UserWarning, match="vocab_to_cache is not used while char_cnn learns"):
        elmo._elmo_lstm.set_requires_grad({"char_cnn"})


def test_words_spelled_like_boundaries_are_the_boundaries(files: Files) -> None:
    elmo = make(files, keep_sentence_boundaries=True, scalar_mix_parameters=[1, -9e10, -9e10])
    first, second = elmo(batch_to_ids([["<S>"], ["</S>"]]))["elmo_representations"][0]
    assert torch.equal(first[0], first[1])
    assert torch.equal(second[2], second[1])
    assert not torch.equal(first[0], second[2])


class _Other(torch.nn.Module):
    num_layers = 2

    def forward(self, inputs: torch.Tensor, word_inputs: torch.Tensor | None = None) -> dict[str, object]:
        rows, columns = inputs.shape[:2]
        mask = torch.ones(rows, columns + 2, dtype=torch.long)
        return {"activations": [torch.ones(rows, columns + 2, 4)] * 2, "mask": mask}


def test_another_module_takes_the_models_place(files: Files, tmp_path: Path) -> None:
    elmo = Elmo(None, None, 2, module=_Other())
    assert [v.shape for v in elmo(batch_to_ids(SENTENCES))["elmo_representations"]] == [(2, 7, 4)] * 2
    with pytest.raises(ConfigError, match="module takes the place of options_file and weight_file"):
        Elmo(*files, 1, module=_Other())
    with pytest.raises(ConfigError, match="only its maker can write it"):
        elmo.save_pretrained(tmp_path / "model")


def test_vectors_of_length_one_on_request(files: Files) -> None:
    out = make(files, normalize=True)(batch_to_ids(SENTENCES))
    lengths = out["elmo_representations"][0].norm(dim=-1)
    torch.testing.assert_close(lengths, out["mask"].float(), rtol=0, atol=1e-6)


def test_copies_pickles_and_types(files: Files) -> None:
    elmo, ids = make(files, state="carry"), batch_to_ids(SENTENCES)
    elmo(ids)
    twins = [copy.deepcopy(elmo), pickle.loads(pickle.dumps(elmo))]
    expected = elmo(ids)["elmo_representations"][0]
    assert all(torch.equal(twin(ids)["elmo_representations"][0], expected) for twin in twins)
    exact = twins[0].double()(ids)["elmo_representations"][0]
    assert exact.dtype == torch.float64


def test_bfloat16_is_within_five_hundredths(files: Files) -> None:
    ids = batch_to_ids(SENTENCES)
    expected = make(files)(ids)["elmo_representations"][0]
    got = make(files).bfloat16()(ids)["elmo_representations"][0]
    assert got.dtype == torch.bfloat16
    assert (got.float() - expected).abs().max() < 0.05
    elmo = make(files)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = elmo(ids)["elmo_representations"][0]
    assert (mixed.float() - expected).abs().max() < 0.05


def test_saving_and_loading_is_exact_to_the_bit(files: Files, folder: Path, tmp_path: Path) -> None:
    elmo, ids = make(files, 2, requires_grad=True), batch_to_ids(SENTENCES)
    elmo(ids)["elmo_representations"][1].sum().backward()
    torch.optim.SGD(elmo.parameters(), lr=0.01).step()
    elmo.save_pretrained(tmp_path / "tuned")
    again = Elmo.from_pretrained(tmp_path / "tuned", dropout=0.0)
    for name, value in elmo.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name
    for one, other in zip(elmo(ids)["elmo_representations"], again(ids)["elmo_representations"], strict=True):
        assert torch.equal(one, other)
    untouched = Elmo.from_pretrained(folder)
    untouched.save_pretrained(tmp_path / "same")
    before, after = (read_model_folder(path).weights for path in (folder, tmp_path / "same"))
    assert before.keys() == after.keys()
    assert all(before[name].tobytes() == after[name].tobytes() for name in before)


def test_errors_say_what_was_expected(files: Files, tmp_path: Path, config: ModelConfig) -> None:
    elmo = make(files)
    holed = batch_to_ids(SENTENCES)
    holed[1, 2] = 0
    with pytest.raises(ValueError, match=r"row 1: position 2 is padding .* and a token follows it"):
        elmo(holed)
    with pytest.raises(ValueError, match=r"expected whole numbers of shape \(\.\.\., tokens, 50\)"):
        elmo(torch.ones(1, 2, 20, dtype=torch.long))
    with pytest.raises(ValueError, match=r"expected character ids of shape .* found \(2, 50\)"):
        elmo(torch.ones(2, 50, dtype=torch.long))
    with pytest.raises(ValueError, match="expected 0 to 261, found 257 to 300"):
        elmo(torch.full((1, 1, 50), 300))
    with pytest.raises(ConfigError, match=r"expected True, False or some of char_cnn, lstm\.1, lstm\.2; found lstm\.9"):
        make(files, requires_grad={"lstm.9"})
    with pytest.raises(ConfigError, match="state='hot': expected warm, zero, carry"):
        make(files, state="hot")
    with pytest.raises(ConfigError, match="weight_file: expected a path, found None"):
        Elmo(files[0], None, 1)
    words = ModelConfig(char_cnn=None, lstm=config.lstm)
    write_model_folder(tmp_path / "words", ModelFiles(config=words, weights=reference.random_model(words, seed=1)))
    with pytest.raises(ModelError, match="expected a model of characters, found one of word ids"):
        make((tmp_path / "words/options.json", tmp_path / "words/weights.hdf5"))
