"""Every generation's documents, read into one graph and written back."""

from configsplit.dialects.detect import GENERATIONS, Detection, Sign, detect, dialect_of
from configsplit.dialects.emit import emit, to_text
from configsplit.dialects.parse import parse, read_entry

__all__ = ["GENERATIONS", "Detection", "Sign", "detect", "dialect_of", "emit", "parse", "read_entry", "to_text"]
