"""What notebooks show of a result: its table, and below it the picture, which is drawn only when somebody looks."""

from __future__ import annotations

from configsplit.models import door


class Shown:
    """Something that has a table, `_repr_html_`, and is drawn by `plot`."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        raise NotImplementedError

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """For notebooks."""
        return {"text/plain": repr(self), "text/html": self._repr_html_() + door.picture(self)}
