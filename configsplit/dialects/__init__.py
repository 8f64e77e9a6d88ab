"""Every generation's documents, read into one graph and written back."""

from configsplit.dialects.detect import DIALECTS, Detection, Sign, detect
from configsplit.dialects.dialect import Dialect
from configsplit.dialects.emit import emit, to_text
from configsplit.dialects.parse import Parsed, parse, read_entry

__all__ = ["DIALECTS", "Detection", "Dialect", "Parsed", "Sign", "detect", "emit", "parse", "read_entry", "to_text"]
