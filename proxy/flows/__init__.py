"""Use cases: they await the store and ``send``, and ask the pure layers below to decide.

``authorization`` (from redirect to callback: ``callback`` judges, ``redeeming`` asks, ``granted_records`` are written) ·
``identities`` (whose account it is: ``id_tokens``, userinfo; ``viewer_claims`` reads it again) · ``servers`` (where they are) ·
``credentials`` (a fresh token at any time: ``stored_tokens``, ``lease``, ``refresh``, ``saving``, ``cool_downs``,
``clock_watch``) · ``sessions`` (may this browser see that content? ``vouched``: a proxy in front says who it is) ·
``exchange`` (content asks for a token) · ``housekeeping`` (what happens without a request). Clock, randomness and waiting come
in through constructors.
"""
