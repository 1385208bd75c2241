import shutil
from pathlib import Path

import pytest

from elmo_cli.errors import ConfigError, OutputError
from elmo_cli.formats.feature_form import FeatureForm, check_space
from tests.formats.feature_cases import LENGTHS, SENTENCES, WIDTH, forms, shown, write_all


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layout": "x"}, "layout 'x': expected allennlp, bilm, manylangs, flat"),
        ({"format": "x"}, "format 'x': expected hdf5, npy, safetensors, parquet"),
        ({"dtype": "x"}, "dtype 'x': expected float32, float16, bfloat16-rounded"),
        ({"compression": "x"}, "compression 'x': expected None, gzip, lzf"),
        ({"format": "npy"}, "format npy holds layout flat, and not allennlp\nHint: give --layout flat --format npy"),
        ({"format": "npy", "layout": "flat", "compression": "gzip"}, "format npy is not compressed with gzip\nHint:"),
        ({"format": "parquet", "layout": "flat", "compression": "lzf"}, "format parquet is not compressed with lzf"),
        ({"layout": "flat", "sentence_keys": True}, "layout flat has no sentence keys"),
        ({"layout": "bilm", "layers": None}, "layout bilm has all layers"),
    ],
)
def test_what_does_not_go_together_is_named(settings: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        FeatureForm(**settings)


@pytest.mark.parametrize("form", [form for form in forms() if form.compression is None], ids=shown)
def test_the_estimate_is_not_less_than_the_file(tmp_path: Path, form: FeatureForm) -> None:
    finished = write_all(tmp_path, form)
    text = sum(len(sentence.encode()) for sentence in SENTENCES)
    estimate = form.estimate(len(LENGTHS), sum(LENGTHS), text)
    assert finished.file_bytes <= estimate
    vectors = sum(LENGTHS) * form.token_bytes
    assert estimate - vectors < 200_000 * form.streams + vectors


def test_the_estimate_of_much_text_is_near_the_file() -> None:
    tokens, sentences = 10**9, 5 * 10**7
    form = FeatureForm()
    assert 1 <= form.estimate(sentences, tokens, 5 * 10**9) / (tokens * 3 * 1024 * 4) < 1.02


def test_work_for_which_there_is_no_room_is_refused(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    path = tmp_path / "not" / "yet" / "vectors.hdf5"
    assert check_space(path, 1) > 0
    with pytest.raises(
        OutputError, match=r"vectors\.hdf5: expected room for .* bytes, found .* free\nHint: free space, or"
    ):
        check_space(path, 10 * free)
    assert check_space(path, 10 * free, written=10 * free) > 0


def test_a_file_per_layer_has_a_name_per_layer(tmp_path: Path) -> None:
    form = FeatureForm(layout="manylangs", layers=2, width=WIDTH)
    assert [path.name for path in form.paths(tmp_path / "a.b.h5")] == ["a.b.ly0.h5", "a.b.ly1.h5"]
    assert [path.name for path in form.paths(tmp_path / "a.b")] == ["a.b.ly0.hdf5", "a.b.ly1.hdf5"]
