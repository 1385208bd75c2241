"""Loading a model takes little more memory than its weights."""

import sys
from pathlib import Path

import pytest

from benchmarks.loading import CONTAINERS, load_once, main, write_models
from elmo_cli.config import CharCnnConfig, LstmConfig, ModelConfig
from elmo_cli.formats.weights import count_parameters

CONFIG = ModelConfig(
    char_cnn=CharCnnConfig(filters=((1, 64), (3, 512)), highways=1), lstm=LstmConfig(cell_dim=2048, projection_dim=256)
)
"""69 MB."""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory of a process from /proc")
def test_no_container_takes_a_second_copy_of_the_weights(tmp_path: Path) -> None:
    write_models(tmp_path, CONFIG)
    size = 4 * count_parameters(CONFIG)
    growth = {name: load_once(tmp_path, name, size).growth for name in CONTAINERS}
    # Libraries touch some more of their own pages meanwhile; a second copy would give 2.
    assert all(0.9 < growth[name] < 1.45 for name in ("folder", "safetensors", "th")), growth
    # Elmo() reads a neutral text besides, which takes as much whatever the size of the model.
    assert 0.9 < growth["Elmo()"] < 1.9, growth
    # A zip archive's weights pass through memory as they lie there, beside what is read out of them.
    assert 1.9 < growth["zip"] < 2.45, growth


def test_the_child_process_s_line_is_what_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = ModelConfig(char_cnn=CharCnnConfig(filters=((1, 4),)), lstm=LstmConfig(cell_dim=6, projection_dim=3))
    write_models(tmp_path, small)
    main(["--load", str(tmp_path), "folder"])
    assert '"seconds": ' in capsys.readouterr().out
