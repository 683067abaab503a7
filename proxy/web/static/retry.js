// Asks for the page again, each time later (up to two minutes) and never in step with other viewers, while it is looked at.
const line = document.querySelector("[data-retry]");
const key = "oauth-sidecar-retry:" + location.pathname;
const QUIET_MS = 300_000; // after so long without a try, start counting anew

function triesSoFar() {
  try {
    const { tries, at } = JSON.parse(sessionStorage.getItem(key)) ?? {};
    return Date.now() - at < QUIET_MS ? tries : 0;
  } catch {
    return 2; // nothing can be remembered here: always a middling pause
  }
}

function remember(tries) {
  try {
    sessionStorage.setItem(key, JSON.stringify({ tries, at: Date.now() }));
  } catch { /* a frame without storage */ }
}

if (line) {
  const tries = triesSoFar();
  const pause = Math.min(120, Number(line.dataset.retry) * 2 ** tries) * (0.75 + Math.random() / 2);
  let left = Math.ceil(pause);
  const say = () => {
    line.querySelector("[data-left]").textContent = left === 1 ? "1 second" : `${left} seconds`;
  };
  line.removeAttribute("role"); // a countdown that is read out every second would be noise
  line.hidden = false;
  say();
  setInterval(() => {
    if (document.hidden && left <= 1) return; // nobody looks: wait until somebody does
    left -= 1;
    if (left > 0) return say();
    if (left === 0) {
      remember(tries + 1);
      location.reload();
    }
  }, 1000);
}
