"""Orders: a Streamlit app without any sign-in of its own. The sidecar says who the viewer is; an API sees their token."""

import json
import os
import sys
from pathlib import Path
from urllib import error, parse, request

import streamlit as st

sys.path.insert(0, str(Path(__file__).parent.parent))  # a real app has the file beside it
from viewer_token import LoginRequired, viewer_token

ORDERS_API = os.environ["ORDERS_API"]


def header(name: str) -> str:
    """Return one of the sidecar's headers; values that are not ASCII arrive percent-encoded."""
    return parse.unquote(st.context.headers.get(name, ""))


def orders() -> dict:
    """Fetch what the API shows this viewer, with a token that is fresh now."""
    token = viewer_token(st.context.headers)
    call = request.Request(ORDERS_API, headers={"Authorization": f"Bearer {token}"})
    with request.urlopen(call, timeout=10) as answer:
        return json.load(answer)


@st.fragment(run_every="10s")
def order_book() -> None:
    """Show the orders, again every ten seconds: hours after the page was opened, the token is still fresh."""
    try:
        book = orders()
    except LoginRequired as needed:
        st.warning("The connection to your account has ended.")
        st.link_button("Connect again", needed.url)
        return
    except (error.URLError, RuntimeError, KeyError) as problem:
        st.error(f"The orders cannot be fetched now: {problem}")
        return
    st.session_state.calls = st.session_state.get("calls", 0) + 1
    left, middle, right = st.columns(3)
    left.metric("Orders", len(book["orders"]))
    middle.metric("Pieces", sum(order["quantity"] for order in book["orders"]))
    right.metric("Calls on this page", st.session_state.calls)
    st.dataframe(book["orders"], hide_index=True, width="stretch")
    st.caption(
        f"The API answered {book['owner']} at {book['served_at']}; that token had {book['token_expires_in']} s left."
    )


st.set_page_config(page_title="Orders", page_icon="📦")
name = header("X-Forwarded-Preferred-Username") or header("X-Forwarded-User")
st.title(f"Orders of {name}" if name else "Orders")
st.caption(f"Signed in as {header('X-Forwarded-Email') or 'nobody: open this app through the sidecar'}")
order_book()
