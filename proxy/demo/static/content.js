// The page's live half: one WebSocket, a countdown, no library. URLs are relative: the app does not know where it is mounted.
"use strict";

const at = (id) => document.getElementById(id);
const page = document.body.dataset;
const closeReasons = {
  4401: ["You are signed out.", "The sidecar closed this page's socket with 4401.", "Sign in again"],
  4403: ["This app may no longer act for you.", "The sidecar closed the socket with 4403.", "Ask again"],
  1012: ["The sidecar restarts.", "It closed the socket with 1012.", "Reload"],
};

let socket;
let span = 60;
let expiresAt = 0;
let tokens = 0;
let openedAt = 0;
let isAsking = false;

function setToken(shown, seconds) {
  at("token").textContent = shown;
  span = Math.max(span, seconds);
  expiresAt = performance.now() + seconds * 1000;
}

function ask(what, more) {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ ask: what, ...more }));
}

function askForToken() {
  isAsking = true;
  at("renew").disabled = true;
  ask("token");
}

function notice(strong, rest, label, link) {
  at("notice").hidden = false;
  const head = document.createElement("b");
  head.textContent = strong + " ";
  at("notice-text").replaceChildren(head, rest);
  at("notice-link").textContent = label;
  at("notice-link").href = link || "./";
}

function row(tag, ...cells) {
  const element = document.createElement(tag);
  element.append(...cells.map(([kind, text, className]) => {
    const cell = document.createElement(kind);
    cell.textContent = text;
    if (className) cell.className = className;
    return cell;
  }));
  return element;
}

const heard = {
  tick: ({ time }) => { at("time").textContent = time; },
  echo: ({ text }) => { at("echoes").textContent = `The server says: “${text}”`; },
  token: ({ token, expires_in, is_new, time }) => {
    isAsking = false;
    at("renew").disabled = false;
    if (is_new) tokens += 1;
    setToken(token, expires_in);
    at("token-count").textContent = `${tokens} token${tokens === 1 ? "" : "s"} on this socket`;
    const label = is_new ? "new token" : "same token";
    at("tokens").prepend(row("li", ["time", time], ["code", token, "mono"], ["span", `${expires_in} s`], ["span", label, is_new ? "tag new" : "tag"]));
    while (at("tokens").children.length > 5) at("tokens").lastChild.remove();
  },
  orders: ({ owner, orders, token }) => {
    at("owner").textContent = owner;
    at("orders-note").textContent = `The API let ${token} in and answered for ${owner}.`;
    at("orders").replaceChildren(...orders.map((order) =>
      row("tr", ["td", order.number, "mono"], ["td", order.item], ["td", order.quantity, "number"], ["td", order.status])));
    at("fetch").disabled = false;
  },
  reconnect: ({ login_url }) => {
    expiresAt = 0;
    notice("There is no token for you any more.", "The consent was withdrawn, or it ran out.", "Connect again", login_url);
  },
  trouble: ({ text }) => {
    isAsking = false;
    at("renew").disabled = at("fetch").disabled = false;
    expiresAt = performance.now() + 5000;
    at("orders-note").textContent = text;
  },
};

function connect() {
  const url = new URL("live", location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.search = url.hash = "";
  socket = new WebSocket(url);
  socket.onopen = () => {
    openedAt = performance.now();
    at("state").textContent = "open";
    at("state").className = "tag new";
    at("renew").disabled = at("fetch").disabled = false;
    askForToken();
    ask("orders");
  };
  socket.onmessage = (event) => {
    const message = JSON.parse(event.data);
    heard[message.kind](message);
  };
  socket.onclose = (event) => {
    at("state").textContent = `closed, ${event.code}`;
    at("state").className = "tag off";
    at("renew").disabled = at("fetch").disabled = true;
    for (const control of at("echo").elements) control.disabled = true;
    expiresAt = openedAt = 0;
    const [strong, rest, label] = closeReasons[event.code] || ["The socket is closed.", `Code ${event.code}.`, "Reload"];
    notice(strong, rest, label);
  };
}

function everyHalfSecond() {
  const left = Math.max(0, Math.ceil((expiresAt - performance.now()) / 1000));
  at("left").textContent = expiresAt ? left : "–";
  at("ring").style.opacity = expiresAt && left ? 1 : 0; // a round end would leave a dot
  at("ring").style.strokeDashoffset = expiresAt ? 100 - Math.min(100, (100 * left) / span) : 100;
  if (openedAt) {
    const age = Math.floor((performance.now() - openedAt) / 1000);
    at("age").textContent = age < 60 ? `${age} s` : `${Math.floor(age / 60)} min ${age % 60} s`;
    if (expiresAt && left === 0 && !isAsking) askForToken();
  }
}

at("renew").onclick = askForToken;
at("fetch").onclick = () => { at("fetch").disabled = true; ask("orders"); };
at("echo").onsubmit = (event) => {
  event.preventDefault();
  ask("echo", { text: at("say").value });
  at("say").value = "";
};

if (Number(page.expires)) setToken(at("token").textContent, Math.max(0, Number(page.expires) - Number(page.now)));
connect();
setInterval(everyHalfSecond, 500);
everyHalfSecond();
