"""Gradients of one filter width summed by character, in plain torch: what the faster version is held to.

The maximum over positions passes gradient to one window of each word and filter. Column j of that window holds one
character, to whose row of column j's table the gradient belongs.
"""

from torch import Tensor


def character_sums(chars_UW: Tensor, at_UF: Tensor, grad_UF: Tensor, width: int, alphabet: int) -> Tensor:
    """Sums the gradient over words, by filter column, character and filter.

    On a GPU the order of this version's additions is not fixed, so that its last bits may differ from run to run.

    Args:
        chars_UW: Character ids.
        at_UF: Where the window begins that had the maximum.
        grad_UF: Gradient of the maximum.
        width: Columns of the filters.
        alphabet: A, how many characters there are.

    Returns:
        Sums (width, A, F).
    """
    tables = grad_UF.new_zeros(width, alphabet, grad_UF.shape[1])
    for j in range(width):
        tables[j].scatter_add_(0, chars_UW.gather(1, at_UF + j), grad_UF)
    return tables
