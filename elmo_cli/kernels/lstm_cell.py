"""The element-wise part of one LSTM step, forward and backward, in plain torch: what every faster version is held to.

With gate sums i, j, f, o (bias, forget gate's 1, inputs' and recurrent products all in)::

    c = clip(sigmoid(f) * keep * c_prev + sigmoid(i) * tanh(j))
    h = sigmoid(o) * tanh(c)

Cells are in the type that is accumulated in. Gates may be in a narrower one, as the products around them are; then
everything in between is still computed in the cells' type, and rounded where it is stored.
"""

import torch
from torch import Tensor


def cell_forward(
    gates_GB4H: Tensor,
    old_cell_GBH: Tensor,
    keep_B: Tensor | None,
    clip: float | None,
    cell_GBH: Tensor,
    hidden_GBH: Tensor,
    bias_G4H: Tensor | None = None,
) -> None:
    """One step's cells and hidden values, from its gate sums.

    Args:
        gates_GB4H: Gate sums; their activations stand in their place afterwards.
        old_cell_GBH: Cells before the step.
        keep_B: 0 where a row's old cell counts as zero, else 1; None for all 1.
        clip: Bound on the cells; None for none.
        cell_GBH: Where the new cells are written.
        hidden_GBH: Where the hidden values are written, in the type of the products around the cell.
        bias_G4H: Added to the sums first, the forget gate's 1 in it; None where the sums have it already.
    """
    wide = cell_GBH.shape[2]
    narrow = gates_GB4H.dtype != cell_GBH.dtype
    activations = gates_GB4H.to(cell_GBH.dtype) if narrow else gates_GB4H
    if bias_G4H is not None:
        activations += bias_G4H.unsqueeze(1)
    i, j, f, o = activations.split(wide, dim=2)
    i.sigmoid_()
    j.tanh_()
    activations[:, :, 2 * wide :].sigmoid_()
    kept = old_cell_GBH if keep_B is None else old_cell_GBH * keep_B.unsqueeze(1)
    torch.mul(f, kept, out=cell_GBH).addcmul_(i, j)
    if clip is not None:
        cell_GBH.clamp_(-clip, clip)
    if narrow:
        gates_GB4H.copy_(activations)
        hidden_GBH.copy_(torch.tanh(cell_GBH).mul_(o))
    else:
        torch.tanh(cell_GBH, out=hidden_GBH).mul_(o)


def cell_backward(
    gates_GB4H: Tensor,
    old_cell_GBH: Tensor,
    cell_GBH: Tensor,
    keep_B: Tensor | None,
    clip: float | None,
    grad_hidden_GBH: Tensor,
    grad_cell_GBH: Tensor,
    grad_gates_GB4H: Tensor,
    hidden_GBH: Tensor,
) -> None:
    """The gradient of one step's gate sums and old cells. The clip's is zero where a cell sits on the bound.

    Args:
        gates_GB4H: Activations, as :func:`cell_forward` left them.
        old_cell_GBH: Cells before the step.
        cell_GBH: Cells after it.
        keep_B: As given to :func:`cell_forward`.
        clip: As given to :func:`cell_forward`.
        grad_hidden_GBH: Gradient of the hidden values.
        grad_cell_GBH: Gradient of the new cells from what follows; that of the old cells stands in its place
            afterwards.
        grad_gates_GB4H: Where the gradient of the gate sums is written, in the type of the gates.
        hidden_GBH: Where the hidden values are written once more, for the projection's gradient.
    """
    wide = cell_GBH.shape[2]
    narrow = gates_GB4H.dtype != cell_GBH.dtype
    activations = gates_GB4H.to(cell_GBH.dtype) if narrow else gates_GB4H
    slopes = torch.empty_like(activations) if narrow else grad_gates_GB4H
    grad_hidden = grad_hidden_GBH.to(cell_GBH.dtype) if narrow else grad_hidden_GBH
    i, j, f, o = activations.split(wide, dim=2)
    di, dj, df, do = slopes.split(wide, dim=2)
    kept = old_cell_GBH if keep_B is None else old_cell_GBH * keep_B.unsqueeze(1)
    tanh_cell = torch.tanh(cell_GBH) if narrow else torch.tanh(cell_GBH, out=hidden_GBH)
    torch.mul(grad_hidden, tanh_cell, out=do)
    _sigmoid_backward(do, o)
    # What the new cells have from the hidden values stands where di will be.
    torch.mul(grad_hidden, o, out=di)
    _tanh_backward(di, tanh_cell)
    dc = grad_cell_GBH.add_(di)
    if clip is not None:
        clamp_backward(dc, cell_GBH, clip)
    torch.mul(dc, j, out=di)
    _sigmoid_backward(di, i)
    torch.mul(dc, i, out=dj)
    _tanh_backward(dj, j)
    torch.mul(dc, kept, out=df)
    _sigmoid_backward(df, f)
    dc.mul_(f)
    if keep_B is not None:
        dc.mul_(keep_B.unsqueeze(1))
    tanh_cell.mul_(o)
    if narrow:
        grad_gates_GB4H.copy_(slopes)
        hidden_GBH.copy_(tanh_cell)


def clamp_backward(gradient: Tensor, clamped: Tensor, bound: float) -> None:
    """Puts the gradient to zero, in place, where a value was clamped or sits on the bound."""
    torch.ops.aten.hardtanh_backward.grad_input(gradient, clamped, -bound, bound, grad_input=gradient)


def _sigmoid_backward(gradient: Tensor, sigmoid: Tensor) -> None:
    torch.ops.aten.sigmoid_backward.grad_input(gradient, sigmoid, grad_input=gradient)


def _tanh_backward(gradient: Tensor, tanh: Tensor) -> None:
    torch.ops.aten.tanh_backward.grad_input(gradient, tanh, grad_input=gradient)
