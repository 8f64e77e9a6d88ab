"""The verbs of surgery on live models: each gives a new live model and leaves those it was given as they were.

What they mean, and what they refuse, is what the verbs of the same name mean for files (docs/surgery.md). ``custom_objects``
are classes of the user's own, as in Keras; those of a model's own layers, and registered ones, are known already. Where a mask
of Keras 2 is stopped or let through by a change, a Python warning says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial, wraps
from inspect import signature
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import configsplit.verbs.cuts
import configsplit.verbs.inspect
import configsplit.verbs.plan
import configsplit.verbs.profile
from configsplit.errors import CutError, check_choice
from configsplit.keras.models import Classes, built, read, read_fragment, together
from configsplit.keras.split import LiveParts, rejoin
from configsplit.models.made import ModelLike
from configsplit.rewrites.compose import By
from configsplit.runtime.live.kinds import Fragment, LiveModel
from configsplit.verbs import join as joining
from configsplit.verbs import marking, surgery
from configsplit.verbs.marking import LayerInfo
from configsplit.verbs.public import checked, with_old_words
from configsplit.verbs.surgery import Names
from configsplit.verbs.table import function

Options = ParamSpec("Options")
Found = TypeVar("Found")

_FILE = "a file, a loaded model, or the result of another verb."


def edited(name: str) -> Callable[..., LiveModel]:
    """A verb that makes one model of one model, on live models."""

    def verb(model: LiveModel, *arguments: Any, custom_objects: Classes = None, **options: Any) -> LiveModel:
        whole = read(model, custom_objects)
        return built(function(name)(whole.document, *arguments, **options), [whole])

    return verb


def looking(own: Callable[Concatenate[ModelLike, Options], Found]) -> Callable[Concatenate[LiveModel, Options], Found]:
    """A verb that only looks at a model, on a live one: what it gives is the same as of a file."""
    name, words = own.__name__, [*signature(own).parameters]

    @wraps(own)
    def verb(model: LiveModel, *arguments: Any, custom_objects: Classes = None, **options: Any) -> Found:
        checked(name, words, options)
        return own(read(model, custom_objects).document, *arguments, **options)

    verb.__doc__ = str(own.__doc__).replace(_FILE, "a model of Keras 3 or tf_keras, built.")
    return cast("Callable[Concatenate[LiveModel, Options], Found]", verb)


def extract(
    model: LiveModel,
    *,
    from_: Names = (),
    to: Names = (),
    shapes: Iterable[str] = (),
    opened: Iterable[str] = (),
    sizes: Iterable[str] = (),
    fix_size: bool = False,
    custom_objects: Classes = None,
) -> LiveModel:
    """The sub-network between any tensors: tensors in ``from_`` become inputs, those in ``to`` outputs.

    Args:
        model: a model of Keras 3 or tf_keras, built; it is not changed.
        from_, to, shapes, opened, sizes, fix_size: as for `configsplit.extract`.
        custom_objects: classes of the user's own that the model uses, as in Keras.

    Returns:
        A new live model with the weights of the old.

    Raises:
        TensorReferenceError, CutError, ShapeError: as `configsplit.extract` does; what is missing is named.
        DocumentError: no functional graph of the model can be had.

    Example:
        >>> features = configsplit.keras.extract(model, to=["c1", "sum"])
        >>> [each.shape[1:] for each in features(images)]
        [TensorShape([8, 8, 4]), TensorShape([8, 8, 4])]
    """
    given = {"from_": from_, "to": to, "shapes": shapes, "opened": opened, "sizes": sizes, "fix_size": fix_size}
    return edited("extract")(model, custom_objects=custom_objects, **given)


@partial(with_old_words, "insert")
def insert(
    model: LiveModel, donor: Fragment | ModelLike, *, after: str, before: Names = (), custom_objects: Classes = None
) -> LiveModel:
    """Put a fragment between a tensor and all its consumers, or only those in ``before``.

    Args:
        model: the model.
        donor: what is put in: a live model or layer, or the configuration of one as ``{"class_name": ..., "config": ...}``;
            or a file or the result of a verb. What is built brings its weights; for the rest Keras initializes them.
        after: the tensor that the fragment takes.
        before: the calls that take the fragment's output in its place; all, by default.
        custom_objects: see the module.

    Returns:
        A new live model with the weights of the old.

    Raises:
        CutError, ShapeError, TensorReferenceError: as `configsplit.insert` does.

    Example:
        >>> noisy = configsplit.keras.insert(model, keras.layers.GaussianNoise(0.1), after="sum")
        >>> len(noisy.layers) - len(model.layers)
        1
    """
    host = read(model, custom_objects)
    host, guest = together([host, read_fragment(donor, host, custom_objects)])
    return built(surgery.insert(host.document, guest.document, after=after, before=before), [host, guest])


def replace(
    model: LiveModel, donor: Fragment | ModelLike, *, from_: Names, to: Names, custom_objects: Classes = None
) -> LiveModel:
    """Replace what lies between tensors with a donor, given as the fragment of `insert` is.

    Args:
        model: a model of Keras 3 or tf_keras, built; it is not changed.
        donor: a live model or layer, or a configuration, as for `insert`.
        from_, to: tensors, as for `configsplit.replace`.
        custom_objects: classes of the user's own that the model uses, as in Keras.

    Returns:
        A new live model with the weights of the old.

    Raises:
        CutError, ShapeError, TensorReferenceError: as `configsplit.replace` does.

    Example:
        >>> changed = configsplit.keras.replace(model, keras.layers.Activation("tanh", name="tanh"), from_="c2", to="bn")
        >>> [layer.name for layer in changed.layers if layer.name in ("bn", "tanh")]
        ['tanh']
    """
    host = read(model, custom_objects)
    host, guest = together([host, read_fragment(donor, host, custom_objects)])
    return built(surgery.replace(host.document, guest.document, from_=from_, to=to), [host, guest])


def remove(model: LiveModel, layer: Names, *, custom_objects: Classes = None) -> LiveModel:
    """Remove layers; their consumers take their input instead. Patterns with ``*`` and ``OUTER/INNER`` work.

    Args:
        model: a model of Keras 3 or tf_keras, built; it is not changed.
        layer: names of layers, or patterns.
        custom_objects: classes of the user's own that the model uses, as in Keras.

    Returns:
        A new live model with the weights of the old.

    Raises:
        CutError, ShapeError, TensorReferenceError: as `configsplit.remove` does.

    Example:
        >>> plain = configsplit.keras.remove(model, "bn")
        >>> plain.count_params() < model.count_params()
        True
    """
    return edited("remove")(model, layer, custom_objects=custom_objects)


def rename(model: LiveModel, names: Mapping[str, str] | Iterable[str], *, custom_objects: Classes = None) -> LiveModel:
    """Rename layers: ``{"conv1": "stem"}`` or ``["conv1=stem", "conv*=block1_conv*"]``.

    Args:
        model: a model of Keras 3 or tf_keras, built; it is not changed.
        names: old name -> new name, or ``OLD=NEW`` texts.
        custom_objects: classes of the user's own that the model uses, as in Keras.

    Returns:
        A new live model with the weights of the old.

    Raises:
        TensorReferenceError: no such layer, or two layers would have one name, or Keras allows no such name.

    Example:
        >>> configsplit.keras.rename(model, {"c1": "stem"}).get_layer("stem").name
        'stem'
    """
    return edited("rename")(model, names, custom_objects=custom_objects)


def freeze(
    model: LiveModel,
    *,
    before: Names = (),
    after: Names = (),
    layer: Names = (),
    unfreeze: bool = False,
    custom_objects: Classes = None,
) -> LiveModel:
    """A copy whose layers before or behind tensors, or of some names, are left alone by training (``unfreeze``: are trained).

    Args:
        model: a model of Keras 3 or tf_keras, built; it is not changed.
        before, after, layer, unfreeze: as for `configsplit.freeze`.
        custom_objects: classes of the user's own that the model uses, as in Keras.

    Returns:
        A new live model with the weights of the old.

    Raises:
        CutError, TensorReferenceError: as `configsplit.freeze` does.

    Example:
        >>> configsplit.keras.freeze(model, before="sum").get_layer("c1").trainable
        False
    """
    given = {"before": before, "after": after, "layer": layer, "unfreeze": unfreeze}
    return edited("freeze")(model, custom_objects=custom_objects, **given)


def layers(
    model: LiveModel, *, before: Names = (), after: Names = (), whole_nested: bool = False, custom_objects: Classes = None
) -> tuple[LayerInfo, ...]:
    """The layers upstream or downstream of tensors; all layers if none is given. Those inside a nested model come right behind
    it, unless nested models are to be left whole.

    Args:
        model: a model of Keras 3 or tf_keras, built.
        before, after: tensors. A tensor's own layer is upstream of it.
        whole_nested: leave nested models whole.
        custom_objects: classes of the user's own that the model uses, as in Keras.

    Returns:
        One entry for each layer, as `configsplit.layers` gives them.

    Raises:
        TensorReferenceError: no such tensor.

    Example:
        >>> configsplit.keras.layers(model, after="flat")
        (<out: Dense, 514 parameters>,)
    """
    return marking.layers(read(model, custom_objects).document, before=before, after=after, whole_nested=whole_nested)


def join(*models: LiveModel | LiveParts, by: By = "position", custom_objects: Classes = None) -> LiveModel:
    """Undo a split: give what `split` gave. Or compose several models into one flat graph, each feeding the next.

    The parts of a split give the very graph that was cut, with the weights that they have now.

    Args:
        models: one `LiveParts`, or two or more models.
        by: for composition, whether outputs are matched with inputs by position or by name.
        custom_objects: see the module.

    Returns:
        One live model.

    Raises:
        CutError: the models do not fit together, or belong to different Keras.
        ShapeError: an output does not match the next model's input.
        WeightsError: a layer that stands in several parts has different weights in them.

    Example:
        >>> parts = configsplit.keras.split(model, at="sum")
        >>> configsplit.keras.join(parts).count_params() == model.count_params()
        True
    """
    check_choice("by", by, By)
    if len(models) == 1 and isinstance(models[0], LiveParts):
        return rejoin(models[0])
    if len(models) < 2:
        raise CutError(
            "one model alone cannot be joined", code="join-counts", hint="give the parts of a split, or several models"
        )
    read_all = together([read(model, custom_objects) for model in models])
    return built(joining.join(*(each.document for each in read_all), by=by), read_all)


cuts = looking(configsplit.verbs.cuts.cuts)
inspect = looking(configsplit.verbs.inspect.inspect)
plan = looking(configsplit.verbs.plan.plan)
profile = looking(configsplit.verbs.profile.profile)
