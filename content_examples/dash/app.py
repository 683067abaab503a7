"""Orders: a Dash app without any sign-in of its own. The sidecar says who the viewer is; an API sees their token."""

import json
import os
import sys
from pathlib import Path
from urllib import error, parse, request

import flask
from dash import Dash, Input, Output, dcc, html

sys.path.insert(0, str(Path(__file__).parent.parent))  # a real app has the file beside it
from viewer_token import LoginRequired, viewer_token

ORDERS_API = os.environ["ORDERS_API"]
EVERY_S = 10
COLUMNS = ["number", "item", "quantity", "status"]

app = Dash(__name__, title="Orders", update_title=None)  # DASH_REQUESTS_PATHNAME_PREFIX is its path
server = app.server


def page():
    """Say who the viewer is. Dash calls this for each page, and once at the start, when nobody has asked."""
    headers = flask.request.headers if flask.has_request_context() else {}
    name = parse.unquote(headers.get("X-Forwarded-Preferred-Username") or headers.get("X-Forwarded-User", ""))
    email = parse.unquote(headers.get("X-Forwarded-Email", "nobody: open this app through the sidecar"))
    said = [html.H1(f"Orders of {name}" if name else "Orders"), html.P(f"Signed in as {email}")]
    sign_out = html.Form(html.Button("Sign out"), method="post", action="/__oauth__/logout")
    return [*said, html.Div(id="book"), dcc.Interval(id="clock", interval=EVERY_S * 1000), sign_out]


app.layout = page


def orders(headers):
    """Fetch what the API shows this viewer, with a token that is fresh now."""
    call = request.Request(ORDERS_API, headers={"Authorization": f"Bearer {viewer_token(headers)}"})
    with request.urlopen(call, timeout=10) as answer:
        return json.load(answer)


@app.callback(Output("book", "children"), Input("clock", "n_intervals"))
def book(_):
    """Show the orders, again every few seconds."""
    try:
        shown = orders(flask.request.headers)
    except LoginRequired as needed:
        return ["The connection to your account has ended. ", html.A("Connect again", href=needed.url)]
    except (error.URLError, RuntimeError, KeyError) as problem:
        return f"The orders cannot be fetched now: {problem}"
    rows = [html.Tr([html.Td(order[column]) for column in COLUMNS]) for order in shown["orders"]]
    said = (
        f"The API answered {shown['owner']} at {shown['served_at']}; that token had {shown['token_expires_in']} s left."
    )
    return [html.Table([html.Tr([html.Th(column) for column in COLUMNS]), *rows]), html.P(said)]


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=os.environ.get("PORT", "8050"))
