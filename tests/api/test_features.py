from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from elmo_cli import FeatureDataset, open_features, pad_features
from elmo_cli.errors import ModelError
from elmo_cli.formats.feature_form import FeatureForm
from tests.formats.feature_cases import LENGTHS, SENTENCES, WIDTH, vectors, write_all


@pytest.mark.parametrize("form", [{}, {"layout": "flat"}, {"layout": "flat", "compression": "gzip"}], ids=str)
@pytest.mark.parametrize("workers", [0, 2])
def test_a_data_loader_reads_every_sentence_once(tmp_path: Path, form: dict, workers: int) -> None:
    write_all(tmp_path, FeatureForm(width=WIDTH, **form))
    dataset = FeatureDataset(tmp_path / "vectors.hdf5")
    assert dataset[0].tolist() == vectors(LENGTHS[0], 0).tolist()  # open here before workers are forked
    loader = DataLoader(dataset, batch_size=5, num_workers=workers, collate_fn=pad_features)
    position = 0
    for vectors_BLTE, mask_BT in loader:
        for padded, mask in zip(vectors_BLTE, mask_BT, strict=True):
            length = LENGTHS[position]
            assert mask.tolist() == [True] * length + [False] * (len(mask) - length)
            assert padded[:, :length].numpy().tobytes() == vectors(length, position).tobytes()
            assert not padded[:, length:].any()
            position += 1
    assert position == len(dataset) == len(LENGTHS)


def test_a_data_set_travels_to_other_processes_closed(tmp_path: Path) -> None:
    import pickle

    write_all(tmp_path, FeatureForm(width=WIDTH, layers=None))
    dataset = FeatureDataset(str(tmp_path / "vectors.hdf5"))
    assert dataset[3].shape == (LENGTHS[3], WIDTH)
    again = pickle.loads(pickle.dumps(dataset))
    assert torch.equal(again[3], dataset[3])
    assert again.features is not dataset.features


def test_padding_one_layer_has_no_axis_for_layers() -> None:
    vectors_BTE, mask_BT = pad_features([torch.ones(2, 4), torch.ones(0, 4)])
    assert vectors_BTE.tolist() == [[[1] * 4] * 2, [[0] * 4] * 2]
    assert mask_BT.tolist() == [[True, True], [False, False]]


def test_paths_may_be_strings_and_errors_are_ours(tmp_path: Path) -> None:
    write_all(tmp_path, FeatureForm(width=WIDTH))
    with open_features(str(tmp_path / "vectors.hdf5")) as features:
        assert features.by_sentence(SENTENCES[2]).shape == (3, LENGTHS[2], WIDTH)
        assert np.array_equal(features[2], features.at_line(2))
    with pytest.raises(ModelError, match="found nothing"):
        open_features(tmp_path / "nowhere")
    with pytest.raises(ModelError, match="found nothing"):
        FeatureDataset(tmp_path / "nowhere")
