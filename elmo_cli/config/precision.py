"""How exactly matrix products are computed."""

from collections.abc import Mapping

PRECISIONS: Mapping[str, str] = {
    "fp32": "products of float32",
    "tf32": "products of float32 numbers cut to 10 bits of mantissa; on GPUs",
    "bf16": "products of bfloat16, summed in float32; all else stays float32",
}
"""Precisions by name. Weights, cells, state, sums, the optimizer and the softmax's normaliser are float32 in all."""

INFERENCE_PRECISIONS: Mapping[str, str] = {
    **PRECISIONS,
    "int8": "LSTM products of 8-bit integers, on CPUs; the token encoder and all else stay float32",
}
"""What vectors and perplexities may be computed in as well, where nothing is learned."""
