"""What jsonschema finds wrong, in words and paths of configsplit: ``layers[17].inbound_nodes[0]``, one sentence each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from configsplit.graph.walking import grouped

_KINDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "array": "a list",
    "object": "an object",
    "boolean": "true or false",
    "null": "null",
}
_LONGEST = 60


class Found(NamedTuple):
    """One violation: the steps from the outermost object to it, and what is wrong there."""

    path: tuple[str | int, ...]
    message: str


def explained(errors: Iterable[Any]) -> list[Found]:
    """Every violation once, in the order of the document; ``errors`` are those of `jsonschema`."""
    distinct = dict.fromkeys(each for error in errors for each in _explain(error))
    return sorted(distinct, key=lambda each: [(type(step) is str, str(step).zfill(9)) for step in each.path])


def _explain(error: Any) -> Iterator[Found]:
    """The violations behind one error: of several alternatives those of the one that was meant."""
    todo = [error]
    while todo:
        error = todo.pop()
        meant = _meant(error) if error.validator in ("anyOf", "oneOf") else ()
        todo += meant
        if not meant:
            yield Found(tuple(error.absolute_path), _sentence(error))


def _meant(error: Any) -> Sequence[Any]:
    """The errors of the alternative that the value was meant to be: of its kind, and with the fewest errors."""
    branches = grouped((inner.relative_schema_path[0], inner) for inner in error.context)
    of_kind = [branch for branch in branches.values() if not any(_wrong_kind(inner) for inner in branch)]
    return min(of_kind, key=len, default=())


def _wrong_kind(error: Any) -> bool:
    """Whether the value as a whole is of another kind than an alternative."""
    if error.relative_path:
        return False
    if error.validator in ("anyOf", "oneOf"):
        return not _meant(error)
    return error.validator in ("type", "const", "enum")


def _sentence(error: Any) -> str:
    value, wanted = error.instance, error.validator_value
    about = str(error.schema.get("description", "")).partition("\n")[0].rstrip(".")
    match error.validator:
        case "required":
            missing = next(key for key in wanted if key not in value and f"{key!r}" in error.message)
            return f"the key {missing!r} is missing" + (f" ({about})" if about else "")
        case "additionalProperties":
            unknown = [key for key in value if key not in error.schema.get("properties", {})]
            return f"unknown key{'s' if len(unknown) > 1 else ''} {', '.join(map(repr, unknown))}"
        case "not":
            return f"does not belong here: {about}" if about else "does not belong here"
        case "minLength":
            return "should not be empty"
        case "minItems" | "maxItems":
            return f"should have {wanted} elements, has {len(value)}: {_shown(value)}"
    return f"should be {_wish(error, about)}, is {_shown(value)}"


def _wish(error: Any, about: str) -> str:
    """What a value should be."""
    wanted = error.validator_value
    match error.validator:
        case "type":
            return _kinds(wanted)
        case "anyOf" | "oneOf":
            return _alternatives(error)
        case "const":
            return repr(wanted)
        case "enum":
            return f"one of {', '.join(map(repr, wanted))}"
        case "minimum":
            return f"at least {wanted}"
        case "exclusiveMinimum":
            return f"above {wanted}"
        case "pattern":
            return about or f"of the form {wanted}"
    return f"{error.validator} {wanted}"


def _kinds(wanted: Any) -> str:
    names = [wanted] if isinstance(wanted, str) else wanted
    return " or ".join(_KINDS.get(name, name) for name in names)


def _alternatives(error: Any) -> str:
    kinds = dict.fromkeys(
        _kinds(inner.validator_value)
        for inner in error.context
        for inner in (inner, *(inner.context or ()))
        if inner.validator == "type" and inner.absolute_path == error.absolute_path
    )
    return " or ".join(kinds) or "something else"


def _shown(value: Any) -> str:
    if isinstance(value, (dict, list)) and len(repr(value)) > _LONGEST:
        kind = "an object" if isinstance(value, dict) else "a list"
        return f"{kind} of {len(value)}"
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
