"""Many models at once: recipes, jobs, outcomes, engines, and the page that tells how it went."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _Room(ModuleType):
    """As soon as this package is imported, ``configsplit.batch`` is it, and not the verb any more: so it can be called."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        from configsplit.batch.batch import batch

        return batch(*arguments, **options)


sys.modules[__name__].__class__ = _Room
