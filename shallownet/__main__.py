"""``python -m shallownet`` is the command ``shallownet``."""

from shallownet.cli import main

raise SystemExit(main())
