"""The data plane: bytes from the viewer to the content and back.

Where does a byte go? ``listener`` accepts; ``viewer_side`` parses the viewer's requests and decides, per request, with
``routing``, ``cookies`` and the table in ``admission``; ``pool`` finds a connection; ``content_side`` sends the request
and relays the answer; after a 101 ``websocket`` follows the frames of the tunnel; ``control`` is the pool whose far end
is our own aiohttp application.

One :class:`~proxy.gateway.exchange.Exchange` stands for one request and its answer: it owns exactly one content
connection at a time, and it ends in exactly one way.
"""
