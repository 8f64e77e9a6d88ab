"""The picture below a result in a notebook."""

from __future__ import annotations

from typing import Any

from configsplit.errors import ConfigSplitError
from configsplit.verbs.plot import in_notebook, plot


def picture(result: Any) -> str:
    """The picture of what a verb gave, or of the model that it is about, as HTML; nothing where it cannot be drawn.

    Args:
        result: a document, parts, an edit, a conversion, a list of places, or a plan.
    """
    from configsplit.verbs.cuts import Cuts
    from configsplit.verbs.planned import Plan

    shown = result.parts if isinstance(result, Plan) else result.document if isinstance(result, Cuts) else result
    try:
        return in_notebook(plot(shown))
    except ConfigSplitError:
        return ""
