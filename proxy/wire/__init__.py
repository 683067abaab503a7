"""What goes over a viewer's or a content's connection, between bytes and values, without a socket.

In: ``request_reader`` and ``answer_reader`` (bytes → heads and bodies), ``request`` (a request's head, and what is refused
before anything is decided), ``handshake`` (whether a 101 is right), ``frames`` (WebSocket frame headers, followed),
``peer`` (who is at the other end). Out: ``request_writer`` and ``answer_writer`` (re-framed bodies), ``heads`` (written
anew). RFC 9110, 9112, 6455.
"""
