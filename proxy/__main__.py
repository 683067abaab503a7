"""``python -m proxy``: the same as the command ``oauth-sidecar``."""

from __future__ import annotations

from proxy.cli import main

if __name__ == "__main__":
    main()
