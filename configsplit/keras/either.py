"""The verbs of `configsplit` to type checkers, by which a file gives one thing and a live model another. Nothing runs this:
`configsplit.verbs.public` tells the two apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, Protocol, TypeVar, cast, overload

import configsplit.keras
import configsplit.verbs.cuts
import configsplit.verbs.inspect
import configsplit.verbs.join
import configsplit.verbs.marking
import configsplit.verbs.plan
import configsplit.verbs.profile
import configsplit.verbs.split
import configsplit.verbs.surgery
import configsplit.verbs.verify

OfFile = ParamSpec("OfFile")
OfLive = ParamSpec("OfLive")
Given = TypeVar("Given", covariant=True)
Built = TypeVar("Built", covariant=True)


class Either(Protocol[OfFile, Given, OfLive, Built]):
    """A verb to type checkers: what it gives of a file, and what of a live model."""

    @overload
    def __call__(self, *arguments: OfFile.args, **options: OfFile.kwargs) -> Given: ...
    @overload
    def __call__(self, *arguments: OfLive.args, **options: OfLive.kwargs) -> Built: ...


def either(file: Callable[OfFile, Given], live: Callable[OfLive, Built]) -> Either[OfFile, Given, OfLive, Built]:
    """Both forms of a verb as one type."""
    return cast("Either[OfFile, Given, OfLive, Built]", (file, live))


cuts = either(configsplit.verbs.cuts.cuts, configsplit.keras.cuts)
extract = either(configsplit.verbs.surgery.extract, configsplit.keras.extract)
freeze = either(configsplit.verbs.marking.freeze, configsplit.keras.freeze)
insert = either(configsplit.verbs.surgery.insert, configsplit.keras.insert)
inspect = either(configsplit.verbs.inspect.inspect, configsplit.keras.inspect)
join = either(configsplit.verbs.join.join, configsplit.keras.join)
layers = either(configsplit.verbs.marking.layers, configsplit.keras.layers)
plan = either(configsplit.verbs.plan.plan, configsplit.keras.plan)
profile = either(configsplit.verbs.profile.profile, configsplit.keras.profile)
remove = either(configsplit.verbs.surgery.remove, configsplit.keras.remove)
rename = either(configsplit.verbs.marking.rename, configsplit.keras.rename)
replace = either(configsplit.verbs.surgery.replace, configsplit.keras.replace)
split = either(configsplit.verbs.split.split, configsplit.keras.split)
verify = either(configsplit.verbs.verify.verify, configsplit.keras.verify)
