"""oauth-sidecar: one process in front of interactive content.

Viewers sign in and consent through OAuth; content sees only their short-lived access token; refresh tokens stay here,
sealed.

The house, top to bottom. An upper floor may use a lower one; rooms on one floor are strangers (held by a test)::

    7  cli                                     commands
    6  app                                     composition root: the only file that knows everything
    5  config   |  web            |  gateway   YAML → values  |  control plane (aiohttp)  |  data plane: bytes through
    4  flows    |  outbound                    use cases (await store, send)  |  HTTP client towards providers
    3  store                                   protocol, SQL statements, one small driver per engine
    ──────── below this line: no sockets, no files, no clock, no randomness, no logging ────────
    2  policy   |  providers  |  sealing       decisions  |  provider recipes  |  encryption under a key ring
    1  model    |  oauth      |  errors        the words  |  the RFCs' core    |  the error family

One request, for a viewer who is known (everything is an upstream)::

    gateway/listener.py       a socket is accepted: one ViewerSide for it
    gateway/viewer_side.py    head complete → policy/routing.py: which content? → policy/cookies.py: which session?
    gateway/admission.py      the table in memory: session × content → ready header block, good until …
    policy/headers.py         what the content may see of the viewer's headers
    gateway/pool.py           an idle connection to the content, or a new one: a ContentSide
    gateway/content_side.py   the answer comes back, its body streams through, back-pressure both ways

What is not in the table, or no longer fresh, takes the slow lane (``gateway/admission.py`` → ``flows/sessions.py`` →
``flows/credentials.py``) and then goes on as above. Whoever has no session or has not consented is answered by the
control plane (``web/``), which the gateway reaches as just another upstream, over a socket pair (``gateway/control.py``).
"""
