"""Ids to vectors: tensors in, tensors out.

The legend of the whole project. A tensor or array carries its shape as a suffix, outermost dimension first
(``x_BTD``); scalars have none, and names fixed by a file format stay as the format has them::

    B  rows or sentences in a batch        L  layers that ELMo mixes, token layer first
    T  tokens per row                      D  width of one direction's projection (512)
    W  characters per token (50)           E  width of an ELMo vector, 2 D
    C  character embedding width           H  LSTM cell width (4096)
    F  convolution filters, all widths     V  vocabulary size
    U  distinct word types in a batch      K  sampled classes
    N  tokens of a corpus or of a batch    G  directions, forward first (2)
    R  softmax rows that a step touches    S  sentences

``G`` is how both directions travel together: the forward direction reads a sentence from its first word, the backward
direction from its last, and step t of one is computed in the same product as step t of the other.
"""
