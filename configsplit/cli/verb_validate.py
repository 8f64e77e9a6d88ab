"""``configsplit validate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from configsplit.cli.output import say, show

if TYPE_CHECKING:
    from configsplit.verbs.validate import Validation, Violation


def validate(files: tuple[Path, ...], as_json: bool, refuse_hazards: bool) -> None:
    """Show every violation of every file."""
    from configsplit.verbs import validate

    validations = [validate.validate(file) for file in files]
    if as_json:
        show({"valid": all(each.valid for each in validations), "files": [each.as_json() for each in validations]})
    else:
        say(*(line for each in validations for line in _lines(each)))
    if not all(each.valid and not (refuse_hazards and each.hazards) for each in validations):
        click.get_current_context().exit(1)


def _lines(validation: Validation) -> list[str]:
    name = click.style(validation.file, bold=True)
    state = click.style("valid", fg="green") if validation.valid else click.style(_count(validation), fg="red")
    lines = [f"{name}  {validation.schema}, {state}" if validation.schema else f"{name}  {state}"]
    lines += [
        f"  {click.style(each.where, bold=True)}: {_said(each)}" if each.where else f"  {_said(each)}"
        for each in validation.violations
    ]
    lines += [f"  {click.style('hazard', fg='red')} [{each.code}] {each.where}: {each.message}" for each in validation.hazards]
    lines += [f"  {click.style('note', fg='yellow')} {note}" for note in validation.notes]
    if validation.loadable is not None:
        able = validation.loadable
        lines.append(f"  for {able}, as far as it shows" if able.releases else f"  {able} loads it as it is")
        lines += [f"    {each.where or 'top'}: {each.message}" for each in able.limits]
    return lines


def _said(violation: Violation) -> str:
    return violation.message if violation.code == "schema-violation" else f"{violation.message} [{violation.code}]"


def _count(validation: Validation) -> str:
    count = len(validation.violations)
    return f"{count} violation{'s' if count > 1 else ''}"
