"""`plot`: a model, its parts, or the difference of two models, as a picture."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from configsplit.boundaries.costs import sized
from configsplit.boundaries.sizes import given_sizes
from configsplit.containers.staging import Staging
from configsplit.containers.system.named_files import stamp
from configsplit.containers.writing import prepare_bytes
from configsplit.display.html import as_frame, as_image
from configsplit.errors import ConfigSplitError, CutError, ShapeError, StoreError
from configsplit.graph.json import dumps
from configsplit.graph.model import TensorRef, TensorSpec
from configsplit.graph.references import outputs_used, tensor_name
from configsplit.inference import Inference
from configsplit.models.document import Document, load
from configsplit.models.made import ModelLike, document_of
from configsplit.models.results import Parts
from configsplit.pictures.conversion import views_of_conversion
from configsplit.pictures.difference import views_of_difference
from configsplit.pictures.focus import focused
from configsplit.pictures.folding import folded
from configsplit.pictures.hazardous import counted, hazards_of, with_hazards
from configsplit.pictures.of_model import MOST_BOXES, totals, views_of
from configsplit.pictures.of_parts import Wired, facts_of_parts, views_of_parts, wiring
from configsplit.pictures.page import page
from configsplit.pictures.picture import Picture, View
from configsplit.pictures.png import png
from configsplit.pictures.svg import svg
from configsplit.pictures.texts import dot, mermaid, model_explorer
from configsplit.pictures.words import amount
from configsplit.records.manifest import NAME
from configsplit.verbs.priced import prices
from configsplit.verbs.verify import read_manifest
from configsplit.weights.implied import known_with_weights

if TYPE_CHECKING:
    from configsplit.rewrites.nested.surface import Surfaced

Sizes = Iterable[str] | Mapping[TensorRef, TensorSpec]

SUFFIXES = (".html", ".svg", ".png", ".mmd", ".dot", ".json")

MOST_SEEN = 600
"""Nested models are drawn open where no more boxes than that are to be seen then."""


_LARGEST_IMAGE, _LARGEST_PAGE = 400_000, 2_000_000
"""Bytes of what a notebook keeps of each cell that shows a picture."""

_MOST_IN_NOTEBOOK, _MOST_PRICED_IN_NOTEBOOK = 2_000, 800
"""A notebook shows no picture of a model with more layer calls, and no prices: each cell would wait for it."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture that can be written in several formats.

    Attributes:
        whole: with every layer.
        unfold: whether that is drawn; Model Explorer, which folds by itself, gets it always.
        document, sizes: the model, if it is one model: where that can be cut is told on pages.
        near: only what lies within so many lines of a cut, a difference or a hazard is drawn; the rest is closed.
        stages: pages tell of the best pipelines of up to so many stages, too.
    """

    whole: Picture
    unfold: bool = False
    near: int | None = None
    document: Document | None = None
    sizes: Mapping[TensorRef, TensorSpec] = field(default_factory=dict)
    stages: int = 1

    @property
    def picture(self) -> Picture:
        """What is drawn: with blocks that repeat folded, if nobody asked for all.

        Raises:
            CutError: nothing is marked that ``near`` could be near to.
        """
        views = self.whole.views if self.near is None else focused(self.whole.views, self.near)
        if views is None:
            raise CutError(
                f"{self.whole.title} has no cut, difference or hazard for --near",
                code="plot-near",
                hint="it needs parts, two models, a conversion or hazards; leave it out",
            )
        return _replaced(self.whole, views if self.unfold else folded(views))

    def text(self, suffix: str) -> str:
        """The picture as one of `SUFFIXES` that is text.

        Args:
            suffix: with its dot.

        Returns:
            The content of such a file.

        Raises:
            StoreError: pictures are not written so.
        """
        picture = self.picture
        match suffix.lower():
            case ".html":
                told = None if self.document is None else prices(self.document, self.sizes, self.calls, self.stages)
                return page(picture, opened(picture), told)
            case ".svg":
                return svg(picture, opened(picture))
            case ".mmd":
                return mermaid(picture, opened(picture))
            case ".dot":
                return dot(picture, opened(picture))
            case ".json":
                return dumps(model_explorer(self.whole, opened(self.whole, MOST_BOXES)), indent=1) + "\n"
        raise StoreError(
            f"a picture cannot be written as {suffix!r}",
            code="plot-suffix",
            hint=f"name it {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}",
        )

    def save(self, path: str | Path, *, force: bool = False) -> None:
        """Write the picture, as the suffix says.

        Args:
            path: the file to write.
            force: replace an existing one.

        Raises:
            StoreError: the suffix is none of a picture's, the file exists (without ``force``), or cannot be written.
            RuntimeUnavailableError: as `png` does.
        """
        place = Path(path)
        content = self.png() if place.suffix.lower() == ".png" else self.text(place.suffix).encode("utf-8")
        with Staging(place, folder=False, force=force) as staging:
            prepare_bytes(staging.path(place.name), content).run()
            staging.commit()

    def png(self) -> bytes:
        """The picture as PNG, with the fonts of this machine.

        Returns:
            The content of such a file.

        Raises:
            RuntimeUnavailableError: the extra ``png`` is not installed, or no font is.
            StoreError: the picture is too large to be read as pixels.
        """
        return png(svg(self.picture, opened(self.picture)))

    @property
    def calls(self) -> int:
        """How many calls of layers it shows."""
        return sum(len(view.boxes) for view in self.whole.views)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """For notebooks."""
        return {"text/plain": repr(self), "text/html": in_notebook(self)}

    def __repr__(self) -> str:
        return f"<picture of {self.whole.title}: {', '.join(self.whole.facts)}>"


def plot(
    *models: ModelLike | Parts,
    unfold: bool = False,
    convert: bool = False,
    near: int | None = None,
    stages: int | None = None,
    sizes: Sizes = (),
    custom_objects: Iterable[str | Path] = (),
) -> Plot:
    """Draw a model, the parts of one, or how a second model differs from the first.

    Args:
        models: one model, the parts of one (a folder, or the result of `split`), or two models: files, loaded models, or
            results of other verbs.
        unfold: draw every layer; do not fold repeated blocks.
        convert: draw one model beside its conversion, with the rules; the result of `convert` is always drawn that way.
        near: draw only what lies within this many lines of a cut, a difference or a hazard; the rest is closed.
        stages: on pages of one model, also show the best pipelines of 2 to this many stages, which takes seconds.
        sizes: of inputs that the model leaves open, as for `split`: for shapes and bytes in the picture.
        custom_objects: plug-ins, in addition to the installed ones.

    Returns:
        The picture, not yet written.

    Raises:
        CutError: there are no models, or more than two.
        StoreError: a file cannot be read.
        ShapeError: the sizes do not fit the model.
        VerificationError: the manifest wires tensors that the parts do not have.

    Example:
        >>> configsplit.plot("model.keras").save("model.svg")
    """
    plugins, sizes = tuple(custom_objects), sizes if isinstance(sizes, Mapping) else tuple(sizes)
    if len(models) not in (1, 2):
        raise CutError(
            f"{len(models)} models cannot be one picture",
            code="plot-models",
            hint="give a model, a folder of parts, or two models",
        )
    first = models[0]
    if convert or hasattr(first, "migration"):
        return _conversion(models, unfold, plugins)
    if len(models) == 1 and isinstance(first, (str, os.PathLike)) and (Path(first) / NAME).is_file():
        return Plot(_parts(Path(first), sizes, plugins), unfold, near)
    if len(models) == 1 and isinstance(first, Parts):
        return Plot(_in_memory(first), unfold, near)
    documents = [document_of(cast("ModelLike", each), custom_objects=plugins) for each in models]
    if len(documents) == 2:
        return Plot(_difference(documents, sizes), unfold, near)
    (document,) = documents
    traced = _sized(document, sizes)
    return Plot(_model(document, traced), unfold, near, document, given_sizes(document.infer(), sizes), stages or 1)


def in_notebook(made: Plot) -> str:
    """The picture as HTML for a notebook: an image, for where scripts are off, and the page below it, at a click. Nothing where
    it would be too large."""
    if made.calls > _MOST_IN_NOTEBOOK:
        return ""
    if made.calls > _MOST_PRICED_IN_NOTEBOOK:
        made = replace(made, document=None)  # where it can be cut takes longer to find than all else
    image, whole = made.text(".svg"), made.text(".html")
    shown = as_image(image, made.whole.title) if len(image.encode("utf-8")) <= _LARGEST_IMAGE else ""
    return shown + (as_frame("look around", whole) if len(whole.encode("utf-8")) <= _LARGEST_PAGE else "")


def opened(picture: Picture, most: int = MOST_SEEN) -> frozenset[int]:
    """The views that are seen inside their boxes, if nobody asks for others: nested models, the outer ones first, as long as no
    more boxes are seen. A model that calls another twice shows it twice, so that few views can be very many boxes. Of two
    models side by side all are closed: lines lead from one to the other."""
    if picture.views[0].links:
        return frozenset()
    times = {0: 1}
    seen = len(picture.views[0].boxes)
    for number, view in enumerate(picture.views):
        calls = Counter(box.inside for box in view.boxes if box.inside is not None)
        for inside, count in calls.items() if number in times else ():
            more = times[number] * count * len(picture.views[inside].boxes)
            if picture.views[inside].kind == "model" and seen + more <= most:
                seen += more
                times[inside] = times[number] * count
    return frozenset(times) - {0}


def _replaced(picture: Picture, views: tuple[View, ...]) -> Picture:
    return Picture(picture.title, picture.facts, views, picture.parts)


def _opened(document: Document, other: Document) -> Surfaced | None:
    """The model with those nested models open most of whose layers stand in the other by themselves, as where a verb has
    changed something inside: else all of them would be called gone and added. None where there are none."""
    names = other.model.by_name()
    wanted = []
    for layer in document.model.layers:
        inside = [] if layer.model is None else [each.name for each in layer.model.layers if not each.is_input]
        kept = [name for name in inside if name in names]
        if layer.name not in names and len(layer.calls) == 1 and 2 * len(kept) > len(inside):
            wanted.append(f"{layer.name}/{kept[0]}")
    if not wanted:
        return None
    from configsplit.verbs.surgery import surfaced

    try:
        return surfaced(document, *wanted)
    except ConfigSplitError:  # it cannot be opened, and is drawn as it is
        return None


def _sized(document: Document, sizes: Sizes, opened: Surfaced | None = None) -> Inference:
    """What is known of a model, with the sizes that were given; of its nested models some may be opened."""
    known = known_with_weights(document) if opened is None else document.infer()
    given = given_sizes(known, sizes)
    if opened is None:
        return sized(document, document.model, given, known) if given else known
    inference = document.infer_given(opened.given, opened.model)
    return sized(document, opened.model, given, inference) if given else inference


def _model(document: Document, inference: Inference) -> Picture:
    views = with_hazards(views_of(inference), hazards_of(document))
    return Picture(document.path.name, (document.detection.dialect.title, *_counts(views), *counted(views)), views)


def _counts(views: Sequence[View]) -> tuple[str, ...]:
    parameters, macs, layers = totals(views[0].boxes)
    return f"{layers:,} layer calls", f"{amount(parameters)} parameters", f"{amount(macs)} multiply-accumulates"


def _difference(documents: Sequence[Document], sizes: Sizes) -> Picture:
    one, other = documents
    opened = _opened(one, other), _opened(other, one)
    pairs = list(zip(documents, opened, strict=True))
    past, now = (hazards_of(document, None if whole is None else whole.model) for document, whole in pairs)
    views = with_hazards(views_of_difference(*(_sized(document, sizes, whole) for document, whole in pairs)), now, past)
    marks = Counter(box.mark for view in views for box in view.boxes if box.mark and box.inside is None)
    told = [f"{count} {mark}" for mark, count in sorted(marks.items())] or ["no layer differs"]
    told += [f"{step.layer} opened" for whole in opened if whole is not None for step in whole.steps]
    names = [document.path.name for document in documents]
    return Picture(" → ".join(names), (*told, *counted(views), "weights are not looked at"), views)


def _conversion(models: Sequence[ModelLike | Parts], unfold: bool, plugins: Sequence[str | Path]) -> Plot:
    """Both models beside each other. They are folded apart, so that what is drawn is folded or not already."""
    from configsplit.saving.conversion import Converted, refused
    from configsplit.verbs.convert import convert

    if len(models) != 1:
        raise CutError(
            "a single model is drawn beside its conversion",
            code="plot-models",
            hint="give one model with --convert, or two without it",
        )
    first = models[0]
    made = first if isinstance(first, Converted) else convert(document_of(cast("ModelLike", first), custom_objects=plugins))
    if made.refusals:
        raise refused(made)
    new = made.as_document()
    every = [with_hazards(views_of(each.infer()), hazards_of(each)) for each in (made.document, new)]
    old, theirs = every if unfold else map(folded, every)
    views = views_of_conversion(old, theirs, made.document.model, made.migration)
    links = views[0].links
    told = (
        f"{made.document.detection.dialect.title} → {new.detection.dialect.title}",
        f"{sum(bool(each.note) for each in links)} changed",
        *counted(views),
    )
    return Plot(Picture(made.document.path.name, told, views), unfold=True)


def _parts(folder: Path, sizes: Sizes, plugins: Sequence[str | Path]) -> Picture:
    """The parts in a folder. Nothing that its manifest names is followed, and nothing of it is proven."""
    if given := list(sizes):
        raise ShapeError(
            f"parts are drawn with their own sizes: {given[0]}",
            code="size-no-input",
            where=str(folder),
            hint="draw the original with --size, or split it with --fix-size",
        )
    manifest = read_manifest(folder)
    for part in manifest.parts:
        stamp(folder / part.file, follow=False)
    documents = [load(folder / part.file, custom_objects=plugins) for part in manifest.parts]
    return _wired(folder.resolve().name, manifest.source.file, wiring(manifest), documents)


def _in_memory(parts: Parts) -> Picture:
    """The parts of a split that nobody has written."""
    model = parts.split.model
    layers, used = model.by_name(), outputs_used(model)
    wired = [
        Wired(
            f"part-{part.number}",
            tuple(None if wire.part is None else (wire.part, wire.number) for wire in parts.split.wires[part.number]),
            tuple(tensor_name(ref, layers, used) for ref in part.outputs),
        )
        for part in parts
    ]
    name = parts.document.path.name
    return _wired(f"{len(parts)} parts of {name}", name, wired, [part.as_document() for part in parts])


def _wired(title: str, source: str, wired: Sequence[Wired], documents: Sequence[Document]) -> Picture:
    views = views_of_parts(wired, documents)
    names = dict.fromkeys(line.name for line in views[0].lines if line.crosses)
    told = (f"{len(documents)} parts of {source}", f"cut at {', '.join(names)}", *counted(views))
    return Picture(title, told, views, facts_of_parts(wired, documents))
