"""A small text, model and training recipe for tests that compare devices."""

from dataclasses import replace
from itertools import islice

from elmo_cli.config import CharCnnConfig, LstmConfig, ModelConfig, TrainConfig, VocabularyConfig
from elmo_cli.text.python_docs import python_documentation
from elmo_cli.text.store import EncodedText, encode
from elmo_cli.text.vocabulary import Vocabulary

MODEL = ModelConfig(
    char_cnn=CharCnnConfig(embedding_dim=4, filters=((1, 8), (2, 8), (3, 16)), highways=1),
    lstm=LstmConfig(cell_dim=24, projection_dim=12),
)
TRAIN = TrainConfig(rows=4, window=10, negatives=64, dropout=0.0, reset_probability=0.2)
FULL_SOFTMAX = replace(TRAIN, negatives=100_000)


def paragraphs(count: int = 60) -> list[str]:
    """The first paragraphs of Python's documentation."""
    return [paragraph for _, paragraph in islice(python_documentation(), count)]


def encoded_documentation() -> EncodedText:
    """They, cut at spaces, with every word seen twice as vocabulary."""
    sentences = [paragraph.split() for paragraph in paragraphs()]
    counts: dict[str, int] = {}
    for sentence in sentences:
        for word in sentence:
            counts[word] = counts.get(word, 0) + 1
    return encode(sentences, Vocabulary.from_counts(counts, VocabularyConfig(), sentences=len(sentences)), 50)
