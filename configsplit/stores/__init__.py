"""Files: what they are, where each weight lies in them, and how new ones are put together, whole or not at all.

The only importer of h5py, and only once weights are touched: cutting a ``.json`` never loads it.
"""

from configsplit.stores.ahead import Ahead
from configsplit.stores.archive import MAX_TEXT
from configsplit.stores.assembly import (
    Empty,
    Fresh,
    Item,
    Job,
    LegacyLayer,
    Move,
    Relaid,
    Stored,
    Written,
    prepare_archive,
    prepare_h5,
    prepare_text,
    prepare_weights,
)
from configsplit.stores.assets import Asset
from configsplit.stores.layouts import Layout, addresses, inner_weights, is_stored, snake_case
from configsplit.stores.plainly import Stamp, read_plain, stamp
from configsplit.stores.source import Source, digest, open_source
from configsplit.stores.staging import Staging
from configsplit.stores.workers import Task, Workers

__all__ = [
    "MAX_TEXT",
    "Ahead",
    "Asset",
    "Empty",
    "Fresh",
    "Item",
    "Job",
    "Layout",
    "LegacyLayer",
    "Move",
    "Relaid",
    "Source",
    "Staging",
    "Stamp",
    "Stored",
    "Task",
    "Workers",
    "Written",
    "addresses",
    "digest",
    "inner_weights",
    "is_stored",
    "open_source",
    "prepare_archive",
    "prepare_h5",
    "prepare_text",
    "prepare_weights",
    "read_plain",
    "snake_case",
    "stamp",
]
