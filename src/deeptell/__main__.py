"""`python -m deeptell` is the `deeptell` command."""

from deeptell.cli import main

main()
