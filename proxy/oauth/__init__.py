"""The RFC core of an OAuth client, as pure functions: requests as values, answers parsed into values.

``authorization`` is the redirect and the callback (RFC 6749 §4.1, RFC 7636, RFC 9207), ``token`` the token endpoint (§4.1.3,
§5, §6), ``userinfo`` OpenID Connect Core §5.3, ``id_token`` and ``jwks``
who signed in (§3.1.3.7, RFC 7517), ``discovery`` and ``metadata`` where they are (OpenID Connect Discovery, RFC 8414), ``client_auth`` who we are there (§2.3), ``message`` the HTTP values in between. Imports nothing else of the product; no clock,
randomness or I/O.
"""
