"""`python -m snc` is `snc`."""

from .cli.main import main

raise SystemExit(main())
