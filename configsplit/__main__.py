"""``configsplit`` and ``python -m configsplit``."""

from configsplit.cli.main import main

if __name__ == "__main__":
    main()
