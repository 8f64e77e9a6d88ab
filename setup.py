"""The description that a package index shows: README.md, whose links lead to the repository. All else is in pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent


def description() -> str:
    """README.md with whole addresses in place of ways within the repository."""
    project = tomllib.loads((HERE / "pyproject.toml").read_text("utf-8"))["project"]
    home = f"{project['urls']['Homepage']}/blob/main"
    text = (HERE / "README.md").read_text("utf-8")
    text = re.sub(r"(!\[[^\]]*\]\()(?!\w+:|#)", rf"\1{home.replace('/blob/', '/raw/')}/", text)
    return re.sub(r"((?<!!)\[[^\]]*\]\()(?!\w+:|#)", rf"\1{home}/", text)


if __name__ == "__main__":
    from setuptools import setup

    setup(long_description=description(), long_description_content_type="text/markdown")
