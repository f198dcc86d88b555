// The frame of the page: which part is shown, the connection, the token.
import { Watch } from "./watch.js";
import { Clips } from "./clips.js";
import { Record } from "./record.js";
import { Settings } from "./settings.js";
import { Teach } from "./teach.js";

const byId = (id) => document.getElementById(id);
const AGAIN_MS = 1000; // between tries to connect

/** Ask the server; resolves to the JSON document, or throws an Error with its reason. */
export async function ask(path, options = {}) {
  if (options.body) options.headers = { "Content-Type": "application/json" };
  const response = await fetch(path, options);
  const answer = await response.json();
  if (response.status === 401) showLogin();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

const watch = new Watch();
const clips = new Clips(ask);
const record = new Record(ask);
const settings = new Settings(ask);
const teach = new Teach(ask);
const PARTS = ["watch", "clips", "record", "teach", "settings"];
let socket = null;
let again = 0;

function part() {
  return PARTS.find((name) => location.hash === `#${name}`) ?? "watch";
}

function show() {
  if (!byId("login").hidden) return;
  for (const id of PARTS) byId(id).hidden = id !== part();
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${part()}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `kws-edge: ${part()}`;
  connect();
  if (part() === "clips") clips.refresh();
  if (part() === "record") record.follow();
  if (part() === "teach") teach.refresh();
}

function connection(text, bad = false) {
  byId("connection").textContent = text;
  byId("connection").className = bad ? "bad" : "";
}

// Nothing is computed or sent for a page that nobody sees: a hidden tab disconnects, and scores
// come only while they are shown.
function connect() {
  clearTimeout(again);
  watch.pause();
  if (socket) {
    socket.onclose = socket.onmessage = null;
    socket.close();
    socket = null;
  }
  if (document.hidden) return;
  const scores = part() === "watch" ? "?scores=1" : "";
  socket = new WebSocket(new URL(`api/stream${scores}`, location.href.replace(/^http/, "ws")));
  socket.onmessage = ({ data }) => {
    connection("connected");
    const message = JSON.parse(data);
    if (message.type === "state") {
      clips.state(message.clips);
      record.state(message.record);
      settings.state(message);
      teach.state(message.teach);
    }
    if (message.type === "settings") settings.show(message);
    if (message.type === "detection" || message.type === "near_miss") clips.later();
    watch.take(message);
  };
  socket.onclose = async () => {
    connection("no connection to kws-edge", true);
    watch.pause();
    again = setTimeout(connect, AGAIN_MS);
    await ask("api/state").catch(() => {}); // only a token may be missing
  };
}

function showLogin() {
  clearTimeout(again);
  connection("no token yet");
  byId("login").hidden = false;
  for (const id of PARTS) byId(id).hidden = true;
  byId("token").focus();
}

byId("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  byId("login-fault").textContent = "";
  const token = byId("token").value.trim();
  try {
    await ask("api/login", { method: "POST", body: JSON.stringify({ token }) });
  } catch (error) {
    byId("login-fault").textContent = error.message;
    return;
  }
  byId("token").value = "";
  byId("login").hidden = true;
  show();
});
window.addEventListener("hashchange", show);
document.addEventListener("visibilitychange", connect);
ask("api/state").then(show, (error) => {
  if (byId("login").hidden) connection(error.message, true);
});
