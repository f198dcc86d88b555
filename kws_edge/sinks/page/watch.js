// Watch: the scores as a moving picture, figures, and the list of events.

const SPAN_S = 30;
const FRAME_MS = 33;
const STILL_FRAME_MS = 500; // for those who asked their system for less motion
const QUIETEST_DBFS = -80;
const PEAK_S = 0.8; // from a mark to where its peak is over, about
const AHEAD_S = 0.3; // how far the picture runs on without audio
const MOST_EVENTS = 100;
const LANE = { level: 34, keyword: 40, gap: 6, axis: 20, name: 58 };

const byId = (id) => document.getElementById(id);

export class Watch {
  constructor() {
    this.canvas = byId("scores");
    this.state = null;
    this.seen = 0; // the id of the last event shown
    this.pause();
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => (this.ink = null));
  }

  /** The connection is gone, or nobody looks: what was drawn no longer leads up to now. */
  pause() {
    this.points = []; // {time, level, scores, idle}, the oldest first
    this.marks = []; // {time, label, kind, score}
    this.drawing = false;
    this.ink = null;
  }

  take(message) {
    if (message.type === "state") this.takeState(message);
    else if (message.type === "scores") this.takeScores(message);
    else this.takeEvent(message);
  }

  takeState(state) {
    if (state.events) {
      if ((state.events.at(-1)?.id ?? 0) < this.seen) this.forget(); // another process
      for (const event of state.events) if (event.id > this.seen) this.takeEvent(event);
    }
    if (this.state && String(this.state.labels) !== String(state.labels)) this.pause(); // a model
    this.state = state;
    byId("model").textContent = state.model;
    byId("listened").textContent = duration(state.audio_s);
    byId("lost").textContent = `${(state.samples_lost / state.sample_rate).toFixed(1)} s`;
    byId("lost").className = state.samples_lost ? "bad" : "";
    const dropped = state.sinks.map((sink) => sink.dropped + sink.failed).reduce((a, b) => a + b, 0);
    byId("dropped").textContent = dropped;
    byId("dropped").className = dropped ? "bad" : "";
    byId("cpu").textContent = `${state.cpu_percent.toFixed(1)} %`;
    const microphone = state.microphone;
    byId("microphone").textContent = microphone ? microphoneText(microphone) : "file or pipe";
    byId("microphone").className = ["lost", "silent"].includes(microphone?.state) ? "bad" : "";
  }

  takeScores({ sample, level_dbfs, scores, idle }) {
    if (!this.state) return;
    if (scores.length !== this.state.labels.length) return; // of another model
    const time = sample / this.state.sample_rate;
    if (time < (this.points.at(-1)?.time ?? 0)) this.pause();
    this.points.push({ time, level: level_dbfs, scores, idle });
    while (this.points[0].time < time - SPAN_S - 1) this.points.shift();
    this.received = performance.now();
    if (!this.drawing) {
      this.drawing = true;
      this.drawn = 0;
      requestAnimationFrame((now) => this.frame(now));
    }
  }

  takeEvent(event) {
    this.seen = event.id;
    const alarm = event.type === "microphone" && ["lost", "silent"].includes(event.state);
    const item = document.createElement("li");
    item.className = alarm ? "alarm" : event.type;
    const time = document.createElement("time");
    time.dateTime = event.utc;
    time.textContent = new Date(event.utc).toLocaleTimeString([], { hour12: false });
    const what = document.createElement("b");
    what.textContent = describe(event, this.state);
    const score = document.createElement("span");
    score.textContent = event.score === undefined ? "" : event.score.toFixed(2);
    item.append(time, what, score);
    byId("events").prepend(item);
    byId("events").hidden = false;
    byId("no-events").hidden = true;
    while (byId("events").children.length > MOST_EVENTS) byId("events").lastChild.remove();
    const { time_s, label, type, score: value, samples } = event;
    if (["detection", "near_miss", "dropped"].includes(type)) {
      this.marks.push({ time: time_s, label, type, score: value, samples });
    }
  }

  forget() {
    this.seen = 0;
    this.pause();
    byId("events").replaceChildren();
  }

  frame(now) {
    if (!this.drawing || byId("watch").hidden) {
      this.drawing = false;
      return;
    }
    if (now - this.drawn >= (this.still.matches ? STILL_FRAME_MS : FRAME_MS)) {
      this.drawn = now;
      this.draw();
    }
    requestAnimationFrame((next) => this.frame(next));
  }

  draw() {
    const last = this.points.at(-1);
    byId("level").textContent = `${last.level.toFixed(0)} dBFS`;
    const names = this.state.active;
    const height =
      LANE.level + LANE.gap + names.length * (LANE.keyword + LANE.gap) + LANE.axis;
    const pen = this.sized(height);
    const width = this.canvas.clientWidth;
    const late = (performance.now() - this.received) / 1000;
    const end = last.time + Math.min(late, AHEAD_S);
    const left = LANE.name;
    const x = (time) => left + ((time - end + SPAN_S) / SPAN_S) * (width - left);
    this.marks = this.marks.filter((mark) => mark.time > end - SPAN_S - 1);
    this.axis(pen, x, end, height, width);
    this.background(pen, x, height - LANE.axis);
    const level = (point) => 1 - Math.max(point.level, QUIETEST_DBFS) / QUIETEST_DBFS;
    this.lane(pen, x, "level", 0, LANE.level, level, this.ink.soft);
    names.forEach((name, row) => {
      const top = LANE.level + LANE.gap + row * (LANE.keyword + LANE.gap);
      const index = this.state.labels.indexOf(name);
      const score = (point) => point.scores[index];
      this.lane(pen, x, name, top, LANE.keyword, score, this.ink.fill);
      const y = top + LANE.keyword * (1 - this.state.thresholds[name]);
      this.dashed(pen, left, width, y);
      for (const mark of this.marks) if (mark.label === name) this.mark(pen, x, top, mark);
    });
  }

  sized(height) {
    const scale = devicePixelRatio || 1;
    const width = this.canvas.clientWidth;
    if (this.canvas.width !== Math.round(width * scale) || this.height !== height) {
      this.height = height;
      this.canvas.width = Math.round(width * scale);
      this.canvas.height = Math.round(height * scale);
      this.canvas.style.height = `${height}px`;
      this.ink = null;
    }
    if (!this.ink) {
      const style = getComputedStyle(document.documentElement);
      const names = ["ink", "soft", "line", "fill", "threshold", "good", "near", "bad", "idle", "card"];
      this.ink = Object.fromEntries(
        names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]),
      );
      this.font = getComputedStyle(document.body).fontFamily;
    }
    const pen = this.canvas.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    pen.font = `13px ${this.font}`;
    return pen;
  }

  axis(pen, x, end, height, width) {
    pen.fillStyle = this.ink.soft;
    pen.textBaseline = "bottom";
    for (let ago = 0; ago <= SPAN_S; ago += 10) {
      const at = x(end - ago);
      pen.textAlign = ago === 0 ? "right" : ago === SPAN_S ? "left" : "center";
      pen.fillText(ago ? `−${ago} s` : "now", Math.min(at, width), height);
      pen.globalAlpha = 0.4;
      pen.fillRect(Math.round(Math.min(at, width - 1)), 0, 1, height - LANE.axis);
      pen.globalAlpha = 1;
    }
  }

  background(pen, x, bottom) {
    const left = LANE.name;
    pen.fillStyle = this.ink.idle;
    this.points.forEach((point, i) => {
      const from = Math.max(left, x(this.points[i - 1]?.time ?? point.time));
      if (point.idle && x(point.time) > from) pen.fillRect(from, 0, x(point.time) - from + 0.5, bottom);
    });
    pen.fillStyle = this.ink.bad;
    for (const { type, time, samples } of this.marks) {
      const from = Math.max(left, x(time - samples / this.state.sample_rate));
      if (type === "dropped") pen.fillRect(from, 0, Math.max(2, x(time) - from), bottom);
    }
  }

  lane(pen, x, name, top, height, value, colour) {
    pen.textAlign = "left";
    pen.textBaseline = "middle";
    pen.fillStyle = this.ink.ink;
    pen.fillText(name, 0, top + height / 2, LANE.name - 8);
    pen.fillStyle = this.ink.line;
    pen.fillRect(LANE.name, top + height, this.canvas.clientWidth - LANE.name, 1);
    pen.save();
    pen.beginPath();
    pen.rect(LANE.name, top, this.canvas.clientWidth, height);
    pen.clip();
    pen.beginPath();
    pen.moveTo(x(this.points[0].time), top + height);
    for (const point of this.points) pen.lineTo(x(point.time), top + height * (1 - value(point)));
    const line = new Path2D();
    this.points.forEach((point, i) => {
      const at = [x(point.time), top + height * (1 - value(point))];
      i ? line.lineTo(...at) : line.moveTo(...at);
    });
    pen.lineTo(x(this.points.at(-1).time), top + height);
    pen.fillStyle = pen.strokeStyle = colour;
    pen.globalAlpha = 0.25;
    pen.fill();
    pen.globalAlpha = 1;
    pen.lineWidth = 1.5;
    pen.stroke(line);
    pen.restore();
  }

  dashed(pen, from, to, height) {
    const y = Math.round(height) + 0.5; // the middle of a row of pixels: a sharp line
    pen.strokeStyle = this.ink.threshold;
    pen.lineWidth = 1;
    pen.setLineDash([5, 4]);
    pen.beginPath();
    pen.moveTo(from, y);
    pen.lineTo(to, y);
    pen.stroke();
    pen.setLineDash([]);
  }

  mark(pen, x, top, { time, type, score }) {
    const at = x(time);
    if (at < LANE.name + 4) return;
    const y = top + LANE.keyword * (1 - score);
    const colour = type === "detection" ? this.ink.good : this.ink.near;
    pen.beginPath();
    pen.arc(at, Math.max(y, top + 4), 4, 0, 2 * Math.PI);
    pen.lineWidth = 2;
    pen.strokeStyle = colour;
    pen.fillStyle = type === "detection" ? colour : this.ink.card;
    pen.fill();
    pen.stroke();
    pen.fillStyle = colour;
    pen.textBaseline = "middle";
    const beside = 6 + x(time + PEAK_S) - at;
    const fits = at + beside + 32 < this.canvas.clientWidth;
    pen.textAlign = fits ? "left" : "right";
    pen.fillText(score.toFixed(2), at + (fits ? beside : -beside), top + LANE.keyword / 2 + 4);
  }
}

function describe(event, state) {
  const model = event.model ? ` (${event.model})` : "";
  const reason = event.reason ? `: ${event.reason}` : "";
  if (event.type === "detection") {
    return event.words ? `${event.label} (${event.words.join(" ")})` : event.label + model;
  }
  if (event.type === "near_miss") return `nearly ${event.label}${model}`;
  if (event.type === "microphone") return `microphone ${microphoneText(event)}`;
  if (event.type === "dropped") {
    const seconds = state ? `${(event.samples / state.sample_rate).toFixed(2)} s` : "some audio";
    return `${seconds} lost${reason}`;
  }
  if (event.type === "settings") return event.mute ? "muted" : "settings changed";
  return `stopped${reason}`;
}

function microphoneText({ state, reason }) {
  const names = { back: "open again", sound: "no longer silent", silent: "silent: is it muted?" };
  return `${names[state] ?? state}${state === "lost" && reason ? `: ${reason}` : ""}`;
}

function duration(seconds) {
  const [h, m, s] = [seconds / 3600, (seconds / 60) % 60, seconds % 60].map(Math.floor);
  return h ? `${h} h ${m} min` : `${m} min ${s} s`;
}
