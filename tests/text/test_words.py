import sys
import time
from pathlib import Path

import pytest
import regex
from hypothesis import example, given
from hypothesis import strategies as st

from elmo_cli.errors import ElmoError
from elmo_cli.text.readers import find_inputs, read_lines
from elmo_cli.text.words import WordTokenizer

ENGLISH = WordTokenizer("en")
UNSEEN = regex.compile(r"[\s\p{Cc}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]")


def seen(text: str) -> str:
    """What a reader sees of a text."""
    return UNSEEN.sub("", text)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Don’t say O'Brien's l’homme.", "Don’t say O'Brien's l’homme ."),
        ("'tis the boys' goin'", "' tis the boys ' goin '"),
        ("a well-known 20-year-old to-morrow", "a well-known 20-year-old to-morrow"),
        ("1,000,000.50 at 10:30 is 3.5% of $5 or 1/2", "1,000,000.50 at 10:30 is 3.5 % of $ 5 or 1/2"),
        ("the 1960s, 3rd, 1914–1918.", "the 1960s , 3rd , 1914 – 1918 ."),
        ("See http://a.org/b?c=d, (www.e.fr/g).", "See http://a.org/b?c=d , ( www.e.fr/g ) ."),
        ("Mail me.too+x@some-host.co.uk.", "Mail me.too+x@some-host.co.uk ."),
        ("Mr. and MRS. Smith, Ph.D., etc.", "Mr. and MRS. Smith , Ph.D. , etc."),
        ("U.S.A or U.S.-led, e.g. at 5 p.m.", "U.S.A or U.S.-led , e.g. at 5 p.m."),
        ("E. M. Forster wrote No. 5 on p. 7. No. Yes", "E. M. Forster wrote No. 5 on p. 7 . No . Yes"),
        ("It was I. He left", "It was I . He left"),
        ("Wait... what?! -- no--yes — ok——……", "Wait ... what ? ! -- no -- yes — ok —— ……"),
        ("<S> and </S><UNK> <unk> a<b", "<S> and </S> <UNK> <unk> a < b"),
        ("a _stressed_ word, ___ **bold**", "a _ stressed _ word , ___ ** bold **"),
        ("os.path.join(get_value, __init__)", "os.path.join ( get_value , __ init __ )"),
        ("AT&T & R&D", "AT&T & R&D"),
        ("“Quoted” ‘text’ «là»", "“ Quoted ” ‘ text ’ « là »"),
        ("我爱北京。これはコンピューターです", "我 爱 北 京 。 こ れ は コンピューター で す"),
        ("हिन्दी می\u200cخواهم Über na\u0308ıve", "हिन्दी می\u200cخواهم Über na\u0308ıve"),
        ("👨\u200d👩\u200d👧🇩🇪👍🏽!", "👨\u200d👩\u200d👧 🇩🇪 👍🏽 !"),
        ("\ufeffone\u200btwo\x00three\x07", "one two three"),
        ("end.Next Mr.Smith etc...", "end . Next Mr. Smith etc ..."),
        ("\u200fمرحبا\u200f، \u202bكتـــاب\u202c؟ ٣٫٥ ١٬٠٠٠ أَمَا", "مرحبا ، كتـــاب ؟ ٣٫٥ ١٬٠٠٠ أَمَا"),
        ("यह क़लम है। वह॥ दिल्\u200dली में १,००० रु॰", "यह क़लम है । वह ॥ दिल्\u200dली में १,००० रु ॰"),
        ("Voi ei-niin! Linja-auto EU:ssa klo 10.30", "Voi ei-niin ! Linja-auto EU : ssa klo 10.30"),
        ("\u200c \u200dword \u00ad. \u3164 1\u200e2 a\u2060b \ufe0f!", "word . 12 ab !"),
    ],
)
def test_words_are_cut_as_described(text: str, tokens: str) -> None:
    assert ENGLISH.tokens(text) == tokens.split()


def test_a_paragraph_becomes_sentences() -> None:
    text = "Mr. Beebe came at 5 p.m. on Friday. “Really?” he said. It was... nothing; but nobody left!"
    assert [" ".join(sentence) for sentence in ENGLISH.sentences(text)] == [
        "Mr. Beebe came at 5 p.m. on Friday .",
        "“ Really ? ” he said .",
        "It was ... nothing ; but nobody left !",
    ]


def test_blank_lines_have_no_sentences() -> None:
    assert ENGLISH.sentences("") == ENGLISH.sentences(" \t\u2003") == []
    assert ENGLISH.tokens("  ") == []
    assert ENGLISH.sentences("\x00 \u200b \u200f\u200d") == []


def test_abbreviations_are_those_of_the_language() -> None:
    assert WordTokenizer("de").tokens("z.B. Mr. Ente") == ["z.B.", "Mr", ".", "Ente"]


def test_words_that_somebody_has_cut_stay_so() -> None:
    assert ENGLISH.of_tokenised("do n't , U.S . ") == ["do", "n't", ",", "U.S", "."]


PIECES = st.sampled_from(
    [
        *"\"'’-_.,:;!?()<>&@/ \n\u200d\u0301\u200f\u00ad",
        "Mr.",
        "www.",
        "http://",
        "a",
        "É",
        "7",
        "我",
        "の",
        "<S>",
        "👍",
        "--",
    ]
)


@given(text=st.text() | st.lists(PIECES).map("".join))
@example("Word.'\u0301 x")
def test_no_token_has_whitespace_and_nothing_else_is_lost(text: str) -> None:
    tokens = ENGLISH.tokens(text)
    assert seen("".join(tokens)) == seen(text)
    assert " ".join(tokens).split() == tokens
    assert all(map(seen, tokens)), "a token that no reader sees"
    sentences = ENGLISH.sentences(text)
    assert seen("".join("".join(sentence) for sentence in sentences)) == seen(text)
    assert all(sentences)


def test_real_text_in_many_languages_loses_nothing(shared: Path) -> None:
    folders = ["udhr", "naughty-strings", "chinese-wikipedia"]
    files = find_inputs([str(shared / "data" / folder) for folder in folders])[::8]
    books = find_inputs([str(shared / "data/books")])[:2]
    for path in files + books:
        for line in read_lines(path, "replace"):
            sentences = ENGLISH.sentences(line)
            assert seen("".join("".join(sentence) for sentence in sentences)) == seen(line), path
            assert all(" ".join(sentence).split() == sentence for sentence in sentences), path
            assert all(seen(token) for sentence in sentences for token in sentence), path


@pytest.mark.parametrize(
    "piece", ["'", '"', "“", "(", "a.", "aa.", "A. ", "a-", "a@", "<a", "1,", "www.", ".", "Hi there. ", " "]
)
def test_no_text_takes_quadratic_time(piece: str) -> None:
    def seconds(length: int) -> float:
        text = piece * (length // len(piece))
        begin = time.process_time()
        ENGLISH.sentences(text)
        return time.process_time() - begin

    seconds(100)
    assert seconds(160_000) < 16 * max(seconds(40_000), 0.02)


@pytest.mark.parametrize("package", ["sentencex", "regex"])
def test_a_package_that_is_not_installed_is_named_with_the_command(
    monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ElmoError, match=f"needs the package {package}.*\nHint: pip install {package}; .*whitespace"):
        WordTokenizer("en").sentences("Some text.")
