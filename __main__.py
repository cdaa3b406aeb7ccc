"""`python -m snc` is `snc`."""

from .cli.start import main

raise SystemExit(main())
