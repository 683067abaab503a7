"""Decisions about one request, as pure functions over bytes: where it goes, what may travel, who may see it.

Which content (``routing``), which session (``cookies``), what the content may see of the request and the viewer of the
answer (``headers``, ``cookie_scope``), what we add (``injection``), who may (``access``), what happens to those who may not
(``redirects``, ``origin``), and how long a token can be used (``freshness``, ``refresh_verdict``). Nothing here waits,
reads a clock or writes a log.
"""
