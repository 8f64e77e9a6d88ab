"""A whole model in HDF5 (``.h5``): the architecture is an attribute, the weights lie in a group beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING

from configsplit.containers.arrays import Arrays, Listed
from configsplit.containers.container import Container
from configsplit.containers.kinds import is_hdf5
from configsplit.containers.opening import MAX_TEXT, Opened, too_large
from configsplit.errors import StoreError

if TYPE_CHECKING:
    from configsplit.containers.weights import WeightFile


class H5Model(Container):
    kind = "h5"
    written_as = "h5"

    @classmethod
    def recognises(cls, opened: Opened) -> bool:
        return is_hdf5(opened)

    @cached_property
    def _file(self) -> WeightFile:
        from configsplit.containers.weights import WeightFile  # the readers of HDF5 are loaded here and not before

        opened = self.opened
        return opened.files.stack.enter_context(WeightFile(opened.span, str(opened.path)))

    def config_text(self) -> str:
        text = self._file.text("", "model_config")
        if text is None:
            raise self._no_model()
        if len(text) > MAX_TEXT:
            raise too_large(len(text), self.opened.path)
        return text

    def _no_model(self) -> StoreError:
        hint = "name the architecture (.json) as MODEL and give this file as --weights"
        if self._has_layout():
            more = f"{hint}; `configsplit inspect` lists what it holds"
            return StoreError("the HDF5 file holds only weights", code="weights-only", where=str(self.opened.path), hint=more)
        what = "the HDF5 file holds neither an architecture nor weights of Keras"
        return StoreError(what, code="not-a-model", where=str(self.opened.path), hint=hint)

    def _has_layout(self) -> bool:
        try:
            return bool(self._file.layout)
        except StoreError:
            return False

    def weights(self) -> Arrays | None:
        return self._file if "model_weights" in self._file.groups else None

    def named_weights(self, architecture: Callable[[], str]) -> Arrays:
        return self._file

    def arrays(self) -> Mapping[str, Listed] | None:
        file = self._file
        return dict(_in_order(file)) if file.layout.kind == "legacy" else None

    def metadata(self) -> dict[str, str]:
        texts = {name: self._file.text("", name) for name in ("keras_version", "backend")}
        return {name: text for name, text in texts.items() if text is not None}


def _in_order(file: WeightFile) -> Iterator[tuple[str, Listed]]:
    for layer in file.layer_names:
        group = f"{file.layout.container}/{layer}" if file.layout.container else layer
        for name in file.weight_names(group):
            path = f"{group}/{name}"
            info = file.datasets[path]
            yield path, Listed(tuple(info.shape), info.dtype, info.nbytes, file.place(path) or partial(file.read, path))
