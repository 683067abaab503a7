"""Orders: a Shiny app without any sign-in of its own. The sidecar says who the viewer is; an API sees their token."""

import asyncio
import json
import os
import sys
from pathlib import Path
from urllib import error, parse, request

from shiny import App, reactive, render, ui

sys.path.insert(0, str(Path(__file__).parent.parent))  # a real app has the file beside it
from viewer_token import LoginRequired, viewer_token

ORDERS_API = os.environ["ORDERS_API"]
EVERY_S = 10


def page(asked):
    """Say who the viewer is; values that are not ASCII arrive percent-encoded."""
    user = asked.headers.get("x-forwarded-preferred-username") or asked.headers.get("x-forwarded-user", "")
    email = asked.headers.get("x-forwarded-email", "nobody: open this app through the sidecar")
    button = ui.tags.button("Sign out", type="submit", class_="btn btn-outline-secondary")
    sign_out = ui.tags.form(button, method="post", action="/__oauth__/logout")
    name = f"Orders of {parse.unquote(user)}" if user else "Orders"
    said = [ui.input_dark_mode(class_="float-end"), ui.h1(name), ui.p(f"Signed in as {parse.unquote(email)}")]
    return ui.page_fixed(*said, ui.output_ui("book"), sign_out, title="Orders", class_="py-4")


def orders(headers):
    """Fetch what the API shows this viewer, with a token that is fresh now."""
    token = viewer_token(headers)
    call = request.Request(ORDERS_API, headers={"Authorization": f"Bearer {token}"})
    with request.urlopen(call, timeout=10) as answer:
        return json.load(answer)


def server(_input, _output, session):
    @render.ui
    async def book():
        """Show the orders, again every few seconds: hours after the page was opened, the token is still fresh."""
        reactive.invalidate_later(EVERY_S)
        try:
            shown = await asyncio.to_thread(orders, session.http_conn.headers)  # meanwhile, others are served
        except LoginRequired as needed:
            return ui.p("The connection to your account has ended. ", ui.a("Connect again", href=needed.url))
        except (error.URLError, RuntimeError, KeyError) as problem:
            return ui.p(f"The orders cannot be fetched now: {problem}")
        columns = ["number", "item", "quantity", "status"]
        rows = [ui.tags.tr([ui.tags.td(str(order[column])) for column in columns]) for order in shown["orders"]]
        head = ui.tags.tr([ui.tags.th(column) for column in columns])
        left_s = shown["token_expires_in"]
        said = f"The API answered {shown['owner']} at {shown['served_at']}; that token had {left_s} s left."
        return ui.TagList(ui.tags.table(head, rows, class_="table"), ui.p(said))


app = App(page, server)
