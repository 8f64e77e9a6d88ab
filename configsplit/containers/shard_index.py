"""The index of weights in shards: which files it names.

``{"metadata": {"total_size": ...}, "weight_map": {"/layers/dense/vars": ["m_00000.weights.h5"]}}``. A file's word is no reason
to open just anything: a shard is a plain name ``*.weights.h5`` in the folder of the index.
"""

from __future__ import annotations

import json
import re

from configsplit.errors import StoreError

MOST_SHARDS = 10_000
_INDEX = re.compile(rb'\s*\{\s*"(?:metadata|weight_map)"\s*:')
_SHARD = re.compile(r"[^/\\:\x00]+\.weights\.h5")


def is_index(head: bytes) -> bool:
    """Whether a file that begins so is the index of sharded weights."""
    return _INDEX.match(head) is not None


def shard_names(text: str, where: str) -> list[str]:
    """The names of the shards that an index speaks of, sorted."""
    try:
        weight_map = json.loads(text)["weight_map"]
        named = ([shards] if isinstance(shards, str) else shards for shards in weight_map.values())
        names = sorted({name for shards in named for name in shards})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise refusal("this is JSON, but not an index of sharded weights (it has no weight_map of names)", where) from None
    if not names or len(names) > MOST_SHARDS:
        raise refusal(f"the index lists {len(names)} shards", where)
    for name in names:
        if not isinstance(name, str) or not _SHARD.fullmatch(name) or name.startswith("."):
            raise refusal(f"the index names {name!r}, which is no name that Keras gives a shard", where)
    return names


def refusal(message: str, where: str) -> StoreError:
    hint = "give the .weights.json that save_weights(max_shard_size=...) wrote, with its shards beside it"
    return StoreError(message, code="weights-shards", where=where, hint=hint)
