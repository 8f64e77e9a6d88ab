"""`emit(parse(document)) == document`, for every document of the corpus, to the last byte where Python wrote it."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from documents import GRAPHLESS, LISTS_OF_ONE, LOST_A_CALL, SEED, files, is_whole, model_name, text_of, texts, title

from configsplit.dialects import emit, parse, to_text
from configsplit.errors import DocumentError
from configsplit.graph.json import thaw

ALL = [*texts(), *files()]
WHOLE = [path for path in ALL if is_whole(path)]


def exact(value: object) -> str:
    """JSON values as text, in which 1, 1.0 and true differ, and so do two orders of keys."""
    return json.dumps(value)


def test_the_corpus_is_there() -> None:
    releases = Counter(path.parent.name for path in texts())
    wanted = "keras-2.0.9 keras-2.3.1 tf-1.15 tf-2.4 tf-2.15 tf_keras-2.21 keras-3.0.5 keras-3.6.0 keras-3.15.1"
    assert {name for name, count in releases.items() if count >= 28} >= set(wanted.split())
    assert SEED in WHOLE
    assert len(files()) > 100


@pytest.mark.parametrize("path", WHOLE, ids=title)
def test_nothing_is_lost(path: Path) -> None:
    text = text_of(path)
    model = parse(text).model
    assert exact(thaw(emit(model))) == exact(json.loads(text))
    assert parse(to_text(model)).model == model


@pytest.mark.parametrize("path", WHOLE, ids=title)
def test_what_python_wrote_comes_back_byte_for_byte(path: Path) -> None:
    text = text_of(path)
    spelled = exact(json.loads(text))  # as it stands in nearly all files; a few were written with other white space
    assert to_text(parse(spelled).model) == spelled
    if text == spelled:
        assert to_text(parse(text).model) == text


def test_nearly_all_documents_are_in_the_spelling_of_python() -> None:
    spelled = [path for path in WHOLE if exact(json.loads(text_of(path))) == text_of(path)]
    assert len(spelled) > 0.9 * len(WHOLE)


def test_a_document_without_its_graph_is_refused_with_the_reason() -> None:
    refused = Counter[str]()
    for path in (path for path in ALL if path.name.partition(".")[0] in GRAPHLESS):
        with pytest.raises(DocumentError) as caught:
            parse(text_of(path))
        refused[f"{model_name(path).rpartition('/')[2]}: {caught.value.code} at {caught.value.where}"] += 1
    assert set(refused) == {"subclassed: document-no-graph at config"}


LOST = [path for path in ALL if model_name(path) in LOST_A_CALL]


@pytest.mark.parametrize("path", LOST, ids=title)
def test_call_numbers_that_a_release_wrote_wrongly_are_put_right(path: Path) -> None:
    text = text_of(path)
    parsed = parse(text)
    assert [("were numbered [1]" in note) for note in parsed.notes] == [True]
    right = to_text(parsed.model)
    assert parse(right).notes == ()
    assert parse(right).model == parsed.model
    before, after = text.split('"keras_history": '), right.split('"keras_history": ')
    wrong = [(one, two) for one, two in zip(before, after, strict=True) if one != two]
    assert len(wrong) == 1  # and nothing else is touched
    assert wrong[0][1] == wrong[0][0].replace(", 1, 0]", ", 0, 0]", 1)


@pytest.mark.parametrize("path", [path for path in ALL if model_name(path) in LISTS_OF_ONE], ids=title)
def test_a_list_of_one_output_is_put_right_and_nothing_else(path: Path) -> None:
    text = text_of(path)
    parsed = parse(text)
    assert ["was a list of one" in note for note in parsed.notes] == [True]
    right = to_text(parsed.model)
    assert (parse(right).notes, parse(right).model) == ((), parsed.model)
    before, after = text.split('"output_layers": '), right.split('"output_layers": ')
    wrong = [(one, two) for one, two in zip(before, after, strict=True) if one != two]
    assert len(wrong) == 1
    assert wrong[0][1] == re.sub(r"^\[(\[[^]]*\])\]", r"\1", wrong[0][0])
