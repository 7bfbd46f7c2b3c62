"""``python -m ningju.cli``."""

from ningju.cli.app import main

main()
