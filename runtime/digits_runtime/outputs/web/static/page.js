// The page: shows each moment the server sends, asks for the next, and sends what is drawn.

const $ = (id) => document.getElementById(id);
const FRAME_MS = 66; // no more than 15 pictures a second: a small board has better things to do
const PEN = 0.035; // of the pad's shorter side, as the server draws it
const percent = (share) => `${Math.round(100 * share)} %`;

// Whether this browser is let in.

async function known(token) {
  const how = token ? { method: "POST", headers: { authorization: `Bearer ${token}` } } : {};
  const answer = await fetch("/login", how);
  return (await answer.json()).known;
}

async function enter() {
  const token = decodeURIComponent(location.hash.slice(1));
  if (token) history.replaceState(null, "", "/"); // out of sight and out of the history
  let let_in = false;
  try {
    let_in = (token && (await known(token))) || (await known());
  } catch {
    setTimeout(enter, 2000);
    return showState("lost", "no connection");
  }
  $("login").hidden = let_in;
  $("main").hidden = !let_in;
  if (let_in) watch();
  else {
    showState("opening", "locked");
    $("token").focus();
  }
}

$("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  $("refused").textContent = "";
  if (await known($("token").value.trim()).catch(() => false)) enter();
  else $("refused").textContent = "That is not the token.";
});

// What the camera sees and what is read.

let retry = 1000;

function watch() {
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`);
  socket.binaryType = "arraybuffer";
  let asked = 0;
  const ask = () => {
    if (document.hidden || socket.readyState !== WebSocket.OPEN) return;
    asked = performance.now();
    socket.send("next");
  };
  socket.onopen = () => {
    retry = 1000;
    ask();
  };
  socket.onmessage = async ({ data }) => {
    const length = new DataView(data).getUint32(0);
    show(JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length))));
    if (data.byteLength > 4 + length) await showPicture(new Uint8Array(data, 4 + length));
    setTimeout(ask, Math.max(0, FRAME_MS - (performance.now() - asked)));
  };
  const seen = () => ask();
  document.addEventListener("visibilitychange", seen);
  socket.onclose = ({ code }) => {
    document.removeEventListener("visibilitychange", seen);
    showState("lost", code === 1013 ? "too many viewers" : "connection lost");
    setTimeout(enter, retry);
    retry = Math.min(2 * retry, 10000);
  };
}

function showState(state, text) {
  const pill = $("state");
  pill.dataset.state = state;
  if (pill.textContent !== text) pill.textContent = text;
}

function show({ number, health, latency, age, history }) {
  showState(health.state, health.state);
  $("message").textContent = health.message;
  const text = number ? number.text : "Hold a number in front of the camera.";
  if ($("number").textContent !== text) $("number").textContent = text;
  $("number").classList.toggle("none", !number);
  const lines = text.split("\n");
  const longest = Math.max(...lines.map((line) => line.length));
  $("number").classList.toggle("small", Boolean(number) && (lines.length > 1 || longest > 8));
  $("number").classList.toggle("long", Boolean(number) && (lines.length > 2 || longest > 16));
  $("confidence").value = number ? number.confidence : 0;
  $("percent").textContent = number ? percent(number.confidence) : "";
  $("rate").textContent = `${health.rate.toFixed(1)} /s`;
  $("latency").textContent = latency === undefined ? "–" : `${latency.toFixed(1)} ms`;
  $("age").textContent = health.age ?? age ? `${Math.round(1000 * (health.age ?? age))} ms` : "–";
  $("frames").textContent = health.frames;
  $("dropped").textContent = health.dropped;
  $("reconnects").textContent = health.reconnects;
  if (history) showHistory(history);
}

async function showPicture(jpeg) {
  const url = URL.createObjectURL(new Blob([jpeg], { type: "image/jpeg" }));
  const picture = $("picture");
  picture.src = url;
  await picture.decode().catch(() => {});
  URL.revokeObjectURL(url);
  picture.hidden = false;
  $("no-picture").hidden = true;
}

function showHistory(numbers) {
  $("no-history").hidden = numbers.length > 0;
  $("history").replaceChildren(
    ...numbers.reverse().map(({ text, confidence, at }) => {
      const item = document.createElement("li");
      const parts = ["time", "b", "span"].map((kind) => document.createElement(kind));
      const when = new Date(1000 * at);
      parts[0].dateTime = when.toISOString();
      parts[0].textContent = when.toLocaleTimeString();
      parts[1].textContent = text;
      parts[2].textContent = percent(confidence);
      item.append(...parts);
      return item;
    }),
  );
}

// The pad.

const pad = $("pad");
const ink = pad.getContext("2d");
let strokes = [];
let pointer = null;
let latest = 0;

function place(event) {
  const box = pad.getBoundingClientRect();
  const x = (event.clientX - box.left) / box.width;
  const y = (event.clientY - box.top) / box.height;
  return [x, y].map((share) => Math.round(1e4 * Math.min(Math.max(share, 0), 1)) / 1e4);
}

function paint() {
  const { clientWidth: width, clientHeight: height } = pad;
  const scale = window.devicePixelRatio || 1;
  pad.width = Math.round(width * scale);
  pad.height = Math.round(height * scale);
  ink.setTransform(pad.width, 0, 0, pad.height, 0, 0);
  ink.strokeStyle = getComputedStyle(pad).color;
  ink.lineCap = ink.lineJoin = "round";
  for (const stroke of strokes) {
    ink.setTransform(scale * width, 0, 0, scale * height, 0, 0);
    ink.beginPath();
    ink.moveTo(...stroke[0]);
    for (const point of stroke.length > 1 ? stroke.slice(1) : stroke) ink.lineTo(...point);
    ink.setTransform(1, 0, 0, 1, 0, 0); // so that the pen is round whatever the pad's shape
    ink.lineWidth = PEN * Math.min(pad.width, pad.height);
    ink.stroke();
  }
}

pad.addEventListener("pointerdown", (event) => {
  if (pointer !== null || event.button !== 0) return;
  pointer = event.pointerId;
  pad.setPointerCapture(pointer);
  strokes.push([place(event)]);
  latest += 1; // what is being read is out of date
  paint();
});
pad.addEventListener("pointermove", (event) => {
  if (event.pointerId !== pointer) return;
  // All places the pointer was at since the last event: quick strokes stay round.
  const moves = event.getCoalescedEvents?.() ?? [];
  strokes.at(-1).push(...(moves.length ? moves : [event]).map(place));
  paint();
});
for (const kind of ["pointerup", "pointercancel"]) {
  pad.addEventListener(kind, (event) => {
    if (event.pointerId !== pointer) return;
    pointer = null;
    readDrawing();
  });
}

async function readDrawing(tries = 3) {
  const turn = ++latest;
  if (!strokes.length) return showDrawn("", "");
  const body = JSON.stringify({ aspect: pad.clientWidth / pad.clientHeight, strokes });
  let answer;
  try {
    answer = await fetch("/read", { method: "POST", body });
  } catch {
    if (tries > 1 && turn === latest) return setTimeout(readDrawing, 300, tries - 1);
    return showDrawn("", "no connection");
  }
  if (turn !== latest) return; // drawn on meanwhile
  if (answer.status === 503) return setTimeout(readDrawing, 300, 3);
  if (!answer.ok) return showDrawn("", answer.status === 401 ? "token needed" : "too much drawn; clear the pad");
  const reading = await answer.json();
  if (turn !== latest) return;
  const sure = reading.glyphs.reduce((product, glyph) => product * glyph.probability, 1);
  showDrawn(reading.text, reading.text ? percent(sure) : "not read yet");
}

function showDrawn(text, hint) {
  $("drawn").textContent = text;
  $("drawn-percent").textContent = hint;
}

$("clear").addEventListener("click", () => {
  strokes = [];
  paint();
  readDrawing();
});
$("undo").addEventListener("click", () => {
  strokes.pop();
  paint();
  readDrawing();
});
new ResizeObserver(paint).observe(pad);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);

enter();
