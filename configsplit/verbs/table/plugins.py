"""The record of ``plugins``."""

from configsplit.verbs.table.verb import JSON, PLUGINS, Verb

VERB = Verb(
    name="plugins",
    function="configsplit.plugins.registry:plugins",
    help="List the custom layer classes that are declared, and where each declaration comes from.",
    options=(PLUGINS, JSON),
    examples=(
        "plugins",
        "plugins --custom-objects my_layers.py --json",
    ),
)
