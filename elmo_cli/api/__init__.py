"""WHAT YOU IMPORT: ELMo as a torch module and as an embedder, with the names that AllenNLP gave them.

On the level of the flows: it joins the part folders, and no command imports it. What existing programs call has
AllenNLP's argument names, order and defaults, dictionary keys, shapes and masks (reference/allennlp.md, 1 and 5.4);
what is ours besides, such as the ``state`` policy, is a keyword behind them.
"""
