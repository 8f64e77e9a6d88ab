"""`expand`: the graph of a model whose file holds hyperparameters, built once by the library that the user names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from pprint import pformat
from typing import TYPE_CHECKING, Any, Literal

from configsplit.containers.arrays import Arrays
from configsplit.containers.expanded import expanded_text
from configsplit.containers.source import open_source
from configsplit.containers.staging import Staging
from configsplit.containers.writing import prepare_text
from configsplit.dialects import parse
from configsplit.errors import ConfigSplitError, WeightsError, check_choice
from configsplit.graph.json import dumps
from configsplit.models.document import Said, by_names, named_shape

if TYPE_CHECKING:
    from configsplit.runtime.confinement.policy import Limits

_PLUGIN = '''"""What layers of a library give and keep, as `configsplit expand` saw it: a plug-in, for --custom-objects."""

from configsplit.plugins import observed

LAYERS = observed(
    {seen}
)
'''

Depth = Literal["models", "all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expanded:
    """A graph that a library built, not yet written.

    Attributes:
        source: the file or folder.
        class_name: the class of the model in it.
        document: the graph, as a document of Keras 3.
        weights_at: the name of each weight in the document's layout -> its name in the file, where any is called otherwise.
        weights: how many weights it has.
        bytes: how many bytes they have in the file; 0 where it holds none.
        opened: layers that were opened, ``OUTER/INNER``.
        whole: layers that were to be opened and are whole -> why.
        mended: layers that their class describes too little for Keras to make them again -> the class.
        left: arrays of the file that no layer of the graph has.
        classes: what was seen of the library's classes, as `configsplit.plugins.observed` takes it.
        run: whether the graph was run beside the model, with equal bits.
    """

    source: Path
    class_name: str
    document: Mapping[str, Any]
    weights_at: Mapping[str, str]
    weights: int
    bytes: int
    opened: tuple[str, ...] = ()
    whole: Mapping[str, str]
    mended: Mapping[str, str]
    left: tuple[str, ...] = ()
    classes: Mapping[str, Any]
    run: bool

    def text(self) -> str:
        """What is written: a document that Keras reads too, or one with the places of the weights."""
        return expanded_text(self.document, self.weights_at) if self.weights_at else dumps(self.document, indent=1) + "\n"

    def plugin_text(self) -> str:
        """A plug-in that declares the library's classes as they were seen; "" where the graph has none of them."""
        return _PLUGIN.format(seen=pformat(dict(self.classes), width=120, sort_dicts=False)) if self.classes else ""

    def save(self, path: str | Path, *, force: bool = False) -> tuple[Path, Path | None]:
        """Write the graph, and beside it the plug-in ``NAME_classes.py``: whole or not at all.

        Args:
            path: the file.
            force: replace an existing file.

        Returns:
            The file, and the plug-in where one is needed.

        Raises:
            StoreError: the file exists (without ``force``) or cannot be written.
        """
        place = Path(path)
        beside = place.with_name(f"{place.stem}_classes.py") if self.classes else None
        with Staging(place, folder=False, force=force) as staging:
            prepare_text(staging.path(place.name), self.text()).run()
            if beside is not None:
                prepare_text(staging.path(beside.name), self.plugin_text()).run()
            staging.commit()
        return place, beside


def expand(
    model: str | Path,
    libraries: str | Sequence[str],
    *,
    depth: Depth = "models",
    sizes: Said = (),
    limits: Limits | None = None,
) -> Expanded:
    """Have a library build the graph of a model saved as hyperparameters, and find its weights in the file.

    Args:
        model: a ``.keras`` file, a preset's folder, or a ``config.json``.
        libraries: the package with its classes, or several. It is imported in a confined process.
        depth: "models" opens nested models; "all" also every layer that is made of layers, if its call can be traced.
        sizes: sizes for inputs that the library leaves open, ``"images=1,224,224,3"``; the graph is of these alone, of whatever
            batch. Code that asks for a size can then be traced.
        limits: time and memory for it, and whether the operating system confines it.

    Returns:
        The graph; `Expanded.save` writes it.

    Raises:
        OptionError: there is no such depth.
        StoreError: the file cannot be read, or is damaged or hostile.
        ShapeError: a size has the wrong form.
        DocumentError: it uses classes of neither the library nor Keras, cannot be built, or is not a functional model.
        PluginError: the library cannot be imported.
        WeightsError: the file's weights do not belong to the model.
        VerificationError: building it exceeded its limits of time or memory.
        RuntimeUnavailableError: Keras is not installed, or the process cannot be confined.

    Example:
        >>> graph = configsplit.expand("net.keras", "smallhub")
        >>> file, plugin = graph.save("net.json")
    """
    from configsplit.runtime.confinement.policy import Limits
    from configsplit.runtime.expansion.worker import expansion

    check_choice("depth", depth, Depth)
    fixed = {name: list(spec.shape or ()) for name, spec in map(named_shape, map(str, by_names(sizes)))}
    names = [libraries] if isinstance(libraries, str) else list(libraries)
    with open_source(model) as source:
        file = source.weights
        try:
            expanded = expansion(source.config_text, names, open_all=depth == "all", limits=limits or Limits(), sizes=fixed)
        except ConfigSplitError as error:
            raise error.within(f"{source.path}: ") from None
        parse(dumps(expanded["document"]))  # what is written can be read
        at = _places(expanded["arrays"], file, source.path)
        source.check_unchanged()
    left = () if file is None else tuple(file.strays(at.values()))
    alike = not left and all(address == stored for address, stored in at.items())
    return Expanded(
        source=source.path,
        class_name=expanded["class"],
        document=expanded["document"],
        weights_at={} if alike else at,
        weights=len(at),
        bytes=0 if file is None else sum(file.datasets[stored].nbytes for stored in at.values()),
        opened=tuple(expanded["opened"]),
        whole=expanded["whole"],
        mended=expanded["mended"],
        left=left,
        classes=expanded["classes"],
        run=expanded["run"],
    )


def _places(arrays: Sequence[Mapping[str, Any]], file: Arrays | None, path: Path) -> dict[str, str]:
    """Where each weight lies in the file: by the names of that order of Keras's releases which the file has all of."""
    orders = (
        [{each["address"]: each["stored"][number] for each in arrays} for number in range(len(arrays[0]["stored"]))]
        if arrays
        else []
    )
    if file is None or not orders:
        return orders[0] if orders else {}
    wrong = []
    for order in orders:
        lacking = [stored for stored in order.values() if stored not in file.datasets]
        others = [
            f"{order[each['address']]} has the shape {list(file.datasets[order[each['address']]].shape)}, not {each['shape']}"
            for each in arrays
            if not lacking and list(file.datasets[order[each["address"]]].shape) != each["shape"]
        ]
        if not lacking and not others:
            return order
        wrong.append(others[0] if others else f"{len(lacking)} of {len(order)} are not there: {', '.join(lacking[:3])}")
    raise WeightsError(
        f"the file's weights are not those of the model that its hyperparameters describe: {wrong[0]}",
        code="expand-weights",
        where=str(path),
        hint="the file may need the release of the library and of Keras that wrote it",
    )
