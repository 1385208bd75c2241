"""What each figure of ``elmo info`` is, in a few words.

Settings are explained by the docstrings under their fields in :mod:`elmo_cli.config`, so that there is one text each.
"""

from elmo_cli.config.explanations import explanations

FIGURES = {
    "architecture": "where it was read from",
    "assumed": "what the files do not tell",
    "backward": "perplexity right to left",
    "compression": "of the vectors, behind a byte shuffle",
    "container": "what the model came in",
    "context": "what a scored sentence knew of others",
    "counts": "whether the file of counts lies beside it",
    "definition": "of the perplexities beside it",
    "documents": "as the settings for reading tell them apart",
    "device": "what the run computed on",
    "dtype": "type of the vectors",
    "epochs": "passes over the training text",
    "format": "layout of the file",
    "format_version": "version of the layout",
    "forward": "perplexity left to right",
    "held_out_perplexity": "best so far, full softmax, each sentence from the start state",
    "held_out_sentences": "sentences kept apart for validation",
    "held_out_step": "the step it was measured at",
    "held_out_tokens": "words or pieces, and punctuation marks",
    "input": "what the token layer is made from",
    "keys": "what sentences are found under",
    "layer": "of ELMo's, the token layer 0",
    "layout": "where vectors and text stand in the file",
    "least_count": "occurrences of the rarest word",
    "listed_characters": "rows of the character table",
    "listed_words": "rows of the word table",
    "lstm_layers": "LSTM layers per direction",
    "module": "where in the checkpoint it was",
    "newest_checkpoint": "where --resume goes on",
    "normalized": "whether vectors were scaled",
    "options_files": "what its configuration names as options; not opened",
    "order": "how the words are sorted",
    "origin.path": "where it was read from",
    "origin.sha256": "fingerprint of its weights",
    "origin.softmax": "kept, or learned anew",
    "origin.steps": "training steps it had done",
    "origin.vocabulary": "same: its own, new: counted on the text, given: another file",
    "origin.words": "words of text that it had learned from",
    "parameters": "numbers that training sets, softmax left out",
    "parameters_with_softmax": "the same with the softmax",
    "perplexity": "exp of mean loss of both directions, full softmax",
    "pieces_sha256": "checksum of the model that cuts words into pieces",
    "preset": "where the settings come from",
    "scalar_mix": "learned weights of the layers, before the softmax",
    "scalar_mixes": "learned weights of the layers, before the softmax",
    "sentences": "one a line",
    "sentences_start": "the state that each sentence begins from",
    "shards": "training files",
    "softmax_classes": "words that the model can predict",
    "source_bytes": "size of the files that were read",
    "source_files": "files that were read",
    "specials": "special words that it contains",
    "start_state": "whether the model records one for sentences",
    "state": "what a sentence began with",
    "steps": "training steps done",
    "targets_per_direction": "predictions scored",
    "test_sentences": "sentences kept apart for the last measurement",
    "test_tokens": "words or pieces, and punctuation marks",
    "tokens": "words or pieces, and punctuation marks",
    "tool": "what wrote it",
    "total_filters": "F: width of the concatenated convolutions",
    "vector_dim": "E: width of an ELMo vector",
    "vector_layers": "L: layers that ELMo mixes, the token layer included",
    "word_types": "distinct words in them",
    "words": "of text",
    "count file.forgotten_tokens": "tokens of rare words, for want of room (--max-types)",
    "count file.forgotten_types": "distinct words that may be missing, at most",
    "count file.largest_loss": "occurrences that a word's count may lack for it",
    "count file.sentences": "in the text that was counted",
    "count file.tokens": "in the text that was counted",
    "count file.word_types": "distinct words in the file",
    "corpus store.vocabulary": "words that a model can predict",
    "features.batch_sentences": "rows of a batch, between which state was carried",
    "features.layers": "what each array holds of ELMo's layers",
    "features.model": "fingerprint of the weights",
    "features.sentences": "whose vectors it has",
    "features.tokenizer": "what cut the text into tokens",
    "features.width": "E: width of a vector",
    "model.character_embedding_dim": "C: width of one character's embedding",
    "model.vocabulary": "the words that the softmax predicts",
    "prepared corpus.overlap.held_out": "of the held-out sentences, from 0 to 1",
    "prepared corpus.overlap.test": "of the sentences for testing, from 0 to 1",
    "vocabulary.words": "one a line",
}
"""By name, or by kind and name where a name alone would say the wrong thing."""


GROUPS = {
    "char_cnn": "from spellings to token vectors",
    "clean": "what was changed or left out of the text",
    "cleaning": "what was changed or left out of the text",
    "config": "what was asked for",
    "dropped": "sentences that each rule of cleaning left out",
    "file_bytes": "bytes of each file",
    "held_out": "measured on text apart from the training text",
    "input": "how files were read",
    "libraries": "versions of what cut the text",
    "lstm": "the layers above the token vectors",
    "model": "architecture",
    "oddities": "what nobody sees in the input, and how often it was met",
    "origin": "the model that was continued",
    "optimizer": "how gradients become steps",
    "overlap": "share of a split's sentences that also stand in training",
    "own_lists": "lists of characters and words, as ELMoForManyLangs has them",
    "pieces": "tokens smaller than words",
    "schedule": "how the learning rate moves",
    "scripts": "characters of each script, spaces left aside",
    "settings": "what was asked for",
    "split": "which text was kept apart",
    "text": "how text was cut into tokens",
    "train": "how it learned",
    "training": "what it learned from",
    "vocabulary": "words of the softmax",
    "weight_norms": "square root of the sum of squares of each layer's weights",
}
"""Explanations of groups of figures. Where the names in a group are those of files, layers or libraries, its own text
stands for theirs."""
NAMED_BY_DATA = {"dropped", "file_bytes", "libraries", "oddities", "overlap", "scripts", "weight_norms"}


def explain_group(name: str) -> str:
    """What the group of that dotted name holds; empty where it is not known."""
    return GROUPS.get(name.split(".")[-1], "")


def explain(name: str) -> str:
    """What the figure of that dotted name is, the kind of the thing first; empty where it is not known.

    Example:
        >>> explain("run.config.train.steps")
        'Length of the run in steps'
        >>> explain("run.steps")
        'training steps done'
    """
    path = name.split(".")
    asked_for = {"config", "settings"} & set(path)  # what was asked of a run, not what became of it
    first, second = (explanations(), FIGURES) if asked_for else (FIGURES, explanations())
    if asked_for and ".".join(path[-2:]) in explanations():
        return explanations()[".".join(path[-2:])]
    return FIGURES.get(name) or FIGURES.get(".".join(path[-2:])) or first.get(path[-1]) or second.get(path[-1], "")
