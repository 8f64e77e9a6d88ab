"""Files: what they are, where each weight lies in them, and how new ones are put together, whole or not at all.

The only importer of h5py, and only once weights are touched: cutting a ``.json`` never loads it.
"""

from configsplit.containers.addresses import addresses, inner_weights, is_stored, snake_case
from configsplit.containers.assets import Asset
from configsplit.containers.early_digest import EarlyDigest
from configsplit.containers.opening import MAX_TEXT
from configsplit.containers.source import FOLDERS, Source, digest, open_source, size_of
from configsplit.containers.staging import Staging
from configsplit.containers.system.named_files import Stamp, read_plain, stamp
from configsplit.containers.system.threads import Task, Workers
from configsplit.containers.writing import (
    Empty,
    Item,
    Job,
    LegacyLayer,
    Move,
    Stored,
    Written,
    prepare_archive,
    prepare_bytes,
    prepare_h5,
    prepare_text,
    prepare_weights,
)

__all__ = [
    "FOLDERS",
    "MAX_TEXT",
    "Asset",
    "EarlyDigest",
    "Empty",
    "Item",
    "Job",
    "LegacyLayer",
    "Move",
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
    "prepare_bytes",
    "prepare_h5",
    "prepare_text",
    "prepare_weights",
    "read_plain",
    "size_of",
    "snake_case",
    "stamp",
]
