"""``oauth-sidecar demo``: everything around the sidecar that it takes to see the product work, on one machine.

::

    run.py                     picks ports, writes a real config.yaml, starts all three, says what to try
    authorization_server.py    the pages and endpoints of an authorization server (aiohttp)
    grants.py                  what it grants: authlib's server classes over …
    records.py                 … what it remembers, in memory
    content.py                 a small content app that shows what content sees
    exchange.py                how that app asks for a fresh token, as any content would
    people.py                  who can sign in, and the orders that belong to them
    pages.py                   templates (html/), style sheet and script (static/)

Nothing here is for production: anybody may sign in as anybody.
"""
