"""oauth-sidecar: one process in front of interactive content.

Viewers sign in and consent through OAuth; content sees only their short-lived access token; refresh tokens stay here,
sealed.

The house, top to bottom. An upper floor may use a lower one; rooms on one floor are strangers (held by a test)::

    9  cli, demo                               commands; a whole world on loopback to try it in
    8  app, healthcheck, session_admin,        composition root: the only file that knows everything;
       api_key_admin, audit_admin, online      what commands do beside it
       logs, tls, token_files, descriptors,    how it logs; certificates; content's own tokens in files; open files;
       slow_lane, provider_client, whoami,     the gateway asks the use cases; the HTTP client, as configured; who runs a command;
       switching                               where requests can go, as the contents are now
    7  config   |  web            |  gateway   YAML → values  |  control plane (aiohttp)  |  data plane: bytes through
    6  flows    |  outbound                    use cases (await store, send)  |  HTTP client towards providers
    5  store                                   protocol, SQL statements, one small driver per engine
    ──────── below this line: no sockets, no files, no clock, no randomness, no logging ────────
    4  wire     |  admission                   HTTP/1.1 and WebSocket without a socket  |  who may pass, remembered
    3  policy   |  providers  |  sealing       decisions  |  provider recipes  |  encryption under a key ring
    2  model    |  oauth      |  errors        the words  |  the RFCs' core    |  the error family

One request, for a viewer who is known (everything is an upstream)::

    gateway/listener.py       a socket is accepted: one ViewerSide for it
    gateway/viewer_side.py    wire/request_reader.py: bytes → a request head, checked; one Exchange for it
    gateway/dispatch.py       policy/routing.py: which content? policy/cookies.py: which session?
    admission.py              the table in memory: session × content → ready header block, good until …
    wire/heads.py             the head anew: policy/headers.py says what the content may see of the viewer's
    gateway/exchange.py       request and answer, between one viewer and at any moment one content connection
    gateway/pool.py           an idle connection to the content, or a new one: a ContentSide
    gateway/content_side.py   wire/answer_reader.py: the answer comes back, its body streams through

What is not in the table, or no longer fresh, takes the slow lane (``gateway/dispatch.py`` → ``slow_lane.py`` →
``flows/sessions.py`` → ``flows/credentials.py``) and then goes on as above. Whoever has no session or has not consented is
answered by the control plane (``web/``), which the gateway reaches as just another upstream, over a socket pair
(``gateway/control.py``).
A content on a host of its own knows the session by another cookie, for which it sends the browser to ``public_url`` and
back (``flows/hand_over.py``).
"""
