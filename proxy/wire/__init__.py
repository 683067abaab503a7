"""What goes over a viewer's or a content's connection, between bytes and values, without a socket.

``request_reader`` and ``answer_reader`` (bytes → heads and bodies), ``request`` (a request's head, and what is refused
before anything is decided), ``heads`` (heads written anew), ``frames`` (WebSocket frame headers, followed), ``peer`` (who
is at the other end). RFC 9110, 9112, 6455.
"""
