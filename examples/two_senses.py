"""One word, two senses: do its vectors tell them apart?

    python examples/two_senses.py runs/demo/model

The word is "set", which in Python's documentation is a thing (a set of names) or a deed (to set a name). The example
embeds ten sentences, prints how alike the vectors of "set" are within a sense and across the senses, layer by layer,
and says how often the nearest other "set" has the same sense. Layer 0 knows no context: there all ten are one vector.
"""

import sys

import numpy as np

from elmo_cli import load_model
from elmo_cli.flows.models.loaded import start_state
from elmo_cli.flows.vectors.embedding import SentenceEmbedder

WORD = "set"
SENSES = {
    "a thing": [
        "The result is a set of all the names in the module .",
        "Return a set containing the keys of the dictionary .",
        "The argument must be a list or a set of strings .",
        "This function returns the set of characters in the string .",
        "An empty set is false .",
    ],
    "a deed": [
        "This method can be used to set the value of the attribute .",
        "Use this function to set the default timeout .",
        "You must set the option before the file is opened .",
        "The user can set the name of the file .",
        "If the flag is true , set the mode to binary .",
    ],
}


def main() -> None:
    """Loads the model named on the command line and prints the comparison."""
    if len(sys.argv) != 2:
        sys.exit("usage: python examples/two_senses.py MODEL, for example runs/demo/model")
    model = load_model(sys.argv[1])
    start, _ = start_state(model, "model")
    sentences = [text.split() for texts in SENSES.values() for text in texts]
    senses = np.repeat(np.arange(len(SENSES)), [len(texts) for texts in SENSES.values()])
    arrays = SentenceEmbedder(model, start).embed(sentences)
    vectors_LSE = np.stack(
        [array[:, words.index(WORD)] for array, words in zip(arrays, sentences, strict=True)], axis=1
    )

    print(f'The word "{WORD}" in {len(sentences)} sentences, half of them about {" and half about ".join(SENSES)}.\n')
    print("layer   same sense   other sense   nearest neighbour has the same sense")
    for layer, vectors_SE in enumerate(vectors_LSE):
        same, other, right = compare(vectors_SE, senses)
        nearest = f"{right} of {len(sentences)}" if other < 0.9999 else "- (no context: all are one vector)"
        print(f"{layer:5}   {same:10.3f}   {other:11.3f}   {nearest}")
    print("\nNumbers are mean cosines between vectors of the word; 1 is the same direction.")


def compare(vectors_SE: np.ndarray, senses: np.ndarray) -> tuple[float, float, int]:
    """Mean cosine within and across senses, and how many vectors have their nearest neighbour in their own sense."""
    unit_SE = vectors_SE / np.linalg.norm(vectors_SE, axis=1, keepdims=True)
    cosines = unit_SE @ unit_SE.T
    alike = senses[:, None] == senses[None, :]
    itself = np.eye(len(senses), dtype=bool)
    nearest = np.where(itself, -np.inf, cosines).argmax(axis=1)
    return (
        float(cosines[alike & ~itself].mean()),
        float(cosines[~alike].mean()),
        int((senses[nearest] == senses).sum()),
    )


if __name__ == "__main__":
    main()
