"""Every Triton kernel goes through Triton's compiler for a Hopper GPU, which needs none to be there.

The interpreter accepts much that the compiler refuses.
"""

import importlib
from pathlib import Path
from typing import Any

import pytest

FLAGS = {"every case": True, "no case": False}
NARROW = {"gates", "hidden", "grad_hidden", "grad_gates", "recurring", "grad_projected", "slopes", "values"}
"""What is stored in bfloat16 where products are."""
KERNELS = {
    "lstm_cell_triton": ("_cell_forward", "_cell_backward"),
    "lstm_output_triton": ("_output_forward", "_output_backward"),
    "character_sums_triton": ("_character_sums",),
    "adagrad_step_triton": ("_adagrad_step",),
    "softmax_rows_triton": ("_target_logits", "_losses", "_add_to_sums", "_column_sums"),
    "trial_triton": ("_trial",),
}
WHOLE_NUMBERS = {"chars", "at", "targets", "ids"}
COUNTS = {"width", "going", "types", "columns", "count", "shift", "classes", "rows", "first_class", "a_part"}


def signature(names: list[str], constants: dict[str, Any], narrow: str) -> dict[str, str]:
    """The type of each argument, as Triton names them."""
    types = {}
    for name in names:
        if name in constants:
            types[name] = "constexpr"
        elif name in WHOLE_NUMBERS:
            types[name] = "*i64"
        elif name == "rate":
            types[name] = "fp32"
        elif name.endswith(("_g", "_b", "_n", "_r")) or name in COUNTS:
            types[name] = "i32"
        else:
            types[name] = f"*{narrow if name in NARROW else 'fp32'}"
    return types


def compiled(module: str, kernel: str, constants: dict[str, Any], narrow: str, warps: int = 4) -> Any:
    """A kernel for Hopper."""
    triton = pytest.importorskip("triton", reason="Triton is only there on Linux")
    from triton.backends.compiler import GPUTarget

    function = getattr(importlib.import_module(f"elmo_cli.kernels.{module}"), kernel)
    names = function.arg_names
    constants = {name: value for name, value in constants.items() if name in names}
    source = triton.compiler.ASTSource(
        fn=function,
        signature=signature(names, constants, narrow),
        constexprs={(names.index(name),): value for name, value in constants.items()},
    )
    options = {"enable_fp_fusion": True, "num_warps": warps}
    return triton.compile(source, target=GPUTarget("cuda", 90, 32), options=options)


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Everything is compiled, and by the compiler."""
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)


@pytest.mark.parametrize("narrow", ["bf16", "fp32"])
@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize(("module", "kernel"), [(m, kernel) for m, names in KERNELS.items() for kernel in names])
def test_every_kernel_compiles_for_hopper(module: str, kernel: str, flags: str, narrow: str) -> None:
    switches = "HAS_BIAS", "HAS_KEEP", "HAS_MASK", "HAS_SLOPES", "IS_WHOLE", "HAS_IDS", "HAS_FACTOR"
    constants: dict[str, Any] = {"CLIP": 3.0 if FLAGS[flags] else None, "STRETCH": 1024}
    constants |= dict.fromkeys(switches, FLAGS[flags])
    constants |= {"FILTERS": 32, "ALPHABET": 261, "COLUMNS": 256, "WIDTH": 512}
    assert compiled(module, kernel, constants, narrow).asm["cubin"]


def test_a_thread_has_a_filter_to_itself_and_looks_before_it_adds() -> None:
    """What the order of additions rests on, and what hides how long loads take."""
    made = compiled("character_sums_triton", "_character_sums", {"FILTERS": 32, "ALPHABET": 261}, "fp32", warps=1)
    layouts = [line for line in made.asm["ttgir"].splitlines() if line.startswith("#blocked")]
    assert len(layouts) == 1
    assert "sizePerThread = [1], threadsPerWarp = [32], warpsPerCTA = [1]" in layouts[0]
    loads, additions = (
        [number for number, line in enumerate(made.asm["ptx"].splitlines()) if word in line]
        for word in ("ld.global", ".relaxed.add.f32")
    )
    assert len(additions) == 8
    assert max(loads) < min(additions)


@pytest.mark.parametrize("whole", [True, False])
def test_a_target_s_gradient_is_written_behind_a_barrier_after_the_rest_of_its_row(whole: bool) -> None:
    """The interpreter has one thread and would not notice."""
    constants = {"STRETCH": 1024, "IS_WHOLE": whole, "HAS_SLOPES": True}
    lines = compiled("softmax_rows_triton", "_losses", constants, "bf16").asm["ptx"].splitlines()
    stores = [number for number, line in enumerate(lines) if "st.global" in line and "16 " in line]
    barriers = [number for number, line in enumerate(lines) if "bar.sync" in line]
    assert len(stores) > 1
    assert any(stores[-2] < barrier < stores[-1] for barrier in barriers)
