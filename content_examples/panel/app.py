"""Orders: a Panel app without any sign-in of its own. An API sees the viewer's token, and no page ever does."""

import asyncio
import json
import os
import sys
from html import escape
from pathlib import Path
from urllib import error, request

import pandas as pd
import panel as pn

sys.path.insert(0, str(Path(__file__).parent.parent))  # a real app has the file beside it
from viewer_token import LoginRequired, viewer_token

ORDERS_API = os.environ["ORDERS_API"]
EVERY_S = 10
LOOK = "body { max-width: 48rem; margin: 2rem auto; padding: 0 1rem }"
SIGN_OUT = '<form method="post" action="/__oauth__/logout"><button>Sign out</button></form>'


def orders(headers):
    """Fetch what the API shows this viewer, with a token that is fresh now."""
    call = request.Request(ORDERS_API, headers={"Authorization": f"Bearer {viewer_token(headers)}"})
    with request.urlopen(call, timeout=10) as answer:
        return json.load(answer)


def page():
    """Build one viewer's page; Panel publishes `headers` in it, so there is a session token in them and no other."""
    headers = dict(pn.state.headers)
    title, said = pn.pane.HTML("<h1>Orders</h1>"), pn.pane.HTML("")
    book = pn.pane.DataFrame(None, index=False, sizing_mode="stretch_width")

    async def show():
        """Show the orders, again every few seconds: hours after the page was opened, the token is still fresh."""
        try:
            shown = await asyncio.to_thread(orders, headers)  # meanwhile, others are served
        except LoginRequired as needed:
            said.object = f'The connection to your account has ended. <a href="{needed.url}">Connect again</a>'
            return
        except (error.URLError, RuntimeError, KeyError) as problem:
            said.object = escape(f"The orders cannot be fetched now: {problem}")
            return
        title.object = f"<h1>Orders of {escape(shown['owner'])}</h1>"
        book.object = pd.DataFrame(shown["orders"])
        answered, left_s = f"{shown['owner']} at {shown['served_at']}", shown["token_expires_in"]
        said.object = escape(f"The API answered {answered}; that token had {left_s} s left.")

    pn.state.onload(show)
    pn.state.add_periodic_callback(show, period=EVERY_S * 1000)
    return pn.Column(title, book, said, pn.pane.HTML(SIGN_OUT), sizing_mode="stretch_width")


pn.config.raw_css.append(LOOK)
if __name__ == "__main__":
    pn.serve(page, address="127.0.0.1", port=int(os.environ.get("PORT", "5006")), title="Orders", show=False)
