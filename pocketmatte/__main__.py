"""``python -m pocketmatte``: the command line."""

from pocketmatte.apps.cli import main

if __name__ == "__main__":
    main()
