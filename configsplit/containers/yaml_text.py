"""An architecture alone, as YAML text, which Keras 1 and 2 and TF up to 2.5 write; parts of it are written as JSON."""

from __future__ import annotations

import json
import re

from configsplit.containers.container import Container
from configsplit.containers.kinds import BOM, decode_text
from configsplit.containers.opening import Opened
from configsplit.errors import StoreError
from configsplit.records.yaml_text import YamlError, architecture_values

_HEAD = re.compile(rb"(?:#[^\n]*\n)*(?:---\s*\n)?(?:backend|class_name|config|keras_version):\s")


class YamlText(Container):
    kind = "yaml"
    written_as = "json"

    @classmethod
    def recognises(cls, opened: Opened) -> bool:
        return _HEAD.match(opened.head.removeprefix(BOM)) is not None

    def config_text(self) -> str:
        where = str(self.opened.path)
        text = decode_text(self.opened.small(self.opened.span), where)
        try:
            return json.dumps(architecture_values(text), ensure_ascii=False)
        except ImportError:
            hint = "pip install pyyaml"
            raise StoreError("this is YAML, and PyYAML is not installed", code="yaml-missing", where=where, hint=hint) from None
        except YamlError as error:
            raise _damaged(str(error), where) from None
        except (TypeError, ValueError, RecursionError):
            raise _damaged("it holds what no architecture does: dates, bytes, or a value inside of itself", where) from None

    def weights(self) -> None:
        return None


def _damaged(why: str, where: str) -> StoreError:
    hint = "an architecture in YAML is what to_yaml() wrote; other tags of Python are not followed"
    return StoreError(f"the YAML cannot be read as an architecture: {why}", code="yaml-damaged", where=where, hint=hint)
