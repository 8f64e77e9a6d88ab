"""The record of ``validate``."""

from configsplit.verbs.table.verb import JSON, Option, Verb

VERB = Verb(
    name="validate",
    function="configsplit.verbs.validate:validate",
    help="""Check each FILE against its published JSON Schema; report every violation and where it is.

    FILE is a model (.json, .keras, .h5), a manifest, a provenance record or a recipe, recognised by its content.
    """,
    options=(
        Option("files", kind="path", required=True, repeat=True, metavar="FILE...", fetched=True),
        Option("--refuse-hazards", help="Count a hazard as a violation.", kind="flag", use="show"),
        JSON,
    ),
    skims=True,
    examples=(
        "validate model.keras",
        "validate parts/manifest.json recipe.yaml --json",
        "validate models/*.keras --refuse-hazards",
    ),
)
