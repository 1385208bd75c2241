"""The devices that tests run on: the CPU keeps a test's own code true on every machine, CUDA is what it is for."""

import pytest
import torch

CUDA_MARKS = (pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device"))
CPU, CUDA = pytest.param("cpu"), pytest.param("cuda", marks=CUDA_MARKS)
