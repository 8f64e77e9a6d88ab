"""The record of ``batch``."""

from configsplit.verbs.table.verb import JSON, Option, Verb

VERB = Verb(
    name="batch",
    function="configsplit.batches.batch:batch",
    help="""Run a RECIPE (YAML) on every model of a zoo, and write a ledger and a report.

    A recipe lists verbs with their options: "do: [convert: {}]", or "do: [split: {at: half the MACs}]".

    Each model ends as done, failed or skipped; one that fails, or kills its worker, never stops the others. After any
    interruption the same command with --resume continues, and ends with the same result as an uninterrupted run.
    Exit code 1 if a model failed.
    """,
    options=(
        Option("recipe", kind="path", required=True),
        Option("--zoo", help="The models: a folder, a glob in quotes, or an fsspec URL.", required=True, metavar="DIR_OR_GLOB"),
        Option("--out -o", help="A folder or an fsspec URL for the results.", required=True, metavar="DIR"),
        Option(
            "--jobs -j",
            help="Worker processes; by default as many as cores and memory allow.",
            kind="whole",
            least=1,
            metavar="N",
        ),
        Option("--resume", help="Continue the batch in --out: do what is missing or has changed.", kind="flag"),
        Option("--cluster", help="Run on a Dask cluster, e.g. tcp://10.0.0.1:8786.", metavar="ADDRESS"),
        Option("--dry-run", help="Say what would happen to each model and why; write nothing.", kind="flag", use="show"),
        Option("--force -f", help="Start over in the output of an earlier batch.", kind="flag"),
        Option(
            "--write-overrides",
            help="Write the recipe of the next run beside RECIPE: this one, with an override for each cause of failure.",
            kind="path",
            metavar="FILE.yaml",
            use="show",
        ),
        JSON,
    ),
    examples=(
        "batch recipe.yaml --zoo models -o results",
        "batch recipe.yaml --zoo 'models/**/*.h5' -o results -j 8 --resume",
    ),
)
