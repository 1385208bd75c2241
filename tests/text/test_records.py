"""Records of single formats."""

import pytest

from elmo_cli.text.records import (
    Fault,
    Record,
    Records,
    column_of,
    conllu_records,
    json_records,
    rows,
    table_records,
    tagged_records,
)


def _texts(records: Records) -> list[tuple[int, str]]:
    return [(record.line, record.text if isinstance(record, Record) else f"! {record.what}") for record in records]


def test_the_text_of_a_json_line_is_in_the_named_field() -> None:
    lines = ['{"text": "a b"}', "", '{"id": 1, "text": "c\\n\\u00e9"}']
    assert _texts(json_records(lines, "text")) == [(0, "a b"), (2, "c\né")]


def test_a_field_with_a_dot_is_a_member_of_a_member_or_its_own_name() -> None:
    assert _texts(json_records(['{"a": {"b": "in"}}', '{"a.b": "out", "a": {"b": "in"}}'], "a.b")) == [
        (0, "in"),
        (1, "out"),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"text": ', "expected a JSON object on one line: Expecting value"),
        ("[" * 100_000, "expected a JSON object on one line: "),
        ('{"text": ' + "9" * 5000 + "}", "expected a JSON object on one line: too deep or too long a value"),
        ('["text"]', "expected a JSON object, found a list"),
        ("17", "expected a JSON object, found a number"),
        ('{"body": "x", "id": 2}', "the JSON object has no field 'text'; its fields are 'body', 'id'"),
        ('{"text": null}', "expected a string in the field 'text', found null"),
        ('{"text": ["a"]}', "expected a string in the field 'text', found a list"),
        ("{}", "the JSON object has no field 'text'; its fields are none"),
    ],
)
def test_a_json_line_without_the_text_is_a_fault(line: str, message: str) -> None:
    (fault,) = json_records([line], "text")
    assert isinstance(fault, Fault)
    assert fault.what.startswith(message)
    assert "--decode-errors skip" in fault.hint


@pytest.mark.parametrize("line", ["[", "{", '[{"text": "a"}]'])
def test_a_file_that_is_one_array_is_told_how_it_becomes_lines(line: str) -> None:
    (fault,) = json_records([line], "text")
    assert isinstance(fault, Fault)
    assert fault.hint.endswith("jq -c '.[]' FILE > FILE.jsonl")


def test_rows_may_have_commas_quotes_and_line_ends_between_quotes() -> None:
    text = 'id,text\n1,"a, ""b""\nc"\n\n2,d "e"\n'
    assert list(rows(text, ",")) == [(0, ["id", "text"]), (1, ["1", 'a, "b"\nc']), (4, ["2", 'd "e"'])]


def test_quotes_are_characters_like_others_between_tabs() -> None:
    assert list(rows('1\t"Well\n2\tb" c\n', "\t")) == [(0, ["1", '"Well']), (1, ["2", 'b" c'])]


def test_a_column_is_named_in_the_first_row() -> None:
    assert column_of("id, text\n", "text", ",") == 1
    fault = column_of("id,body\n", "text", ",")
    assert isinstance(fault, Fault)
    assert fault.what == "no column is called 'text'; the first row has 'id', 'body'"
    assert "--field" in fault.hint


def test_a_row_that_is_too_short_is_a_fault() -> None:
    assert _texts(table_records("a,b\nc\n", 1, ",")) == [(0, "b"), (1, "! expected at least 2 columns, found 1")]


CONLLU = """# newdoc id = x
# text = Don't go.
1-2\tDon't\t_
1\tDo\tdo
2\tn't\tnot
3\tgo\tgo
3.1\tthere\tthere
4\t.\t.

1\tTwo words\t_
2\tUnd\u3000so\t_
"""


def test_conllu_gives_words_as_they_stand_in_the_text() -> None:
    assert [(r.line, r.text, r.begins_document) for r in conllu_records(CONLLU.split("\n"))] == [
        (0, "Don't go .", True),
        (9, "Two_words Und_so", False),
    ]


def test_a_line_that_is_not_conllu_is_a_fault_of_its_sentence() -> None:
    records = _texts(conllu_records(["1\ta", "x y", "", "1\tb"]))
    assert records == [(1, "! expected a word's number, a tab and the word, found 'x y'"), (3, "b")]


def test_tagged_files_give_their_tokens() -> None:
    lines = ["Ann\tB-PER", "ran\tO", " ", "", "Now\tO\tx", "!\tO"]
    assert _texts(tagged_records(lines)) == [(0, "Ann ran"), (4, "Now !")]
    assert _texts(tagged_records(["a\tO", "b", "", "c\tO"])) == [
        (1, "! expected a token, a tab and its tag, found 'b'"),
        (3, "c"),
    ]


def test_columns_with_spaces_between_them_are_told_how_to_get_tabs() -> None:
    spaced, lone = tagged_records(["EU NNP B-ORG", "", "EU"])
    assert isinstance(spaced, Fault)
    assert isinstance(lone, Fault)
    assert "tr ' ' '\\t' < FILE" in spaced.hint
    assert lone.hint == "check --format; or leave such lines out with --decode-errors skip"
