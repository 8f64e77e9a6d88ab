"""The command line: parse arguments, call one verb, show the result. Nothing is decided here."""
