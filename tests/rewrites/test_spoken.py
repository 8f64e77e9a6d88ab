"""Python is spoken to in Python: options by their keywords, numbers and words held against what they may be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import configsplit
from configsplit.errors import ConfigSplitError, in_python

RESIDUAL = Path(__file__).resolve().parents[1] / "corpus" / "releases" / "keras-3.15.1" / "residual.keras"


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ("choose another --out, or use --force", "choose another path, or use force=True"),
        ("say which: --before, --after or --layer", "say which: before=, after= or layer="),
        ("give --backend theano, or --backend tensorflow", 'give backend="theano", or backend="tensorflow"'),
        ("give it: --shape a/b=None,28,28,128, or declare it", 'give it: shapes=["a/b=None,28,28,128"], or declare it'),
        ("add --from 'a/b' --from 'c'", 'add from_="a/b" from_="c"'),
        ("use fewer samples: --samples 1", "use fewer samples: samples=1"),
        ("`configsplit layers MODEL` lists the names", "`configsplit.layers(model)` lists the names"),
        ("`configsplit extract M --to X --out w.h5`", '`configsplit.extract(m, to="X").save("w.h5")`'),
        ("put one there (`configsplit replace`)", "put one there (`configsplit.replace`)"),
        ("the layer 'a--force' is none", "the layer 'a--force' is none"),
    ],
)
def test_options_are_called_as_python_calls_them(told: str, wanted: str) -> None:
    assert in_python(told) == wanted
    assert str(ConfigSplitError("no", code="x", hint=told)) == f"no\n  hint: {wanted}"


@pytest.mark.parametrize(
    ("asked", "where", "told"),
    [
        (lambda: configsplit.plan(RESIDUAL, 0), "stages", "give a whole number from 1"),
        (lambda: configsplit.plan(RESIDUAL, 2.5), "stages", "give a whole number from 1"),
        (lambda: configsplit.plan(RESIDUAL, stages="2"), "stages", "give a whole number from 1"),
        (lambda: configsplit.plan(RESIDUAL, 2, slack=-1), "slack", "give a number from 0"),
        (lambda: configsplit.plan(RESIDUAL, 2, max_stage_bytes="1MB"), "max_stage_bytes", "give a whole number"),
        (lambda: configsplit.cuts(RESIDUAL, max_tensors=-1), "max_tensors", "give a whole number from 0"),
        (lambda: configsplit.cuts(RESIDUAL, max_bytes="1MB"), "max_bytes", "give a whole number"),
        (lambda: configsplit.verify(RESIDUAL, samples=0), "samples", "give a whole number from 1"),
        (lambda: configsplit.freeze(RESIDUAL, before="res", unfreeze="no"), "unfreeze", "give True or False"),
        (lambda: configsplit.split(RESIDUAL, at=3), "at", "give the name of a layer"),
        (lambda: configsplit.split(RESIDUAL, at=["c1", None]), "at", "give the name of a layer"),
        (lambda: configsplit.split(RESIDUAL, "c1", boundary_dtype="foat32"), "boundary_dtype", "did you mean 'float32'?"),
    ],
)
def test_numbers_and_words_are_held_against_what_they_may_be(asked: Callable[[], object], where: str, told: str) -> None:
    with pytest.raises(ConfigSplitError) as caught:
        asked()
    assert caught.value.where == where
    assert caught.value.hint.startswith(told)


def test_an_option_that_is_none_is_told_the_nearest() -> None:
    with pytest.raises(TypeError, match=r"replace\(\) has no option 'after'; it takes model, donor, from_, to"):
        configsplit.replace(RESIDUAL, RESIDUAL, after="c1")  # type: ignore[call-overload]
    with pytest.raises(AttributeError, match="'spilt'; did you mean 'split'"):
        configsplit.spilt  # noqa: B018
    with pytest.raises(TypeError, match=r"split\(\) has no option 'att'; did you mean 'at'"):
        configsplit.split(RESIDUAL, att="c1")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"split\(\) has no option 'stages'; stages are planned by configsplit.plan"):
        configsplit.split(RESIDUAL, "c1", stages=2)  # type: ignore[call-overload]


def test_rename_takes_one_text() -> None:
    made = configsplit.rename(RESIDUAL, "c1=stem")
    assert [layer.name for layer in made.model.layers].count("stem") == 1
    with pytest.raises(configsplit.ConfigSplitError, match="'c1' is not OLD=NEW"):
        configsplit.rename(RESIDUAL, "c1")
