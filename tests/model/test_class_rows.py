"""Class weights told from other classes, and from the states in which words were predicted."""

import numpy as np
import torch

from elmo_cli.model.class_rows import ClassMeans, apply_ridge, fit_ridge


def test_a_linear_map_with_intercept_is_found_again() -> None:
    generator = torch.Generator().manual_seed(1)
    inputs_NX = torch.randn(50, 4, generator=generator)
    matrix, intercept = torch.randn(4, 3, generator=generator), torch.randn(3, generator=generator)
    found = fit_ridge(inputs_NX, inputs_NX @ matrix + intercept, torch.ones(50), 0.0)
    np.testing.assert_allclose(found[:-1], matrix, atol=1e-5)
    np.testing.assert_allclose(found[-1], intercept, atol=1e-5)


def test_it_solves_the_normal_equations_of_weighted_ridge_regression() -> None:
    rng = np.random.default_rng(2)
    x, y, w = rng.normal(size=(30, 3)), rng.normal(size=(30, 2)), rng.uniform(0.1, 2, size=30)
    found = fit_ridge(*(torch.from_numpy(array) for array in (x, y, w)), 5.0).numpy()
    centred_x, centred_y = x - np.average(x, 0, w), y - np.average(y, 0, w)
    spread = np.average(centred_x**2, 0, w)
    left = (w[:, None] * centred_x).T @ centred_x + 5.0 * w.sum() / 30 * np.diag(spread)
    np.testing.assert_allclose(found[:-1], np.linalg.solve(left, (w[:, None] * centred_x).T @ centred_y), rtol=1e-6)


def test_an_input_that_never_changes_does_no_harm() -> None:
    inputs_NX = torch.tensor([[1.0, 0.0], [1.0, 1.0], [1.0, 3.0]])
    matrix = fit_ridge(inputs_NX, inputs_NX[:, 1:] * 2, torch.ones(3), 0.0)
    np.testing.assert_allclose(apply_ridge(matrix, inputs_NX)[:, 0], [0, 2, 6], atol=1e-6)


def test_a_classifier_from_class_means_is_the_best_one_for_normal_classes() -> None:
    rng = np.random.default_rng(3)
    centres, spread = rng.normal(size=(4, 5)) * 2, rng.normal(size=(5, 5)) / 2
    shares = np.array([0.4, 0.3, 0.2, 0.1])
    targets = rng.choice(4, p=shares, size=40_000)
    hidden = (centres[targets] + rng.normal(size=(40_000, 5)) @ spread).astype(np.float32)
    means = ClassMeans.empty(4, 5, torch.device("cpu"))
    for part in range(4):  # in pieces, as batches come
        means.add(torch.from_numpy(hidden[part::4]), torch.from_numpy(targets[part::4]))
    weight, above = means.softmax(torch.from_numpy(rng.normal(size=(4, 3))))
    logits = hidden.astype(np.float64) @ weight.numpy().T + above.numpy() + np.log(shares)
    precision = np.linalg.inv(spread.T @ spread)
    true = hidden @ precision @ centres.T - 0.5 * np.einsum("kd,de,ke->k", centres, precision, centres) + np.log(shares)

    def loss(scores: np.ndarray) -> float:
        shifted = scores - scores.max(1, keepdims=True)
        return float(np.mean(np.log(np.exp(shifted).sum(1)) - shifted[np.arange(len(targets)), targets]))

    assert loss(logits) < loss(true) + 0.002


def test_a_class_that_was_never_seen_is_told_from_its_token_vector() -> None:
    rng = np.random.default_rng(4)
    tokens = rng.normal(size=(30, 4))
    targets = np.repeat(np.arange(29), 200)
    hidden = tokens[targets] + rng.normal(size=(len(targets), 4))
    means = ClassMeans.empty(30, 4, torch.device("cpu"))
    means.add(torch.from_numpy(hidden), torch.from_numpy(targets))
    weight, _ = means.softmax(torch.from_numpy(tokens))
    own = tokens[29] - tokens[:29].mean(0)
    assert np.corrcoef(weight[29].numpy(), own)[0, 1] > 0.95
