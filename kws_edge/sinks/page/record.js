// Record: prompts, the level while a take is recorded, its judgement, and what becomes of it.

const byId = (id) => document.getElementById(id);
const NAMES = { _unknown_: "other words", _silence_: "noise of the room" };
const STATES = {
  countdown: ({ seconds_left }) => `get ready: ${Math.ceil(2 * seconds_left)}`,
  now: ({ seconds_left, level_dbfs }) =>
    `NOW: ${seconds_left.toFixed(1)} s${level_dbfs === null ? "" : `, ${level_dbfs.toFixed(0)} dBFS`}`,
  judging: () => "measuring",
  answer: ({ faults }) => (faults.length ? "refused" : "good"),
};
const REDRAW_MS = 100; // while a take is recorded
const LOWEST_DBFS = -60; // left end of the level
const LOUD_DBFS = -3;
const KEYS = { r: "again", s: "skip", q: "quit" };

export class Record {
  constructor(ask) {
    this.ask = ask;
    this.session = null;
    this.shown = ""; // the choice of words
    this.sound = new Audio();
    byId("record-speaker").value = localStorage.getItem("speaker") || "";
    byId("record-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.start();
    });
    for (const answer of ["keep", "again", "skip", "quit"]) {
      byId(`take-${answer}`).addEventListener("click", () => this.answer(answer));
    }
    byId("take-play").addEventListener("click", () => this.play());
    byId("take").addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
      const key = event.key.toLowerCase();
      if (key === "p") this.play();
      else if (KEYS[key]) byId(`take-${KEYS[key]}`).click();
    });
  }

  /** What `api/state` has below "record": each second, and after each request. */
  state(record) {
    const before = this.session;
    const now = record.session;
    if (before && now && now.take < before.take) return; // an answer that came late
    this.session = now;
    this.form(record);
    byId("record-form").hidden = now !== null;
    byId("take").hidden = now === null;
    if (!now && before) this.stop();
    if (now) this.draw(now, before);
    else if (before || !byId("record-result").className) this.result(record.ended);
    if (!now && before && !byId("record").hidden) byId("record-start").focus();
    this.follow();
  }

  /** Ask again soon while a take is recorded and somebody looks. */
  follow() {
    clearTimeout(this.timer);
    const recording = this.session && this.session.phase !== "answer";
    if (!recording || document.hidden || byId("record").hidden) return;
    this.timer = setTimeout(() => this.ask("api/record").then((r) => this.state(r), () => {}), REDRAW_MS);
  }

  form({ recordings, labels }) {
    byId("record-hint").textContent = recordings
      ? `kws-edge records from its own microphone into ${recordings}.`
      : "To record samples, start kws-edge with --page-recordings FOLDER.";
    byId("record-start").disabled = !recordings;
    if (this.shown === labels.join()) return;
    this.shown = labels.join();
    byId("record-labels").replaceChildren(...labels.map(choice));
  }

  async start() {
    const speaker = byId("record-speaker").value.trim();
    localStorage.setItem("speaker", speaker);
    const chosen = [...byId("record-labels").querySelectorAll(":checked")].map(({ value }) => value);
    const own = byId("record-own").value.split(/[\s,]+/).filter(Boolean);
    const count = Number(byId("record-count").value);
    const seconds = Number(byId("record-seconds").value);
    await this.send("api/record", { labels: [...chosen, ...own], speaker, count, seconds });
  }

  answer(answer) {
    if (this.session) this.send("api/record/answer", { answer, take: this.session.take });
  }

  async send(path, body) {
    this.stop();
    try {
      const record = await this.ask(path, { method: "POST", body: JSON.stringify(body) });
      this.result("");
      this.state(record);
    } catch (error) {
      this.result(error.message, true);
    }
  }

  draw(now, before) {
    const changed = now.take !== before?.take || now.phase !== before?.phase;
    byId("take").dataset.phase = now.phase;
    byId("take-prompt").textContent = now.prompt;
    byId("take-state").textContent = now.clipped ? "CLIPPED" : STATES[now.phase](now);
    const level = now.phase === "now" && now.level_dbfs !== null ? now.level_dbfs : LOWEST_DBFS;
    const share = Math.min(1, Math.max(0, 1 - level / LOWEST_DBFS));
    byId("take-bar").style.width = `${Math.round(100 * share)}%`;
    byId("take-level").className = now.clipped ? "bad" : level > LOUD_DBFS ? "loud" : "";
    byId("take-level").setAttribute("aria-valuenow", Math.round(level));
    const counts = Object.entries(now.have).map(
      ([label, n]) => `${NAMES[label] ?? label} ${n} of ${now.count}`,
    );
    byId("take-counts").textContent = `${now.speaker}: ${counts.join(", ")}`;
    byId("take-saved").textContent = now.saved ? `saved ${now.saved}` : "";
    if (changed) this.judgement(now);
  }

  /** A take began, or has been judged: its figures or faults, the buttons, and the focus. */
  judgement({ phase, faults, figures }) {
    const answer = phase === "answer";
    const good = answer && !faults.length;
    const lines = (good ? [figures] : faults).map((text) => {
      const line = document.createElement("li");
      line.textContent = text;
      return line;
    });
    byId("take-result").className = good ? "" : "bad";
    byId("take-result").replaceChildren(...lines);
    const focused = byId("record").contains(document.activeElement);
    byId("take-keep").disabled = !good;
    byId("take-again").disabled = !answer;
    byId("take-play").disabled = !(answer && figures);
    if (!focused && document.activeElement !== document.body) return; // it is elsewhere
    const next = good ? "take-keep" : answer ? "take-again" : "take-prompt";
    byId(next).focus();
  }

  play() {
    if (byId("take-play").disabled) return;
    this.sound.src = `api/record/take?${this.session.take}`;
    this.sound.play().catch(() => this.result("this browser cannot play it", true));
  }

  stop() {
    this.sound.pause();
  }

  result(text, bad = false) {
    if (byId("record-result").textContent !== text) byId("record-result").textContent = text;
    byId("record-result").className = bad ? "bad" : "";
  }
}

function choice(value) {
  const label = document.createElement("label");
  const box = document.createElement("input");
  Object.assign(box, { type: "checkbox", value });
  label.append(box, NAMES[value] ?? value);
  return label;
}
