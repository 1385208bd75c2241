"""Every Triton kernel goes through Triton's compiler for a Hopper GPU, which needs none to be there.

The interpreter accepts much that the compiler refuses.
"""

import importlib
from pathlib import Path
from typing import Any

import pytest

FLAGS = {"every case": True, "no case": False}
NARROW = {"gates", "hidden", "grad_hidden", "grad_gates", "recurring", "grad_projected"}
"""What is stored in bfloat16 where products are."""
KERNELS = {
    "lstm_cell_triton": ("_cell_forward", "_cell_backward"),
    "lstm_output_triton": ("_output_forward", "_output_backward"),
    "character_sums_triton": ("_character_sums",),
}
WHOLE_NUMBERS = {"chars", "at"}


def signature(names: list[str], constants: dict[str, Any], narrow: str) -> dict[str, str]:
    """The type of each argument, as Triton names them."""
    types = {}
    for name in names:
        if name in constants:
            types[name] = "constexpr"
        elif name in WHOLE_NUMBERS:
            types[name] = "*i64"
        elif name.endswith(("_g", "_b")) or name in ("width", "going", "types", "columns", "count", "shift"):
            types[name] = "i32"
        else:
            types[name] = f"*{narrow if name in NARROW else 'fp32'}"
    return types


@pytest.mark.parametrize("narrow", ["bf16", "fp32"])
@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize(("module", "kernel"), [(m, kernel) for m, names in KERNELS.items() for kernel in names])
def test_every_kernel_compiles_for_hopper(
    module: str, kernel: str, flags: str, narrow: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    triton = pytest.importorskip("triton", reason="Triton is only there on Linux")
    from triton.backends.compiler import GPUTarget

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    function = getattr(importlib.import_module(f"elmo_cli.kernels.{module}"), kernel)
    constants: dict[str, Any] = {"CLIP": 3.0 if FLAGS[flags] else None, "STRETCH": 1024}
    constants |= dict.fromkeys(("HAS_BIAS", "HAS_KEEP", "HAS_MASK"), FLAGS[flags])
    constants |= {"TYPES": 16, "CHARACTERS": 32, "FILTERS": 16, "ALPHABET": 261}
    names = function.arg_names
    constants = {name: value for name, value in constants.items() if name in names}
    source = triton.compiler.ASTSource(
        fn=function,
        signature=signature(names, constants, narrow),
        constexprs={(names.index(name),): value for name, value in constants.items()},
    )
    compiled = triton.compile(source, target=GPUTarget("cuda", 90, 32), options={"enable_fp_fusion": True})
    assert compiled.asm["cubin"]
