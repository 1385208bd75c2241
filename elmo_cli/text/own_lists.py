"""Words to ids by lists of the model's own: whole words, and characters of any script.

The rules are those of ELMoForManyLangs. A word longer than W - 2 characters is cut before it is looked up, as a word
too. Characters are code points. The marks around a spelling stand the wrong way round, ``<eow>`` in front and ``<bow>``
behind: the published models were trained so. Nothing is lower-cased or normalised.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

BEGIN, END, UNKNOWN = SPECIALS = ("<bos>", "<eos>", "<oov>")
"""Begin and end of a sentence, and whatever the lists do not have."""
PADDING = "<pad>"
FIRST_MARK, LAST_MARK = "<eow>", "<bow>"
CODE_POINTS = 0x110000


class OwnLists:
    """Makes the rows that the token encoder reads of words: the word's id, and its characters'.

    Args:
        characters: Ids of characters and of the six specials; None for a model that reads none.
        words: Ids of words; None for a model that has none.
        max_characters: W.

    Example:
        >>> characters = {"<bos>": 0, "<eos>": 1, "<oov>": 2, "<pad>": 3, "<bow>": 4, "<eow>": 5, "語": 6}
        >>> lists = OwnLists(characters, {"<oov>": 0, "<bos>": 1, "語": 2}, 7)
        >>> lists.table(["語", "語a", "<bos>"]).tolist()
        [[2, 5, 6, 4, 3, 3, 3, 3], [0, 5, 6, 2, 4, 3, 3, 3], [1, 5, 0, 4, 3, 3, 3, 3]]
    """

    def __init__(
        self, characters: Mapping[str, int] | None, words: Mapping[str, int] | None, max_characters: int
    ) -> None:
        self.characters = characters
        self.words = words
        self.max_characters = max_characters

    def table(self, words: Sequence[str]) -> npt.NDArray[np.int32]:
        """A row for each word: its id, where words have vectors, and then W character ids, where they are read."""
        cut = [word if word in (BEGIN, END) else word[: self.max_characters - 2] for word in words]
        parts = []
        if self.words is not None:
            unknown = self.words[UNKNOWN]
            ids = (self.words.get(word, unknown) for word in cut)
            parts.append(np.fromiter(ids, dtype=np.int32, count=len(cut))[:, None])
        if self.characters is not None:
            parts.append(self._spell(cut, self.characters))
        return np.concatenate(parts, axis=1)

    def _spell(self, words: Sequence[str], characters: Mapping[str, int]) -> npt.NDArray[np.int32]:
        spellings = ["" if word in (BEGIN, END) else word for word in words]
        points_N = np.frombuffer("".join(spellings).encode("utf-32-le", errors="surrogatepass"), dtype="<u4")
        lengths_U = np.fromiter(map(len, spellings), dtype=np.int64, count=len(words))
        chars_UW = np.full((len(words), self.max_characters), characters[PADDING], dtype=np.int32)
        rows_N = np.repeat(np.arange(len(words)), lengths_U)
        offsets_N = np.arange(len(rows_N)) - np.repeat(np.cumsum(lengths_U) - lengths_U, lengths_U)
        chars_UW[:, 0] = characters[FIRST_MARK]
        chars_UW[rows_N, offsets_N + 1] = self._ids_by_point[points_N]
        for special in (BEGIN, END):
            found = np.array([row for row, word in enumerate(words) if word == special], dtype=np.int64)
            chars_UW[found, 1] = characters[special]
            lengths_U[found] = 1
        chars_UW[np.arange(len(words)), lengths_U + 1] = characters[LAST_MARK]
        return chars_UW

    @cached_property
    def _ids_by_point(self) -> npt.NDArray[np.int32]:
        """The id of every code point."""
        assert self.characters is not None
        ids = np.full(CODE_POINTS, self.characters[UNKNOWN], dtype=np.int32)
        for character, number in self.characters.items():
            if len(character) == 1:
                ids[ord(character)] = number
        return ids
