"""The RFC core of an OAuth client, as pure functions: requests as values, answers parsed into values.

``authorization`` is the redirect and the callback (RFC 6749 §4.1, RFC 7636, RFC 9207), ``token`` the token endpoint (§4.1.3,
§5, §6), ``userinfo`` OpenID Connect Core §5.3, ``client_auth`` who we are there (§2.3), ``metadata``
where they are (RFC 8414), ``message`` the HTTP values in between. Imports nothing else of the product; no clock,
randomness or I/O.
"""
