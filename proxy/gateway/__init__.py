"""The data plane: bytes from the viewer to the content and back.

Where does a byte go? ``listener`` accepts; ``viewer_side`` has the viewer's bytes read (``wire.request_reader``) and makes an
exchange of each request; ``dispatch`` decides where it goes (``policy.routing``, ``policy.cookies``, the table in
``admission``), ``ways`` sends it there with a new head; ``pool`` finds a connection, ``content_side`` sends the request and
has the answer read (``wire.answer_reader``), which the exchange writes anew (``wire.answer_writer``); after a 101
``websocket`` follows the frames of the tunnel. ``control`` is the pool whose far end is our own aiohttp application,
``patience`` ends what takes too long, ``switchboard`` is what all of them share.

One :class:`~proxy.gateway.exchange.Exchange` stands for one request and its answer: it owns exactly one content
connection at a time, and it ends in exactly one way.
"""
