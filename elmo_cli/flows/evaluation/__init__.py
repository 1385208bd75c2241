"""How probable text is under a model: perplexities, scores of lines, words in gaps."""
