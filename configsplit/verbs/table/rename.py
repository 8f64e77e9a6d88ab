"""The record of ``rename``."""

from configsplit.verbs.table.verb import MODEL, SOURCE, Option, Verb, output

VERB = Verb(
    name="rename",
    function="configsplit.verbs.marking:rename",
    help="""Rename layers of MODEL: conv1=stem, 'conv*=block1_conv*', encoder/fc=dense. The weights' names follow.

    All at once: a=b b=a swaps two names.
    """,
    options=(MODEL, Option("names", required=True, repeat=True, metavar="OLD=NEW..."), *SOURCE, *output()),
    gives="file",
    recipe="``OLD=NEW``, patterns too.",
    live=True,
    examples=(
        "rename model.keras conv1=stem -o named.keras",
        "rename model.keras 'conv*=block1_conv*' -o named.keras",
    ),
)
