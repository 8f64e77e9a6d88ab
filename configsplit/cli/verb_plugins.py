"""``configsplit plugins``."""

from __future__ import annotations

from configsplit.cli.output import fail, say, show, table


def plugins(custom_objects: tuple[str, ...], as_json: bool) -> None:
    """Show every declaration and its source."""
    from configsplit.plugins import registry

    known = registry.plugins(custom_objects)
    rows = [
        {
            "class": plugin.facts.class_name,
            "source": plugin.source,
            "keras_class": plugin.facts.keras_class,
            "tf_keras_class": plugin.facts.tf_keras_class,
            "weights": plugin.facts.weights is not None,
            "mask": plugin.facts.mask,
        }
        for plugin in known.plugins
    ]
    functions = [{"function": item.facts.name, "source": item.source} for item in known.functions]
    if as_json:
        failures = [failure.as_json() for failure in known.failures]
        show({"plugins": rows, "functions": functions, "failures": failures})
        return
    told = [(str(row["class"]), str(row["source"]), f"mask {row['mask']}") for row in rows]
    told += [(item["function"], item["source"], "function") for item in functions]
    lines = table(told, indent="")
    say(*lines or ["nothing is declared"])
    for failure in known.failures:
        fail(failure)
