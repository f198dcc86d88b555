// Teach: a job that learns from the recordings, what it changed, and the change to its model.

const byId = (id) => document.getElementById(id);
const NAMES = { _unknown_: "other", _silence_: "noise" };
const STEPS = ["train", "export", "tune", "release", "compare"];
// steps of the chain that are not worth a word of their own, and where they belong
const PART_OF = { data: "train", streams: "tune", evaluate: "release" };
const AGAIN_MS = 2000; // between looks at a job that is at work
const STATES = {
  cancelled: "cancelled",
  stopped: "stopped with kws-edge's service or by the system",
  "time limit": "stopped: it took too long",
  died: "ended without a word: out of memory, or the machine was switched off",
  failed: "failed",
};

export class Teach {
  constructor(ask) {
    this.ask = ask;
    this.known = ""; // of the job, from the stream
    byId("teach-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.send("api/teach", { only: byId("only").checked }, byId("teach-state"));
    });
    byId("teach-cancel").addEventListener("click", () => {
      this.send("api/teach/cancel", {}, byId("teach-state"));
    });
    byId("switch").addEventListener("click", () => this.change(this.model));
    byId("switch-back").addEventListener("click", () => this.change(null));
  }

  /** The stream's word about the job: look at it when it has changed. */
  state(job) {
    const now = JSON.stringify(job);
    if (now !== this.known && !byId("teach").hidden) this.refresh();
    this.known = now;
  }

  async refresh() {
    clearTimeout(this.timer);
    let job;
    try {
      job = await this.ask("api/teach");
    } catch (error) {
      say(byId("teach-state"), error.message, true);
      this.known = ""; // look again with the next word from the stream
      return;
    }
    this.show(job);
    const look = job.state === "running" && !byId("teach").hidden && !document.hidden;
    if (look) this.timer = setTimeout(() => this.refresh(), AGAIN_MS);
  }

  show(job) {
    const running = job.state === "running";
    const takes = Object.entries(job.takes);
    const nothing = "Label clips or record some: there is nothing to learn from yet.";
    const ready = takes.length
      ? "It learns from your recordings beside public ones. That takes minutes and most of the machine."
      : nothing;
    say(byId("teach-hint"), job.unavailable || ready, Boolean(job.unavailable));
    const counts = takes.map(([label, count]) => item(`${NAMES[label] ?? label} ${count}`));
    fill(byId("takes"), counts);
    byId("only").disabled = running;
    byId("teach-start").disabled = running || Boolean(job.unavailable) || !takes.length;
    byId("teach-cancel").hidden = !running;
    const again = ["none", "done"].includes(job.state) || running;
    byId("teach-start").textContent = again ? "Teach" : "Go on";
    this.showJob(job, running);
    this.showChanges(job);
  }

  showJob(job, running) {
    byId("teach-job").hidden = job.state === "none";
    const step = PART_OF[job.step] ?? job.step ?? STEPS[0];
    const at = job.state === "done" ? STEPS.length : STEPS.indexOf(step);
    const steps = STEPS.map((name, place) => {
      const one = item(name);
      const here = running ? "now" : "bad";
      one.className = place < at ? "done" : place === at ? here : "";
      if (one.className === "now") one.setAttribute("aria-current", "step");
      return one;
    });
    fill(byId("steps"), steps);
    const epochs = running && step === "train" && job.epochs;
    byId("epochs").hidden = !epochs;
    if (epochs) {
      byId("epochs").max = job.epochs;
      byId("epochs").value = job.epoch;
    }
    const log = byId("teach-log");
    const below = log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
    log.textContent = job.log.join("\n");
    if (below) log.scrollTop = log.scrollHeight;
    let text = "";
    if (running && epochs) text = `${step}: epoch ${job.epoch} of ${job.epochs}`;
    else if (running) text = step;
    else if (job.state === "done") text = `${job.model} is made`;
    else if (job.state !== "none") text = STATES[job.state];
    if (job.state === "failed" && job.log.length) text += `: ${job.log.at(-1)}`;
    say(byId("teach-state"), text, job.state in STATES);
  }

  showChanges(job) {
    this.model = job.model;
    const made = job.state === "done" && job.file;
    const inForce = job.in_force === job.file;
    byId("comparison").hidden = !made;
    if (!made) return;
    fill(byId("changes"), job.comparison.map(row));
    byId("switch").hidden = inForce;
    byId("switch-back").hidden = !inForce;
    byId("switch-hint").textContent = inForce
      ? `${job.model} is at work until the configuration is read again. To keep it, set model: ${job.file}`
      : `${job.model} is ready. No audio is lost when it takes over.`;
  }

  async change(model) {
    say(byId("switch-result"), "loading the model");
    if (await this.send("api/teach/switch", { model }, byId("switch-result"))) {
      say(byId("switch-result"), "in force");
    }
    (byId("switch").hidden ? byId("switch-back") : byId("switch")).focus();
  }

  async send(path, body, place) {
    try {
      await this.ask(path, { method: "POST", body: JSON.stringify(body) });
    } catch (error) {
      say(place, error.message, true);
      return false;
    }
    await this.refresh();
    return true;
  }
}

function row({ clips, spots, count, before, after }) {
  const made = document.createElement("tr");
  const name = document.createElement("th");
  name.scope = "row";
  name.textContent = `${clips}: ${spots ? "spotted" : "false accepts"}`;
  const cells = [before, after].map((value) => {
    const cell = document.createElement("td");
    cell.textContent = value === null ? "new" : `${value} of ${count}`;
    return cell;
  });
  if (before !== null && before !== after) {
    cells[1].className = after > before === spots ? "better" : "worse";
  }
  made.append(name, ...cells);
  return made;
}

/** Exchange what a list holds where it has changed: what is read or selected stays. */
function fill(list, items) {
  const html = items.map((one) => one.outerHTML).join("");
  if (html !== [...list.children].map((one) => one.outerHTML).join("")) list.replaceChildren(...items);
}

function item(text) {
  const made = document.createElement("li");
  made.textContent = text;
  return made;
}

function say(place, text, bad = false) {
  place.textContent = text;
  place.className = bad ? "bad" : "";
}
